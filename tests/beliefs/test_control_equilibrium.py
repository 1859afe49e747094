"""Where executors settle: fixed points checked by expectations written here, limits that are known, and real models."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from equipoise import games
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_equilibrium import Settled, solve_control
from equipoise.beliefs.control_game import ControlGame, control_game
from equipoise.beliefs.control_players import Player, by_column, copies
from equipoise.beliefs.control_search import ascend, best_profile, independent_replies
from equipoise.beliefs.control_solving import clusters_of
from equipoise.beliefs.control_temperatures import ControlSettings, references, temperatures
from equipoise.errors import InputError

PLAYERS = (Player(name="a", columns=(0, 3)), Player(name="b", columns=(1,)), Player(name="c", columns=(2, 4)))


def made(train: Ballots, players: Sequence[Player] = PLAYERS, **settings: Any) -> ControlGame:
    game = control_game(train, players, **settings)
    assert game is not None
    return game


def settle(game: ControlGame, **settings: Any) -> Settled:
    return solve_control(game, ControlSettings(**settings)).states[0]


def quantal(tensor: np.ndarray, policy: Sequence[np.ndarray], reference: Sequence[np.ndarray], tau: Any) -> list[Any]:
    """The quantal reply to a profile, by summing over all profiles of the others."""
    found = []
    for i in range(tensor.ndim):
        q = np.zeros(tensor.shape[i])
        for profile in product(*(range(n) for n in tensor.shape)):
            chance = np.prod([policy[j][profile[j]] for j in range(tensor.ndim) if j != i])
            q[profile[i]] += chance * tensor[profile]
        weight = reference[i] * np.exp((q - q.max()) / tau[i])
        found.append(weight / weight.sum())
    return found


@pytest.fixture
def train(simulate: Callable[..., Ballots]) -> Ballots:
    ballots = simulate([0.8, 0.7, 0.65, 0.5, 0.6], 3, 120, seed=3, silent=0.1)
    return replace(ballots, cost=np.random.default_rng(0).uniform(1.0, 9.0, ballots.cost.shape))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.005, "multiplier": 2.0},
        {"schedule": "entropy"},
        {"schedule": "certified"},
        {"clones": "xyx", "tilt": 1.0},
    ],
)
def test_the_policy_is_its_own_quantal_reply(train: Ballots, settings: dict[str, Any]) -> None:
    game = made(train, price=0.004)
    found = solve_control(game, ControlSettings(**settings))
    settled = found.states[0]
    assert game.tensor is not None and settled.solved is not None
    reply = quantal(game.tensor[0], settled.policy, found.reference, settled.solved.temperatures)
    for own, other in zip(settled.policy, reply, strict=True):
        assert np.allclose(own, other, atol=1e-8)
    assert settled.status is games.Status.CONVERGED
    assert settled.residual is not None and settled.residual < 1e-8


def test_what_it_earns_is_what_the_tensor_says(train: Ballots) -> None:
    game = made(train, price=0.004)
    settled = settle(game)
    assert game.tensor is not None
    tensor = game.tensor[0]
    mixed = np.einsum("abc,a,b,c->", tensor, *settled.policy)
    assert settled.earned["sample"] == pytest.approx(mixed)
    assert settled.earned["mode"] == pytest.approx(tensor[tuple(settled.mode)])
    assert settled.earned["best"] == pytest.approx(tensor.max())
    assert settled.kept in ("equilibrium", "enumerated")
    assert tensor[tuple(settled.profile)] == pytest.approx(tensor.max())
    assert np.array_equal(settle(game, compare=False).profile, settled.mode)


def test_players_in_another_order_settle_in_the_same_place(train: Ballots) -> None:
    order = [2, 0, 1]
    one, other = settle(made(train, price=0.004)), settle(made(train, [PLAYERS[i] for i in order], price=0.004))
    for place, i in enumerate(order):
        assert np.allclose(one.policy[i], other.policy[place], atol=1e-7)


def test_heat_makes_controls_uniform_and_cold_makes_them_best(train: Ballots) -> None:
    game = made(train, price=0.004)
    hot = settle(game, multiplier=1e4)
    assert all(np.allclose(policy, 1 / len(policy), atol=1e-3) for policy in hot.policy)
    cold = settle(game, temperature=1e-4)
    assert game.tensor is not None
    assert ascend(game, 0, cold.mode[None])[0].tolist() == cold.mode.tolist()


def test_a_dearer_price_never_buys_more(train: Ballots) -> None:
    spent = []
    for price in (0.0, 0.002, 0.01, 0.05):
        game = made(train, price=price)
        best, search = best_profile(game, 0)
        called = game.calls(best)
        spent.append(float(np.append(game.mean_cost[0], 0.0)[called].sum()))
        assert search == "enumerated"
    assert spent == sorted(spent, reverse=True)
    assert spent[0] > spent[-1]


def test_without_regularisation_the_end_is_a_pure_profile_that_depends_on_the_start(train: Ballots) -> None:
    game = made(train, copies(train.columns, 3), price=0.002, anchor=False)
    ends = {tuple(settle(game, schedule="unregularised", compare=False, seed=seed).profile) for seed in range(8)}
    assert len(ends) > 1
    settled = settle(game, schedule="unregularised")
    assert settled.solved is None and settled.status is None and settled.residual is None
    assert {float(policy.max()) for policy in settled.policy} == {1.0}
    equal = {tuple(settle(game, seed=seed, compare=False).profile) for seed in range(4)}
    assert len(equal) == 1


def test_of_profiles_that_earn_the_same_the_cheapest_is_best(ballots_from: Callable[..., Ballots]) -> None:
    train = ballots_from([["r", "r"], ["w", "w"], ["r", "r"]] * 20, [[True, True], [False, False], [True, True]] * 20)
    train = replace(train, cost=np.tile([5.0, 2.0], (60, 1)))
    game = made(train, by_column(train.columns))
    for chosen in (game, replace(game, tensor=None)):
        best, _ = best_profile(chosen, 0)
        assert game.calls(best).tolist() in ([2, 1], [1, 2])


def test_a_mode_that_is_worse_than_the_best_profile_gives_way_and_says_so(train: Ballots) -> None:
    game = made(train, copies(train.columns, 3))
    worse = settle(game, tilt=0.0)
    assert worse.earned["best"] > worse.earned["mode"]
    assert worse.kept == "enumerated" and np.array_equal(worse.profile, worse.best)
    kept = settle(game, tilt=0.0, compare=False)
    assert kept.kept == "equilibrium" and np.array_equal(kept.profile, worse.mode)


def test_simultaneous_best_replies_stay_where_all_are_content(train: Ballots) -> None:
    game = made(train, price=0.004)
    best, _ = best_profile(game, 0)
    assert np.array_equal(independent_replies(game, 0, best), best)


def test_ascent_without_a_tensor_finds_what_enumeration_finds(train: Ballots) -> None:
    game = made(train, price=0.004)
    blind = replace(game, tensor=None)
    best, search = best_profile(blind, 0)
    assert search == "ascent"
    assert game.tensor is not None
    assert game.tensor[0][tuple(best)] == pytest.approx(game.tensor.max())


def test_one_executor_takes_its_quantal_choice(train: Ballots) -> None:
    game = made(train, [Player(name="only", columns=(0, 1, 2))], price=0.004)
    for schedule in ("homogeneous", "certified"):
        settled = settle(game, schedule=schedule)
        assert game.tensor is not None
        assert settled.mode[0] == game.tensor[0].argmax()
        weight = np.exp(game.tensor[0] / 0.02)
        assert np.allclose(settled.policy[0], weight / weight.sum(), atol=1e-8)


def test_a_control_that_always_fails_is_not_played(train: Ballots) -> None:
    assert train.correct is not None
    answers, correct = train.answers.copy(), train.correct.copy()
    answers[:, 1], correct[:, 1] = -1, False
    settled = settle(made(replace(train, answers=answers, correct=correct), price=0.01), temperature=0.005)
    assert settled.profile[1] == 1  # abstains
    assert settled.policy[1][0] < 0.2


def test_identical_executors_mix_alike_and_are_told_apart_by_their_references(train: Ballots) -> None:
    game = made(train, copies(train.columns, 3))
    alike = settle(game, tilt=0.0)
    assert all(np.allclose(policy, alike.policy[0], atol=1e-6) for policy in alike.policy)
    apart = solve_control(game, ControlSettings(tilt=0.75))
    favourites = [int(row.argmax()) for row in apart.reference]
    assert len(set(favourites)) == 3
    odds = [float(row.max() / row.min()) for row in apart.reference]
    assert np.allclose(odds, np.exp(0.75))
    assert game.alone[0, favourites[0]] == game.alone[0].max()


def test_references_are_uniform_but_for_clones_that_have_a_choice(train: Ballots) -> None:
    game = made(train)
    assert all(np.ptp(row) == 0.0 for row in references(game, ControlSettings()))
    told = references(game, ControlSettings(clones=["m", "m", "m"]))
    assert [float(np.ptp(row)) > 0.0 for row in told] == [True, False, True]
    with pytest.raises(InputError, match="clones has 2 entries"):
        references(game, ControlSettings(clones=["m", "n"]))


def test_an_executor_of_two_minds_is_hot_where_it_is(ballots_from: Callable[..., Ballots]) -> None:
    rows = [["x", "x", "x"]] * 30 + [["x", "y", "x"]] * 30
    correct = [[True, True, True]] * 30 + [[True, False, True]] * 30
    train = ballots_from(rows, correct)
    players = (
        Player(name="wavers", columns=(0, 1)),
        Player(name="firm", columns=(0, 2)),
        Player(name="s", columns=(1,)),
    )
    states = np.repeat([0, 1], 30)
    found = temperatures(made(train, players, states=states), ControlSettings(schedule="entropy", multiplier=0.5))
    assert np.allclose(found, 0.5 * np.array([[0.01, 0.01, 0.01], [0.1, 0.01, 0.01]]))


def test_certified_temperatures_prove_what_they_say_and_are_never_lowered(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004)
    settled = settle(game, schedule="certified", temperature=0.01)
    assert settled.solved is not None and game.games is not None
    assert (settled.solved.temperatures >= 0.01).all()
    assert games.certify(game.games[0], settled.solved.temperatures).certified
    assert len(games.find_all(game.games[0], settled.solved.temperatures, starts=20)) == 1


def test_clusters_are_in_equilibrium_with_the_modes_of_the_others(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.002)
    settled = settle(game, hierarchy=True)
    solved = settled.solved
    assert solved is not None and solved.gate is not None and settled.whole is None
    assert solved.clusters == ((0, 1, 2, 3), (4,))
    assert solved.gate.sum() == pytest.approx(1.0)
    silent = np.ones(5, dtype=np.intp)
    for members, equilibrium in zip(solved.clusters, solved.equilibria, strict=True):
        payoffs = equilibrium.problem.game.payoff  # pyright: ignore[reportAttributeAccessIssue]
        expected = {(game.local(0, members, profile).payoff).tobytes() for profile in (silent, settled.mode)}
        assert payoffs.tobytes() in expected
    flat = settle(game)
    assert flat.whole is not None
    assert settled.earned["mode"] == pytest.approx(flat.earned["mode"], abs=0.03)


def test_large_teams_are_solved_in_clusters(train: Ballots) -> None:
    assert clusters_of((6, 6, 6, 6, 6, 2)) == ((0, 1, 2, 3), (4, 5))
    assert clusters_of((101, 101, 2)) == ((0,), (1, 2))
    game = made(train, copies(train.columns, 6), price=0.002)
    settled = settle(game)
    assert settled.search == "ascent" and settled.kept in ("equilibrium", "ascent")
    assert settled.status is games.Status.CONVERGED
    assert settled.earned["best"] >= settled.earned["mode"] - 1e-12


def test_states_settle_each_by_itself(train: Ballots) -> None:
    states = np.arange(len(train)) % 2
    found = solve_control(made(train, price=0.004, states=states))
    game = made(train, price=0.004, states=states)
    assert game.tensor is not None
    for state, settled in enumerate(found.states):
        alone = games.solve(games.CommonPayoff(game.tensor[state]), 0.02)
        assert np.allclose(np.concatenate(settled.policy), alone.policy, atol=1e-7)


def test_calls_name_columns_and_the_anchor_where_all_are_silent(train: Ballots) -> None:
    found = solve_control(made(train, price=10.0))
    assert found.calls() == (found.game.anchor, None, None)
    json.dumps(found.as_json())
    free = solve_control(made(train, price=0.004), ControlSettings(readout="sample", compare=False))
    rng = np.random.default_rng(0)
    drawn = np.array([free.profile(0, rng) for _ in range(2000)])
    assert np.bincount(drawn[:, 0], minlength=3) / 2000 == pytest.approx(free.states[0].policy[0], abs=0.05)


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0.0}, {"damping": 1.5}, {"tilt": -1.0}, {"multiplier": float("inf")}]
)
def test_settings_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        ControlSettings(**wrong)


def test_tilted_references_keep_real_clones_from_voting_as_one(pool: Callable[[str], Ballots]) -> None:
    shortfall = {0.0: 0.0, 0.75: 0.0}
    for name in ("gsmP_gpt35", "csqa_gpt35", "plan_gpt4"):
        ballots = pool(name)
        train = ballots.at(np.random.default_rng(0).permutation(len(ballots))[: round(0.4 * len(ballots))])
        for tilt in shortfall:
            earned = settle(made(train, copies(train.columns, 3)), tilt=tilt).earned
            shortfall[tilt] += (earned["best"] - earned["mode"]) / 3
    assert shortfall[0.75] < 0.01 < shortfall[0.0]

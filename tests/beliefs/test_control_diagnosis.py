"""What is said of a policy: margins against second differences, checklists against counts, and real teams."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from equipoise import games
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_coupling import margin
from equipoise.beliefs.control_diagnosis import diagnose
from equipoise.beliefs.control_equilibrium import ControlEquilibrium, solve_control
from equipoise.beliefs.control_game import ControlGame, control_game
from equipoise.beliefs.control_players import Player, by_column, copies
from equipoise.beliefs.control_stability import motion, perturbation
from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.games.certificates.paper_margin import extreme_coupling


def made(train: Ballots, players: Sequence[Player], **settings: Any) -> ControlGame:
    game = control_game(train, players, **settings)
    assert game is not None
    return game


def solved(game: ControlGame, **settings: Any) -> ControlEquilibrium:
    return solve_control(game, ControlSettings(**settings))


@pytest.fixture
def train(simulate: Callable[..., Ballots]) -> Ballots:
    ballots = simulate([0.8, 0.7, 0.65, 0.5, 0.6], 3, 120, seed=3, silent=0.1)
    return replace(ballots, cost=np.random.default_rng(0).uniform(1.0, 9.0, ballots.cost.shape))


def test_the_coupling_of_two_executors_is_a_quarter_of_the_largest_second_difference(train: Ballots) -> None:
    players = (Player(name="a", columns=(0, 1)), Player(name="b", columns=(2, 3, 4)))
    game = made(train, players, price=0.004)
    assert game.tensor is not None
    u, most = game.tensor[0], 0.0
    for a, b in combinations(range(3), 2):
        for c, d in combinations(range(4), 2):
            most = max(most, abs(u[a, c] - u[b, c] - u[a, d] + u[b, d]))
    found = margin(game, 0, solved(game).states[0])
    assert found.how == "exact"
    assert found.coupling == pytest.approx(most / 4)
    assert found.mu == pytest.approx(0.02 - most / 4)
    assert found.finding is (games.Finding.CERTIFIED if most / 4 < 0.02 else games.Finding.REFUTED)


def test_no_direction_is_steeper_than_the_coupling_says(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004)
    found = margin(game, 0, solved(game).states[0])
    assert game.games is not None
    one, rng = game.games[0], np.random.default_rng(0)
    regularizer = games.Regularizer.of(one.layout, 1.0)
    for _ in range(200):
        x, y = (np.concatenate([rng.dirichlet(np.full(2, 0.3)) for _ in range(5)]) for _ in range(2))
        steep = (one.q(x, regularizer) - one.q(y, regularizer)) @ (x - y)
        apart = sum(np.abs(x - y)[2 * i : 2 * i + 2].sum() ** 2 for i in range(5))
        assert steep <= found.coupling * apart + 1e-12


def test_heat_above_the_coupling_certifies_and_one_below_refutes(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004)
    assert game.games is not None
    exact = extreme_coupling(game.games[0])
    assert exact is not None
    warm = margin(game, 0, solved(game, temperature=1.01 * exact).states[0])
    cold = margin(game, 0, solved(game, temperature=0.99 * exact).states[0])
    assert (warm.finding, cold.finding) == (games.Finding.CERTIFIED, games.Finding.REFUTED)
    assert "paper_margin" in warm.certified_by and "paper_margin" not in cold.certified_by
    assert warm.heat == pytest.approx(1.01)
    half = margin(game, 0, solved(game, temperature=1.01 * exact, multiplier=0.5).states[0])
    assert half.mu == pytest.approx(0.505 * exact - exact)


def test_without_a_tensor_the_coupling_is_bracketed(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004)
    blind = replace(game, tensor=None)
    assert game.games is not None
    exact = extreme_coupling(game.games[0])
    assert exact is not None
    found = margin(blind, 0, solved(blind).states[0])
    assert found.how == "estimated"
    assert found.interval[0] <= exact * (1 + 1e-9) <= found.interval[1]
    assert found.interval[0] == pytest.approx(exact)  # sub-games of three controls are the game here
    many = made(train, copies(train.columns, 4), price=0.004)
    bracket = margin(many, 0, solved(many).states[0])
    assert bracket.how == "bracketed"
    low, high = bracket.interval
    assert 0.0 < low == bracket.coupling < high
    between = margin(many, 0, solved(many, temperature=(low + high) / 2).states[0])
    above = margin(many, 0, solved(many, temperature=1.01 * high).states[0])
    verdicts = [found.finding for found in (bracket, between, above)]
    assert verdicts == [games.Finding.REFUTED, games.Finding.INCONCLUSIVE, games.Finding.CERTIFIED]
    assert between.mu_interval == pytest.approx(((low - high) / 2, (high - low) / 2))


def test_the_coupled_estimate_has_an_interval_that_knows_its_noise(simulate: Callable[..., Ballots]) -> None:
    # Too many players for sub-games of two controls each, so that only sampled directions are left.
    train = simulate(np.linspace(0.5, 0.8, 14).tolist(), 3, 90, seed=1)
    game = made(train, by_column(train.columns), price=0.01)
    assert game.tensor is None
    found = margin(game, 0, solved(game).states[0])
    assert found.how == "estimated"
    low, high = found.interval
    assert 0.0 < low < found.coupling < high
    # Twelve of them with a tensor: what the directions of more players reach cannot be far above their exact coupling.
    fewer = made(train.only(range(12)), by_column(train.columns[:12]), price=0.01)
    assert fewer.games is not None
    exact = extreme_coupling(fewer.games[0])
    assert exact is not None and found.coupling < 1.5 * exact


def test_one_executor_is_coupled_to_nobody(train: Ballots) -> None:
    found = diagnose(solved(made(train, [Player(name="only", columns=(0, 1))], price=0.004)), samples=2)
    assert found.mu == pytest.approx(0.02)
    assert found.finding is games.Finding.CERTIFIED
    assert found.states[0].margin.heat is None
    assert found.asymmetry.disagreement is None
    json.dumps(found.as_json())


def test_abr_gap_and_entropy_are_those_of_the_policy(train: Ballots) -> None:
    game = made(train, (Player(name="a", columns=(0, 1)), Player(name="b", columns=(2,))), price=0.004)
    found = solved(game)
    told = diagnose(found, samples=0).states[0]
    assert game.tensor is not None
    u, (p, r) = game.tensor[0], found.states[0].policy
    gains = [(u @ r).max() - p @ u @ r, (p @ u).max() - p @ u @ r]
    assert told.abr == pytest.approx(np.mean(gains))
    assert told.abr_played == pytest.approx(0.0)  # the best profile cannot be left with a gain
    spread = [-(row * np.log(row)).sum() / np.log(len(row)) for row in (p, r)]
    assert told.entropy == pytest.approx(np.mean(spread))
    assert told.regularized_gap == pytest.approx(0.0, abs=1e-9)
    assert told.reward_best >= told.reward_mode >= told.reward_sample - 0.05


def test_full_steps_swing_where_damped_ones_settle(train: Ballots) -> None:
    game = made(train, copies(train.columns, 3), price=0.004)
    told = motion(solved(game, tilt=0.0).states[0])
    assert told.oscillation is not None and told.oscillation_undamped is not None
    assert told.oscillation_undamped > 0.5 > told.oscillation
    assert told.drift is not None and told.drift >= 0.0
    assert told.regret_best is not None and told.regret_hqre is not None and told.price is not None
    assert told.regret_best == pytest.approx(told.regret_hqre + told.price)
    settled = solved(game, tilt=0.0).states[0]
    assert told.price == pytest.approx(settled.earned["best"] - settled.earned["sample"])
    assert motion(solved(game, schedule="unregularised").states[0]).oscillation is None


def test_a_certified_team_does_not_drift(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004)
    told = motion(solved(game, schedule="certified").states[0])
    assert told.drift is not None and told.drift < 1e-12


def test_questions_that_are_all_alike_cannot_be_perturbed(ballots_from: Callable[..., Ballots]) -> None:
    train = ballots_from([["x", "x", "y"]] * 70, [[True, True, False]] * 70)
    found = solved(made(train, by_column(train.columns), price=0.01))
    told = perturbation(found, samples=4)
    assert (told.mode_changed, told.controls_changed) == (0.0, 0.0)
    assert told.reward_sd == pytest.approx(0.0, abs=1e-12)


def test_a_mode_has_changed_where_any_control_has(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004)
    found = solved(game)
    told = perturbation(found, samples=12, seed=4)
    again = [solved(one).states[0].mode for one in game.resampled(12, np.random.default_rng(4))]
    differs = np.array(again) != found.states[0].mode
    assert told.mode_changed == differs.any(axis=1).mean()
    assert told.controls_changed == differs.mean()
    assert 0.0 < told.controls_changed < told.mode_changed


def test_the_spread_under_resampling_is_that_of_a_mean(train: Ballots) -> None:
    game = made(train, by_column(train.columns))
    found = solved(game)
    told = perturbation(found, samples=80)
    each = game.rewards(np.tile(found.states[0].profile, (len(train), 1)), np.arange(len(train)))
    assert told.reward_sd == pytest.approx(float(each.std()) / len(train) ** 0.5, rel=0.25)


def test_the_checklist_counts_what_each_executor_knows(ballots_from: Callable[..., Ballots]) -> None:
    # All four combinations of right and wrong equally often: independent; wrong answers agree in half of the cases.
    rows = [["r", "r"], ["r", "w"], ["w", "r"], ["w", "w"]] * 20
    rows = [["v", "w"] if row == ["w", "w"] and i % 8 > 3 else row for i, row in enumerate(rows)]
    train = ballots_from(rows, [[cell == "r" for cell in row] for row in rows])
    train = replace(train, cost=np.tile([3.0, 5.0], (80, 1)))
    found = diagnose(solved(made(train, by_column(train.columns), price=1e-6)), samples=0)
    assert found.pass_at_1 == pytest.approx({"a": 0.5, "b": 0.5})
    assert found.weak == ()
    assert found.asymmetry.disagreement == pytest.approx(0.5)
    assert found.asymmetry.shared_errors == pytest.approx(0.0, abs=1e-12)
    assert found.asymmetry.equal_errors == pytest.approx(0.5)
    assert found.perturbation is None


def test_clones_on_one_column_share_all_their_errors(train: Ballots) -> None:
    found = solved(made(train, [Player(name=f"clone {i}", columns=(0,)) for i in range(3)], price=0.004))
    told = diagnose(found, samples=0)
    assert train.correct is not None
    p = float(train.correct[:, 0].mean())
    assert told.asymmetry.disagreement == 0.0
    assert told.asymmetry.shared_errors == pytest.approx(-p * np.log(p) - (1 - p) * np.log(1 - p))
    assert told.asymmetry.equal_errors == 1.0
    assert told.cost_ratio == pytest.approx(1.0)


def test_the_cost_is_that_of_the_profile_played(train: Ballots) -> None:
    game = made(train, by_column(train.columns))
    found = solved(game, temperature=0.005)
    told = diagnose(found, samples=0)
    called = [column for column in found.calls() if column is not None]
    mean = train.cost.mean(axis=0)
    assert told.cost == pytest.approx(mean[called].sum())
    assert train.correct is not None
    assert told.cost_ratio == pytest.approx(told.cost / mean[int(train.correct.mean(axis=0).argmax())])


def test_states_are_diagnosed_each_and_the_worst_decides(train: Ballots) -> None:
    game = made(train, by_column(train.columns), price=0.004, states=np.arange(len(train)) % 2)
    told = diagnose(solved(game, schedule="certified"), samples=2)
    assert len(told.states) == 2
    assert told.mu == min(state.margin.mu for state in told.states)
    assert all(state.margin.certified_by for state in told.states)
    json.dumps(told.as_json())


def test_an_anchor_uncouples_real_teams(pool: Callable[[str], Ballots]) -> None:
    medians = []
    for anchor in (True, False):
        found = []
        for name in ("gsm_trio", "gsm_mid5", "gsmP_gpt35", "csqa_gpt35"):
            game = made(pool(name), by_column(pool(name).columns), anchor=anchor)
            assert game.games is not None
            found.append(extreme_coupling(game.games[0]))
        medians.append(float(np.median(np.array(found, dtype=np.float64))))
    assert medians[0] < 0.5 * medians[1]

"""Regret in three readings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog
from tests.games.conftest import bayesian, drawn_policy, drawn_regularizer, markov, normal_form
from tests.games.diagnostics.conftest import coverage, z_score

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.diagnostic import Estimate, mean
from equipoise.games.diagnostics import regret
from equipoise.games.game import Game
from equipoise.games.updates import play


def test_the_identities_hold_for_every_kind_of_game(any_game: Game) -> None:
    rng = np.random.default_rng(0)
    problem = games.Problem(any_game, drawn_regularizer(any_game, rng).heated(6.0))
    policies = play(problem, rng.normal(size=any_game.layout.size), damping=0.5, steps=6)
    hqre = play(problem, np.zeros(any_game.layout.size), damping=0.5, steps=100)[-1]
    found = regret.exact(problem, policies, hqre)
    star, best = regret.welfare(any_game, hqre), regret.best_welfare(any_game)
    assert found.updates == 7
    assert found.price.value == pytest.approx(7 * (best - star))
    assert found.against_best.value == pytest.approx(found.against_hqre.value + found.price.value)
    assert found.against_hqre.value == pytest.approx(sum(star - regret.welfare(any_game, p) for p in policies))
    assert found.price.value > 0.0
    assert found.against_best.standard_error == 0.0
    given = regret.exact(problem, policies, hqre, best=best + 1.0)
    assert given.price.value == pytest.approx(found.price.value + 7)
    assert given.against_hqre == found.against_hqre
    for _ in range(20):
        assert regret.welfare(any_game, drawn_policy(any_game, rng)) <= best + 1e-12


def test_welfare_is_the_expected_sum_of_payoffs() -> None:
    rng = np.random.default_rng(1)
    game = normal_form(rng)
    assert isinstance(game, games.NormalForm)
    policy = drawn_policy(game, rng)
    blocks = [policy[game.layout.block(i)] for i in range(3)]
    expected = sum(float(np.einsum("abc,a,b,c->", tensor, *blocks)) for tensor in game.tensors)
    assert regret.welfare(game, policy) == pytest.approx(expected)
    tastes = games.library.coordination_with_tastes()
    policy = np.array([1.0, 0, 0, 1, 1, 0, 0, 1])
    # Each type its own taste: a match where types agree, p = 0.7, and both tastes always.
    assert regret.welfare(tastes, policy) == pytest.approx(2 * 0.7 + (0.5 * 0.5 + 0.7 * 0.5) + (0.6 * 0.5 + 0.7 * 0.4))


def test_the_best_of_a_bayesian_game_is_over_type_dependent_actions() -> None:
    game = games.library.coordination_with_tastes()
    taste, highest = [0.5, 0.7], -np.inf
    for first in product(range(2), repeat=2):
        for second in product(range(2), repeat=2):
            total = 0.0
            for s, t in product(range(2), repeat=2):
                a, b = first[s], second[t]
                total += game.prior[s, t] * (2 * (a == b) + taste[s] * (a == s) + taste[t] * (b == t))
            highest = max(highest, total)
    assert regret.best_welfare(game) == pytest.approx(highest)


def test_the_best_of_a_markov_game_solves_the_teams_linear_program() -> None:
    """Puterman (1994), section 6.9: V is the least solution of V(s) ≥ r(s, a) + γ P V for every joint action."""
    game = markov(np.random.default_rng(4))
    assert isinstance(game, games.Markov)
    rows, bounds = [], []
    for s in range(game.states):
        for a in product(*(np.flatnonzero(mask[s]) for mask in game.masks)):
            rows.append(game.discount * game.transitions.table[(s, *a)] - np.eye(game.states)[s])
            bounds.append(-game.payoffs[(slice(None), s, *a)].sum())
    program = linprog(np.ones(game.states), A_ub=np.array(rows), b_ub=bounds, bounds=(None, None))
    initial = np.array([0.1, 0.2, 0.3, 0.4])
    assert regret.best_welfare(game, initial=initial) == pytest.approx(float(initial @ program.x))
    assert regret.best_welfare(game) == pytest.approx(float(program.x.mean()))
    with pytest.raises(InputError, match="initial sums to"):
        regret.best_welfare(game, initial=np.full(4, 0.3))


def test_common_payoff_costs_are_paid_by_each_agent() -> None:
    rng = np.random.default_rng(5)
    payoff, costs = rng.normal(size=(2, 3, 2)), [rng.normal(size=k) for k in (2, 3, 2)]
    highest = max(3 * payoff[a] - sum(costs[i][a[i]] for i in range(3)) for a in product(range(2), range(3), range(2)))
    assert regret.best_welfare(games.CommonPayoff(payoff, costs=costs)) == pytest.approx(highest)
    large = games.Vote([[0.5, 0.6]] * 20, np.arange(21.0))
    with pytest.raises(InputError, match="pass it as `best`"):
        regret.best_welfare(large)


def test_only_regret_against_the_hqre_stays_bounded() -> None:
    game = games.library.two_conventions()
    problem = games.Problem(game, games.Regularizer.of(game.layout, [0.5, 0.7]))
    hqre = games.solve(game, [0.5, 0.7]).policy
    short, long = (
        regret.exact(problem, play(problem, np.array([0.0, 2, 0, 1]), damping=0.5, steps=k), hqre) for k in (200, 400)
    )
    assert long.against_hqre.value == pytest.approx(short.against_hqre.value, abs=1e-6)
    assert long.against_hqre.value > 0.1
    assert long.against_best.value - short.against_best.value == pytest.approx(200 * (2.0 - regret.welfare(game, hqre)))
    cold = games.Problem(game, games.Regularizer.of(game.layout, 0.1))
    wrong = play(cold, np.array([0.0, 2, 0, 1]), damping=0.5, steps=400)
    right = games.solve(game, 0.1, start=[[0.9, 0.1], [0.9, 0.1]]).policy
    stuck = regret.exact(cold, wrong, right).against_hqre.value
    assert stuck == pytest.approx(400 * 0.6, rel=0.05)


@pytest.mark.parametrize("damping", [0.3, 1.0])
@pytest.mark.parametrize("make", [normal_form, bayesian])
def test_what_is_still_to_gain_adds_up_to_less_than_its_bound(
    make: Callable[[np.random.Generator], Game], damping: float
) -> None:
    rng = np.random.default_rng(8)
    game = make(rng)
    drawn = drawn_regularizer(game, rng)
    factor = games.certify(game, game.layout.nest_sets(drawn.temperature))["small_gain"].factor
    assert factor is not None
    problem = games.Problem(game, drawn.heated(factor * 1.05))
    for scale in (0.1, 1.0, 10.0):
        logits = scale * rng.normal(size=game.layout.size)
        bound = regret.cumulated_gap_bound(problem, logits, damping=damping)
        played = play(problem, logits, damping=damping, steps=400)
        total = np.sum([game.regularized_gap(policy, problem.regularizer) for policy in played], axis=0)
        assert bound is not None and (total <= bound * (1 + 1e-9)).all() and (total > 0.0).all()
    cold = games.Problem(game, drawn.heated(factor * 0.99))
    assert regret.cumulated_gap_bound(cold, np.zeros(game.layout.size), damping=damping) is None


def test_the_bound_on_what_is_still_to_gain_is_tight_and_holds_where_nobody_answers() -> None:
    """Near uniform play of coordination the response is linear, at the certified rate. Then influence one way only."""
    game = games.library.pure_coordination()
    problem = games.Problem(game, games.Regularizer.of(game.layout, [0.6, 0.9]))
    weights = np.array(games.certify(game, [0.6, 0.9])["small_gain"].weights)
    logits = np.asarray(1e-3 * np.kron(weights, [0.5, -0.5]), dtype=np.float64)
    played = play(problem, logits, damping=0.4, steps=400)
    total = np.sum([game.regularized_gap(policy, problem.regularizer) for policy in played], axis=0)
    assert total == pytest.approx(regret.cumulated_gap_bound(problem, logits, damping=0.4), rel=1e-4)
    watched = games.NormalForm([np.array([[1.0, 1.0], [0.0, 0.0]]), 9.0 * np.eye(2)])
    problem = games.Problem(watched, games.Regularizer.of(watched.layout, 0.2))
    logits = np.array([-3.0, 3.0, 4.0, 0.0])
    bound = regret.cumulated_gap_bound(problem, logits, damping=0.7)
    played = play(problem, logits, damping=0.7, steps=300)
    total = np.sum([watched.regularized_gap(policy, problem.regularizer) for policy in played], axis=0)
    assert games.certify(watched, 0.2)["small_gain"].bound == 0.0
    assert bound is not None and (total <= bound).all()


def test_constant_batches_make_the_gap_linear_and_growing_ones_keep_it_bounded() -> None:
    """Slopes over the second half of the course: a floor of about τ Var(Q/τ)/2, against a sum of 1/k²."""
    game, rng = games.library.two_conventions(), np.random.default_rng(9)
    problem = games.Problem(game, games.Regularizer.of(game.layout, [0.5, 0.6]))

    def slope(batch: Callable[[int], int]) -> float:
        logits, gaps = np.zeros(4), []
        for step in range(600):
            policy = problem.policy(logits)
            gaps.append(float(game.regularized_gap(policy, problem.regularizer).sum()))
            seen = [rng.multinomial(batch(step), policy[game.layout.block(i)]) / batch(step) for i in range(2)]
            logits = 0.5 * logits + 0.5 * problem.response_logits(np.concatenate(seen))
        return sum(gaps[300:]) / 300

    constant, growing = slope(lambda step: 8), slope(lambda step: 8 * (step + 1) ** 2)
    assert constant > 3e-3 and growing < 1e-5


@pytest.mark.parametrize("horizon", [1, 3])
def test_welfare_behind_information_sets_is_what_a_fixed_plan_earns(horizon: int) -> None:
    """The same joint action at every stage, whatever was seen: W = Σ_t γᵗ Σ_s μ_t(s) Σ_i φ_i(s, G(a))."""
    rng = np.random.default_rng(10)
    rewards, tokens = rng.normal(size=(2, 2, 3)), np.array([[0, 1, 2], [1, 1, 0]])
    moves, initial = rng.dirichlet(np.ones(2), size=(2, 2, 3)), np.array([0.3, 0.7])
    given = {"initial": initial, "discount": 0.8, "horizon": horizon}
    token = games.TokenGame(rewards, tokens, moves, **given)
    with_message = np.concatenate([np.zeros((1, 2, 3)), rewards])[:, :, None]
    protocol = games.ProtocolGame(with_message, tokens[None], moves[:, None], **given)
    for game in (token, protocol):
        found = {}
        for plan in np.ndindex(2, 3):
            # The Coordinator, first in a protocol, has nothing to choose between.
            acting = [0, *plan][-game.layout.agents :]
            policy = np.zeros(game.layout.size)
            for index, start in enumerate(game.layout.starts):
                policy[start + acting[game.layout.agent_of_set[index]]] = 1.0
            expected, here = 0.0, initial
            for stage in range(horizon):
                expected += 0.8**stage * float(here @ rewards[:, :, tokens[plan]].sum(axis=0))
                here = here @ moves[:, *plan]
            found[plan] = regret.welfare(game, policy)
            assert found[plan] == pytest.approx(expected)
        if horizon == 1:
            assert regret.best_welfare(game) == pytest.approx(max(found.values()))


def test_welfare_that_is_not_defined_is_refused() -> None:
    rng = np.random.default_rng(11)
    moves = rng.dirichlet(np.ones(2), size=(2, 2, 2))
    payoffs, types = rng.normal(size=(2, 2, 2, 1, 2, 2)), np.full((2, 2, 1), 0.5)
    redrawn = games.RedrawnTypes(payoffs, moves, 0.7, types=types)
    policy = np.exp(redrawn.layout.uniform)
    with pytest.raises(InputError, match="Pass `initial`, for 4 full states"):
        regret.welfare(redrawn, policy)
    expected = payoffs.mean(axis=(2, 3, 4, 5)).sum(axis=0)
    ahead = np.linalg.solve(np.eye(2) - 0.7 * moves.mean(axis=(1, 2)), expected)
    first = np.array([0.25, 0.75])
    assert regret.welfare(redrawn, policy, initial=np.repeat(first / 2, 2)) == pytest.approx(float(first @ ahead))
    persistent = games.PersistentTypes(payoffs, moves, 0.7, prior=types[0], initial=first)
    assert regret.welfare(persistent, np.exp(persistent.layout.uniform)) == pytest.approx(float(first @ ahead))
    with pytest.raises(InputError, match="Pass it as `best`"):
        regret.best_welfare(persistent)
    gated = games.Hierarchy(games.library.stag_hunt(), [[0], [1]])
    with pytest.raises(InputError, match="its `game`"):
        regret.welfare(gated, np.exp(gated.layout.uniform))


def test_rollouts_are_unbiased_and_their_intervals_cover() -> None:
    rng = np.random.default_rng(6)
    means = np.array([0.1, 0.5, 0.9, 1.0, 1.1])
    scales = np.array([0.5, 1.0, 2.0, 0.1, 0.7])

    def drawn() -> regret.Regret:
        played = means[:, None] + scales[:, None] * rng.normal(size=(5, 40))
        return regret.estimate(played, mean(1.2 + rng.normal(size=90)), mean(2.0 + 0.5 * rng.normal(size=70)))

    found = [drawn() for _ in range(1500)]
    truths = {"against_hqre": 6.0 - 3.6, "against_best": 10.0 - 3.6, "price": 4.0}
    for name, truth in truths.items():
        estimates = [getattr(one, name) for one in found]
        assert abs(z_score(estimates, truth)) < 3, name
        assert 0.925 < coverage(estimates, truth) < 0.975, name
    one = found[0]
    assert one.against_best.value == pytest.approx(one.against_hqre.value + one.price.value)
    assert (one.against_hqre.samples, one.price.samples) == (200 + 90, 160)
    with pytest.raises(InputError, match="episodes ≥ 2"):
        regret.estimate(np.zeros((4, 1)), Estimate(0.0, 0.0, 0), Estimate(0.0, 0.0, 0))


def test_there_is_no_single_number() -> None:
    one = regret.estimate(np.ones((2, 3)), Estimate(1.0, 0.0, 0), Estimate(2.0, 0.0, 0))
    with pytest.raises(TypeError):
        float(one)  # pyright: ignore[reportArgumentType]

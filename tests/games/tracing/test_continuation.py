"""The principal branch: against Newton where equilibria are unique, closed forms, symmetries and the NumPy path."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import games
from equipoise.errors import InputError
from equipoise.games import library
from equipoise.games.game import CONTINUATIONS, Game, Regularizer
from equipoise.games.solvers.continuation import Continuation
from equipoise.games.tracing import pursuit
from equipoise.games.tracing.homotopy import Homotopy
from equipoise.games.tracing.path import follow, principal, unit_of_time

from ..conftest import drawn_regularizer


def random_markov(
    seed: int, *, states: int, shape: tuple[int, ...], discount: float = 0.8, spread: float | None = None
) -> games.Markov:
    """Payoffs uniform on [0, 1]; transitions uniform, normalised, or drawn by Dirichlet with a concentration."""
    rng = np.random.default_rng(seed)
    payoffs = [rng.random((states, *shape)) for _ in shape]
    if spread is None:
        transitions = rng.random((states, *shape, states))
        return games.Markov(payoffs, transitions / transitions.sum(axis=-1, keepdims=True), discount)
    return games.Markov(payoffs, rng.dirichlet(np.full(states, spread), size=(states, *shape)), discount)


def folding_markov() -> games.Markov:
    """30 states, 3 agents, 4 actions: at λ = 10 the principal branch has gone round two folds."""
    return random_markov(30, states=30, shape=(4, 4, 4))


def homotopy_of(game: Game, temperatures: object, continuation: str = "kl") -> Homotopy:
    return Homotopy(games.Problem(game, Regularizer.of(game.layout, temperatures, continuation=continuation)))


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("time", [0.0, 0.7])
def test_derivatives_of_the_family_are_those_of_differences(any_game: Game, continuation: str, time: float) -> None:
    rng, step = np.random.default_rng(1), 1e-6
    whole = Homotopy(games.Problem(any_game, drawn_regularizer(any_game, rng, continuation))).tilted(0.1, 0)
    for homotopy in [whole, replace(whole, leg="bonus")] if whole.split else [whole]:
        unknowns, direction = rng.normal(size=(2, len(homotopy.kept)))
        ahead, behind = (homotopy.terms(unknowns + sign * step * direction, time)[0] for sign in (1, -1))
        expected = (ahead - behind) / (2 * step)
        np.testing.assert_allclose(homotopy.matrix(unknowns, time) @ direction, expected, atol=1e-7)
        np.testing.assert_allclose(homotopy.product(unknowns, time)(direction), expected, atol=1e-7)
        later, earlier = (homotopy.terms(unknowns, time + sign * step)[0] for sign in (1, -1))
        np.testing.assert_allclose(homotopy.terms(unknowns, time)[1], (later - earlier) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_family_at_t_is_the_problem_at_temperatures_divided_by_t(
    any_game: Game, continuation: str, factor: float
) -> None:
    rng = np.random.default_rng(2)
    regularizer = drawn_regularizer(any_game, rng, continuation)
    homotopy = Homotopy(games.Problem(any_game, regularizer))
    unknowns = rng.normal(size=len(homotopy.kept))
    heated = games.Problem(any_game, regularizer.heated(factor))
    answer = heated.response_logits(heated.policy(homotopy.logits(unknowns)))
    residual, _ = homotopy.terms(unknowns, 1.0 / factor)
    np.testing.assert_allclose(residual, unknowns - homotopy.differences(answer), atol=1e-11)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_it_finds_what_newton_finds_where_that_is_all_there_is(any_game: Game, continuation: str) -> None:
    rng = np.random.default_rng(3)
    layout = any_game.layout
    temperatures = layout.nest_sets(rng.uniform(3.0, 9.0, size=layout.sets))
    found = games.solve(any_game, temperatures, continuation=continuation, method="continuation")
    newton = games.solve(any_game, temperatures, continuation=continuation, method="newton")
    assert found.converged
    assert newton.converged
    assert found.remark == ""
    np.testing.assert_allclose(found.policy, newton.policy, atol=1e-11)


def test_the_start_plays_no_part_and_stays_as_it_is() -> None:
    game = library.stag_hunt()
    problem = games.Problem(game, Regularizer.of(game.layout, [0.5, 0.4]))
    start = np.array([5.0, 0.0, 4.0, 0.0])
    run = Continuation().run(problem, start, games.Limits())
    np.testing.assert_array_equal(start, [5.0, 0.0, 4.0, 0.0])
    other = Continuation().run(problem, np.zeros(4), games.Limits())
    np.testing.assert_array_equal(run.logits, other.logits)
    assert problem.policy(run.logits)[0] < 0.01


@pytest.mark.parametrize(
    ("shape", "seed"), [((2, 2), 0), ((3, 2), 1), ((2, 3, 2), 2), ((4, 4), 3), ((2, 2, 2, 2), 125)]
)
def test_compiled_and_numpy_paths_are_the_same(shape: tuple[int, ...], seed: int) -> None:
    pytest.importorskip("numba", reason="compares the compiled path; install equipoise[fast]")
    rng = np.random.default_rng(seed)
    shared = rng.random(shape)
    game = games.NormalForm([shared + 0.2 * rng.random(shape) for _ in shape])
    homotopy = homotopy_of(game, rng.uniform(0.02, 0.06, size=len(shape)))
    compiled, plain = follow(homotopy, homotopy.fixed), follow(homotopy, homotopy.fixed, compiled=False)
    assert compiled.ended == plain.ended == pursuit.REACHED
    assert compiled.attempts == plain.attempts
    np.testing.assert_array_equal(compiled.signs, plain.signs)
    np.testing.assert_allclose(compiled.points, plain.points, atol=1e-7)
    np.testing.assert_allclose(compiled.tangents, plain.tangents, atol=1e-7)
    assert compiled.scale == pytest.approx(unit_of_time(homotopy, homotopy.fixed))


@pytest.mark.parametrize("seed", range(12))
def test_it_stays_on_the_branch_that_much_shorter_steps_follow(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(seed)
    shape = [(2, 2), (3, 3), (2, 2, 2)][seed % 3]
    shared = rng.random(shape)
    game = games.NormalForm([(seed % 2) * shared + rng.random(shape) for _ in shape])
    homotopy = homotopy_of(game, rng.uniform(0.01, 0.1, size=len(shape)))
    long = follow(homotopy, homotopy.fixed)
    for name, value in (("ERROR_AIM", 1e-3), ("ERROR_BOUND", 5e-3), ("COSINE_BOUND", 0.98), ("GROWTH", 1.5)):
        monkeypatch.setattr(pursuit, name, value)
    short = follow(homotopy, homotopy.fixed, compiled=False)
    assert len(short.points) > 1.5 * len(long.points)
    np.testing.assert_allclose(long.points[-1], short.points[-1], atol=1e-8 * long.scale)


def test_a_game_that_moves_nobody_takes_a_few_steps() -> None:
    found = games.trace(games.NormalForm([np.zeros((2, 3))] * 2), 0.01, reference=[[0.3, 0.7], [0.2, 0.3, 0.5]])
    assert found.arrived
    assert len(found.path.points) < 5
    np.testing.assert_allclose(found.policies[-1], [0.3, 0.7, 0.2, 0.3, 0.5], atol=1e-15)


def test_one_action_each_is_a_game_too() -> None:
    assert games.solve(games.NormalForm(np.ones((2, 1, 1))), 1.0, method="continuation").policy.tolist() == [1.0, 1.0]


def test_decision_of_one_agent_is_its_softmax() -> None:
    payoff = np.array([0.3, -1.0, 2.0])
    found = games.solve(games.NormalForm([payoff]), 0.2, method="continuation")
    np.testing.assert_allclose(found.policy, np.exp(payoff / 0.2) / np.exp(payoff / 0.2).sum(), atol=1e-14)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_low_temperatures_are_reached_at_any_scale_of_payoffs(scale: float) -> None:
    game = games.NormalForm([scale * np.array([[10.0, 1.0], [8.0, 5.0]]), scale * np.array([[10.0, 8.0], [1.0, 5.0]])])
    branch = games.trace(game, 1e-3 * scale)
    assert branch.arrived
    assert len(branch.path.points) < 40
    assert branch.policies[-1][1] == pytest.approx(1.0)


@pytest.mark.parametrize("temperature", [1e-2, 1e-4, 1e-6])
def test_mixed_play_is_reached_at_temperatures_far_below_the_payoffs(temperature: float) -> None:
    rng = np.random.default_rng(0)
    for shape in [(3, 3), (4, 4), (2, 2, 2), (3, 3, 3)] * 4:
        tensors = rng.normal(size=(len(shape), *shape))
        temperatures = temperature * rng.uniform(0.5, 2.0, size=len(shape))
        found = games.solve(games.NormalForm(tensors), temperatures, method="continuation")
        assert found.converged
        assert found.problem.regularizer.temperature.tolist() == temperatures.tolist()
        assert found.residual <= 1e-12 + found.problem.rounding
        assert max(found.exploitability) <= 2.0 * temperatures.max() * np.log(max(shape)) + 1e-12


def test_at_a_pitchfork_it_stays_on_the_symmetric_branch_and_says_so() -> None:
    found = games.solve(library.pure_coordination(), 0.4, method="continuation")
    assert found.converged
    assert found.policy.tolist() == [0.5] * 4
    assert "pitchfork at 1.25 times" in found.message
    assert "symmetric branch" in found.message
    assert found.as_json()["message"] == found.message
    assert "pitchfork" not in games.solve(library.pure_coordination(), 0.6, method="continuation").message


def test_a_tilt_unfolds_the_pitchfork_and_leaves_no_trace_at_the_temperatures_asked() -> None:
    found = games.solve(library.pure_coordination(), 0.4, method=Continuation(tilt=0.01))
    assert found.converged
    assert found.residual < 1e-14
    assert max(found.policy) == pytest.approx(0.85520589174394, abs=1e-12)


def test_three_equal_conventions_are_a_multiple_branch_point() -> None:
    """tau_c = 1/3 where two eigenvalues of the symmetric group pass 1 at once and the determinant keeps its sign."""
    found = games.solve(games.NormalForm([np.eye(3)] * 2), 0.2, method="continuation")
    assert "multiple branch point at 1.666666667 times" in found.remark


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("temperature", [0.02, 0.1, 0.5])
def test_markov_games_keep_to_their_convention(continuation: str, temperature: float) -> None:
    game = random_markov(5, states=4, shape=(2, 3), discount=0.9, spread=0.3)
    rng = np.random.default_rng(0)
    temperatures = temperature * rng.uniform(0.5, 1.5, size=(2, 4))
    found = games.solve(game, temperatures, continuation=continuation, method="continuation")
    assert found.converged
    problem = games.Problem(game, Regularizer.of(game.layout, temperatures, continuation=continuation))
    assert problem.residual(found.policy) < 1e-12


def test_soft_needs_no_first_leg_where_entropy_is_paid_everywhere_alike() -> None:
    rng = np.random.default_rng(3)
    payoffs = [rng.normal(size=(4, 3, 3)) for _ in range(2)]
    game = games.Markov(payoffs, rng.dirichlet(np.ones(4), size=(4, 3, 3)), 0.8)
    found = games.solve(game, [0.7, 0.9], continuation="soft", method="continuation")
    other = games.solve(game, [0.7, 0.9], continuation="soft", method="newton")
    assert found.converged and other.converged
    np.testing.assert_allclose(found.policy, other.policy, atol=1e-10)


def test_soft_starts_from_the_game_of_entropies_alone() -> None:
    """One agent, no reward, temperatures (.1, 1): P(go to the hot state) is .988 at every common factor of them."""
    branch = games.trace(library.heat_seeking(), [[0.1, 1.0]], continuation="soft")
    assert branch.arrived
    np.testing.assert_allclose(branch.policies[:, 1], branch.policies[-1, 1], atol=1e-6)
    assert branch.policies[0, 1] == pytest.approx(0.988, abs=5e-4)
    for continuation in ("kl", "plain"):
        branch = games.trace(library.heat_seeking(), [[0.1, 1.0]], continuation=continuation)
        np.testing.assert_allclose(branch.policies, 0.5, atol=1e-12)


def test_the_30_state_game_is_followed_round_its_folds() -> None:
    game = folding_markov()
    branch = games.trace(game, 0.1, continuation="plain")
    assert branch.arrived
    hot, cold = branch.bifurcations[1], branch.bifurcations[0]
    assert [cold.kind, hot.kind] == ["fold", "fold"]
    assert 1.4 < cold.factor < hot.factor < 1.6
    for fold in branch.bifurcations:
        regularizer = Regularizer.of(game.layout, 0.1 * fold.factor, continuation="plain")
        problem = games.Problem(game, regularizer)
        policy = branch.homotopy.policy(fold.unknowns)
        assert problem.residual(policy) < 1e-12
        matrix = np.eye(game.layout.size) - problem.response_jacobian(policy)
        assert np.linalg.svd(matrix, compute_uv=False)[-1] < 1e-8
    assert branch.problem.residual(branch.policies[-1]) < 1e-12


def test_natural_continuation_jumps_at_the_first_fold_of_the_30_state_game() -> None:
    game = folding_markov()
    branch = games.trace(game, 0.1, continuation="plain")
    cold, hot = branch.bifurcations
    before, after = (
        games.solve(game, 0.1 * factor, continuation="plain", method=Continuation())
        for factor in (cold.factor + 1e-4, cold.factor - 1e-4)
    )
    assert np.abs(before.policy - after.policy).max() > 0.05
    between = games.solve(game, 0.1 * (cold.factor + hot.factor) / 2, continuation="plain", method="continuation")
    assert between.converged
    assert between.remark == ""


@pytest.mark.parametrize("continuation", ["kl", "plain"])
def test_matrix_free_steps_follow_the_same_path(continuation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = random_markov(8, states=6, shape=(2, 3, 2))
    dense = games.trace(game, 0.15, continuation=continuation)
    monkeypatch.setattr("equipoise.games.tracing.bordered.DENSE_LIMIT", 10)
    free = games.trace(game, 0.15, continuation=continuation)
    assert free.arrived
    np.testing.assert_allclose(free.policies[-1], dense.policies[-1], atol=1e-11)


def test_an_exhausted_path_says_how_far_it_got_and_claims_nothing() -> None:
    found = games.solve(library.stag_hunt(), 0.05, method="continuation", iterations=3)
    assert found.status is games.Status.LIMIT
    assert "was followed down to" in found.message
    assert found.residual > 1e-3


def test_trace_from_what_is_no_equilibrium_is_refused() -> None:
    with pytest.raises(InputError, match="no equilibrium"):
        games.trace(library.stag_hunt(), 0.5, start=[[0.3, 0.7], [0.9, 0.1]])


def test_a_branch_as_json_holds_numbers_only() -> None:
    import json

    branch = games.trace(library.pure_coordination(), [0.2, 0.6])
    answer = json.loads(json.dumps(branch.as_json(), allow_nan=False))
    assert answer["arrived"] is True
    assert answer["factors"][0] is None
    assert answer["factors"][-1] == pytest.approx(1.0)
    assert answer["bifurcations"][0]["kind"] == "pitchfork"
    assert len(answer["profiles"]) == len(answer["factors"])


payoffs = st.floats(-2.0, 2.0, allow_nan=False, width=32)


@given(st.lists(payoffs, min_size=36, max_size=36), st.permutations([0, 1, 2]), st.floats(0.3, 1.5))
def test_agents_may_be_permuted(numbers: list[float], order: list[int], heat: float) -> None:
    tensors = np.array(numbers).reshape(3, 2, 3, 2)
    temperatures = heat * np.array([0.7, 1.0, 1.6])
    plain = games.solve(games.NormalForm(tensors), temperatures, method="continuation")
    moved = [tensors[agent].transpose(order) for agent in order]
    found = games.solve(games.NormalForm(moved), temperatures[list(order)], method="continuation")
    assert plain.converged
    assert found.converged
    if not plain.remark:
        for place, agent in enumerate(order):
            np.testing.assert_allclose(found.profile[place], plain.profile[agent], atol=1e-9)


@given(
    st.lists(payoffs, min_size=12, max_size=12),
    st.permutations([0, 1, 2]),
    st.lists(payoffs, min_size=5, max_size=5),
    st.floats(0.3, 1.5),
)
def test_relabelled_actions_and_shifted_payoffs_give_the_same_play(
    numbers: list[float], order: list[int], shifts: list[float], heat: float
) -> None:
    tensors = np.array(numbers).reshape(2, 2, 3)
    temperatures = [heat, 0.6 * heat]
    plain = games.solve(games.NormalForm(tensors), temperatures, method="continuation")
    first = tensors[0] + np.array(shifts[:3])
    second = tensors[1] + np.array(shifts[3:])[:, None]
    shifted = games.NormalForm([first[:, order], second[:, order]])
    found = games.solve(shifted, temperatures, method="continuation")
    assert plain.converged
    assert found.converged
    if not plain.remark:
        np.testing.assert_allclose(found.profile[0], plain.profile[0], atol=1e-9)
        np.testing.assert_allclose(found.profile[1], plain.profile[1][order], atol=1e-9)


def test_own_payoffs_scaled_with_the_temperature_change_nothing() -> None:
    rng = np.random.default_rng(4)
    tensors = rng.normal(size=(2, 3, 3))
    plain = games.solve(games.NormalForm(tensors), [0.2, 0.3], method="continuation")
    scaled = games.NormalForm([7.0 * tensors[0], 0.01 * tensors[1]])
    found = games.solve(scaled, [1.4, 0.003], method="continuation")
    np.testing.assert_allclose(found.policy, plain.policy, atol=1e-11)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_between_folds_the_first_crossing_is_returned(share: float) -> None:
    game = random_markov(30, states=30, shape=(4, 4, 4))
    branch = games.trace(game, 0.1, continuation="plain")
    cold, hot = branch.bifurcations
    factor = cold.factor + share * (hot.factor - cold.factor)
    found = games.solve(game, 0.1 * factor, continuation="plain", method="continuation")
    assert found.converged
    turn = branch.path.turns[0]
    position = np.flatnonzero(branch.factors > factor)
    before = position[position <= turn].max()
    gap = np.abs(found.policy - branch.policies[before]).max()
    assert gap < np.abs(found.policy - branch.policies[-1]).max()
    assert np.abs(found.policy - branch.homotopy.policy(cold.unknowns)).max() < 0.1


def test_short_steps_draw_a_smooth_picture_of_the_same_branch() -> None:
    game = library.two_conventions()
    short, long = games.trace(game, 0.1, longest=0.1), games.trace(game, 0.1)
    assert np.linalg.norm(np.diff(short.path.points, axis=0), axis=1).max() < 0.12
    assert len(short.path.points) > 3 * len(long.path.points)
    np.testing.assert_allclose(short.policies[-1], long.policies[-1], atol=1e-13)


def test_every_point_of_a_branch_is_an_equilibrium_at_its_own_temperatures() -> None:
    game = games.NormalForm(np.random.default_rng(6).normal(size=(3, 2, 3, 2)))
    branch = games.trace(game, [0.1, 0.2, 0.15])
    assert np.isinf(branch.factors[0])
    for factor, policy in itertools.islice(zip(branch.factors, branch.policies, strict=True), 1, None):
        problem = games.Problem(game, branch.problem.regularizer.heated(float(factor)))
        assert problem.residual(policy) < 1e-4
    assert principal(branch.homotopy, compiled=False).times[-1] == pytest.approx(1.0, abs=1e-15)

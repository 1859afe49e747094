"""Games in tensor form against sums over all joint actions, and compiled code against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.games.conftest import drawn_policy, drawn_regularizer

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.solvers import direct
from equipoise.games.solvers.newton import Newton

SHAPES = [(1,), (3,), (2, 2), (4, 1), (2, 5), (3, 2, 4), (2, 3, 1, 2), (2, 2, 2, 2, 3)]


def brute_force(payoffs: np.ndarray, blocks: list[np.ndarray]) -> np.ndarray:
    """Q by summing over all joint actions."""
    q = [np.zeros(len(block)) for block in blocks]
    for joint in itertools.product(*(range(len(block)) for block in blocks)):
        for agent, action in enumerate(joint):
            weight = np.prod([blocks[j][a] for j, a in enumerate(joint) if j != agent])
            q[agent][action] += weight * payoffs[(agent, *joint)]
    return np.concatenate(q)


@pytest.mark.parametrize("shape", SHAPES)
def test_q_is_the_sum_over_all_joint_actions(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    payoffs = rng.normal(size=(len(shape), *shape))
    game = games.NormalForm(payoffs)
    policy = drawn_policy(game, rng)
    expected = brute_force(payoffs, [policy[game.layout.block(i)] for i in range(len(shape))])
    np.testing.assert_allclose(game.q(policy, drawn_regularizer(game, rng)), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_common_payoff_game_is_the_normal_form_with_one_tensor(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    payoff, costs = rng.normal(size=shape), [rng.normal(size=count) for count in shape]
    common = games.CommonPayoff(payoff, costs=costs)
    grids = np.meshgrid(*costs, indexing="ij")
    normal = games.NormalForm([payoff - grid for grid in grids])
    policy, regularizer = drawn_policy(normal, rng), drawn_regularizer(normal, rng)
    np.testing.assert_allclose(common.q(policy, regularizer), normal.q(policy, regularizer), rtol=0, atol=1e-13)
    np.testing.assert_allclose(games.solve(common, 3.0).policy, games.solve(normal, 3.0).policy, rtol=0, atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_compiled_and_plain_newton_take_the_same_steps(shape: tuple[int, ...]) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(2)
    for scale in (1.0, 0.2, 0.03):
        game = games.NormalForm(rng.normal(size=(len(shape), *shape)))
        problem = games.Problem(game, drawn_regularizer(game, rng).heated(scale))
        limits = games.Limits(iterations=6)
        start = problem.regularizer.log_reference
        compiled, plain = direct.SOLVER.run(problem, start, limits), Newton().run(problem, start, limits)
        assert compiled.iterations == plain.iterations
        assert compiled.status == plain.status
        np.testing.assert_allclose(problem.policy(compiled.logits), problem.policy(plain.logits), rtol=0, atol=1e-9)


def test_without_numba_the_direct_method_is_newtons(monkeypatch: pytest.MonkeyPatch) -> None:
    game = games.library.asymmetric_matching_pennies()
    with_numba = games.solve(game, [1.5, 0.4])
    monkeypatch.setattr(direct, "compiled", lambda: None)
    without = games.solve(game, [1.5, 0.4])
    assert without.converged and without.iterations == with_numba.iterations
    np.testing.assert_allclose(without.policy, with_numba.policy, rtol=0, atol=1e-12)


def test_a_bayesian_game_is_the_normal_form_among_agents_and_types() -> None:
    rng = np.random.default_rng(3)
    types, actions = (2, 3), (3, 2)
    prior = rng.dirichlet(np.ones(6)).reshape(types)
    payoffs = rng.normal(size=(2, *types, *actions))
    game = games.Bayesian(prior, payoffs)
    players = [(i, t) for i in range(2) for t in range(types[i])]
    shape = [actions[i] for i, _ in players]
    tensors = np.zeros((len(players), *shape))
    for joint in itertools.product(*(range(count) for count in shape)):
        act = dict(zip(players, joint, strict=True))
        for p, (i, own) in enumerate(players):
            belief = prior[own] if i == 0 else prior[:, own]
            for other, chance in enumerate(belief / belief.sum()):
                profile = (own, other) if i == 0 else (other, own)
                tensors[(p, *joint)] += chance * payoffs[(i, *profile, act[(0, profile[0])], act[(1, profile[1])])]
    normal = games.NormalForm(tensors)
    temperatures = [rng.uniform(0.5, 1.0, size=count) for count in types]
    solved = games.solve(game, temperatures)
    reference = games.solve(normal, np.concatenate(temperatures))
    np.testing.assert_allclose(solved.policy, reference.policy, rtol=0, atol=1e-11)
    np.testing.assert_allclose(np.concatenate(solved.values), reference.values, rtol=0, atol=1e-11)


def test_a_type_that_never_occurs_believes_the_others_marginals() -> None:
    game = games.Bayesian([[0.25, 0.75], [0.0, 0.0]], np.random.default_rng(4).normal(size=(2, 2, 2, 3, 2)))
    np.testing.assert_allclose(game.conditional(0), [[0.25, 0.75], [0.25, 0.75]])
    assert games.solve(game, 1.0).converged


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: games.NormalForm([[[1, float("nan")], [0, 1]], [[1, 0], [0, 1]]]), r"payoffs\[0\]\[0\]\[1\] is nan"),
        (lambda: games.NormalForm([[[1, 0], [0, 1]], [[1, 0, 2], [0, 1, 2]]]), r"payoffs\[1\] has shape \[2, 3\]"),
        (lambda: games.NormalForm([[[1, 0], [0]], [[1, 0], [0, 1]]]), r"payoffs\[0\] is not an array"),
        (lambda: games.NormalForm([[1, 2], [3, 4]]), r"payoffs\[0\] has shape \[2\] for 2 agents"),
        (lambda: games.NormalForm([]), "no agents"),
        (lambda: games.Bayesian([[0.5, 0.6]], np.zeros((2, 1, 2, 2, 2))), "prior sums to 1.1"),
        (lambda: games.Bayesian([[1.5, -0.5]], np.zeros((2, 1, 2, 2, 2))), r"prior\[0\]\[1\] is -0.5"),
        (lambda: games.Bayesian([[0.5, 0.5]], np.zeros((2, 2, 2, 2, 2))), r"payoffs\[0\] has shape \[2, 2, 2, 2\]"),
        (lambda: games.CommonPayoff([[1, 2], [3, float("inf")]]), r"payoff\[1\]\[1\] is inf"),
        (lambda: games.CommonPayoff([[1, 2], [3, 4]], costs=[[1], [1, 2]]), r"costs\[0\] has shape \[1\]"),
    ],
)
def test_validation_names_the_entry(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()

"""Markov games: closed forms, dense against sparse, conventions, sweeps and gaps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from tests.games.conftest import drawn_policy, drawn_regularizer, markov

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.forms.transition import sweep
from equipoise.games.game import CONTINUATIONS


def random_markov(seed: int, states: int = 4, *, discount: float = 0.9, as_sparse: bool = False) -> games.Markov:
    rng = np.random.default_rng(seed)
    payoffs = rng.normal(size=(2, states, 2, 3))
    transitions = rng.dirichlet(np.full(states, 0.3), size=(states, 2, 3))
    given = sparse.csr_array(transitions.reshape(-1, states)) if as_sparse else transitions
    return games.Markov(payoffs, given, discount)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_values_are_the_discounted_sum_of_a_long_play(continuation: str) -> None:
    game = markov(np.random.default_rng(0))
    assert isinstance(game, games.Markov)
    rng = np.random.default_rng(1)
    regularizer, policy = drawn_regularizer(game, rng, continuation), drawn_policy(game, rng)
    policies = game.padded(policy)
    joint = np.einsum("sa,sb,sc->sabc", *policies)
    chain = np.einsum("sabc,sabct->st", joint, game.transitions.table)
    stage = np.einsum("sabc,isabc->si", joint, game.payoffs) + game.bonus(policy, regularizer)
    total, weight = np.zeros_like(stage), np.eye(4)
    for _ in range(400):
        total += weight @ stage
        weight = 0.9 * weight @ chain
    np.testing.assert_allclose(game.values(policy, regularizer), total.T.reshape(-1), rtol=0, atol=1e-11)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_sparse_and_dense_transitions_agree(continuation: str) -> None:
    dense, thin = random_markov(3), random_markov(3, as_sparse=True)
    temperatures = [[0.7, 0.9, 1.1, 0.8], [1.2, 0.6, 0.9, 1.0]]
    first = games.solve(dense, temperatures, continuation=continuation)
    second = games.solve(thin, temperatures, continuation=continuation, method="newton_gmres")
    assert first.converged and second.converged
    np.testing.assert_allclose(first.policy, second.policy, rtol=0, atol=1e-11)


def test_without_a_future_it_is_one_normal_form_per_state() -> None:
    game = random_markov(4, discount=0.0)
    solved = games.solve(game, [0.8, 0.6])
    for state in range(4):
        one_shot = games.solve(games.NormalForm(game.payoffs[:, state]), [0.8, 0.6])
        for agent in range(2):
            np.testing.assert_allclose(solved.profile[agent][state], one_shot.profile[agent], rtol=0, atol=1e-11)


def test_soft_values_pay_for_heat_and_the_others_do_not() -> None:
    game = games.library.heat_seeking()
    hot = {c: games.solve(game, [[0.1, 1.0]], continuation=c).profile[0][0][1] for c in CONTINUATIONS}
    assert hot["soft"] == pytest.approx(0.988, abs=5e-4)
    assert hot["kl"] == pytest.approx(0.5, abs=1e-12)
    assert hot["plain"] == pytest.approx(0.5, abs=1e-12)


def test_a_single_agent_has_the_log_sum_exp_value() -> None:
    rng = np.random.default_rng(5)
    payoffs, transitions = rng.normal(size=(1, 3, 4)), rng.dirichlet(np.ones(3), size=(3, 4))
    equilibrium = games.solve(games.Markov(payoffs, transitions, 0.9), [[0.5, 1.0, 2.0]], continuation="soft")
    value, tau = np.zeros(3), np.array([0.5, 1.0, 2.0])
    for _ in range(500):
        value = tau * np.log(np.exp((payoffs[0] + 0.9 * transitions @ value) / tau[:, None]).sum(axis=1))
    np.testing.assert_allclose(equilibrium.values[0], value, rtol=0, atol=1e-10)


def test_sweeps_solve_the_system_that_elimination_solves() -> None:
    rng = np.random.default_rng(6)
    matrix, right = rng.dirichlet(np.full(50, 0.1), size=50), rng.normal(size=(50, 3))
    for discount in (0.0, 0.5, 0.99):
        exact = np.linalg.solve(np.eye(50) - discount * matrix, right)
        np.testing.assert_allclose(sweep(matrix, discount, right), exact, rtol=0, atol=1e-11)


def test_sweeps_with_the_shift_outrun_the_discount() -> None:
    """At γ = 0.999 sweeps alone would need 32,000 products; a fast-mixing chain must not."""
    rng = np.random.default_rng(7)
    matrix, right = rng.dirichlet(np.ones(30), size=30), rng.normal(size=(30, 1))

    class Counted:
        products = 0

        def __matmul__(self, values: np.ndarray) -> np.ndarray:
            Counted.products += 1
            return matrix @ values

    found = sweep(Counted(), 0.999, right)
    np.testing.assert_allclose(found, np.linalg.solve(np.eye(30) - 0.999 * matrix, right), rtol=1e-12, atol=0)
    assert Counted.products < 40


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_gaps_vanish_at_equilibrium_and_only_there(continuation: str) -> None:
    game = random_markov(8)
    equilibrium = games.solve(game, [0.9, 0.7], continuation=continuation)
    assert np.concatenate(equilibrium.regularized_gap).max() < 1e-9
    regularizer = equilibrium.problem.regularizer
    elsewhere = drawn_policy(game, np.random.default_rng(9))
    assert game.regularized_gap(elsewhere, regularizer).min() > 1e-6


def test_exploitability_is_the_gain_of_the_best_of_all_pure_policies() -> None:
    game = random_markov(10, states=3)
    rng = np.random.default_rng(11)
    regularizer, policy = drawn_regularizer(game, rng, "plain"), drawn_policy(game, rng)
    own = game.values(policy, regularizer)
    best = np.full(3, -np.inf)
    for code in range(2**3):
        trial = game.padded(policy)
        trial[0] = np.eye(2)[[(code >> state) & 1 for state in range(3)]]
        best = np.maximum(best, game.values(game.flat(trial), regularizer)[:3])
    np.testing.assert_allclose(game.exploitability(policy, regularizer)[:3], best - own[:3], rtol=0, atol=1e-11)


def test_a_few_hundred_states_are_solved_without_a_dense_matrix() -> None:
    game = random_markov(12, states=500, discount=0.95, as_sparse=True)
    equilibrium = games.solve(game, 1.0)
    assert equilibrium.converged and equilibrium.solver == "newton_gmres"


def changed(array: np.ndarray, where: tuple[int, ...], number: float) -> np.ndarray:
    array = array.copy()
    array[where] = number
    return array


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"discount": 1.0}, r"discount is 1.0; it must lie in \[0, 1\)"),
        ({"discount": -0.1}, "discount is -0.1"),
        ({"transitions": np.full((2, 2, 2, 2), 0.6)}, r"transitions\[0\]\[0\]\[0\] sums to 1.2"),
        ({"transitions": np.full((2, 2, 2), 0.5)}, r"transitions has shape \[2, 2, 2\]"),
        ({"transitions": changed(np.full((2, 2, 2, 2), 0.5), (1, 0, 1, 0), np.nan)}, r"\[1\]\[0\]\[1\]\[0\] is nan"),
        ({"transitions": sparse.csr_array(np.full((8, 2), 0.4))}, r"transitions\[0\]\[0\]\[0\] sums to 0.8"),
        ({"transitions": sparse.csr_array(np.full((4, 2), 0.5))}, r"it needs \[8, 2\]"),
        ({"payoffs": changed(np.zeros((2, 2, 2, 2)), (1, 0, 1, 0), np.inf)}, r"payoffs\[1\]\[0\]\[1\]\[0\] is inf"),
        ({"available": [[[1, 1], [0, 0]], [[1, 1], [1, 1]]]}, r"available\[0\]\[1\] has no action"),
    ],
)
def test_validation_names_the_entry(arguments: dict, message: str) -> None:
    sound = {"payoffs": np.zeros((2, 2, 2, 2)), "transitions": np.full((2, 2, 2, 2), 0.5), "discount": 0.9}
    with pytest.raises(InputError, match=message):
        games.Markov(**(sound | arguments))

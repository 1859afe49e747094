"""Vote games against the normal form that sums over all ballots, and at the size of an electorate."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from tests.games.conftest import drawn_direction, drawn_policy, drawn_regularizer

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.forms import vote


def tabulated(accuracy: list, reward: np.ndarray, weights: list[int], costs: list) -> games.NormalForm:
    """The same game as a tensor, by summing over all outcomes of all ballots."""
    shape = [len(row) for row in accuracy]
    tensors = np.zeros((len(shape), *shape))
    for joint in itertools.product(*(range(count) for count in shape)):
        chance = [accuracy[i][a] for i, a in enumerate(joint)]
        team = sum(
            np.prod([m if right else 1 - m for m, right in zip(chance, ballots, strict=True)])
            * reward[int(np.dot(weights, ballots))]
            for ballots in itertools.product((0, 1), repeat=len(shape))
        )
        for i, action in enumerate(joint):
            tensors[(i, *joint)] = team - costs[i][action]
    return games.NormalForm(tensors)


def test_q_and_its_derivative_are_those_of_the_tensor() -> None:
    rng = np.random.default_rng(0)
    accuracy = [np.array([0.0, 1.0]), rng.uniform(size=3), np.array([0.5]), rng.uniform(size=4)]
    costs = [rng.normal(size=len(row)) for row in accuracy]
    reward, weights = rng.normal(size=8), [2, 1, 1, 3]
    game = games.Vote(accuracy, reward, weights=weights, costs=costs)
    normal = tabulated(accuracy, reward, weights, costs)
    regularizer, policy = drawn_regularizer(game, rng), drawn_policy(game, rng)
    np.testing.assert_allclose(game.q(policy, regularizer), normal.q(policy, regularizer), rtol=0, atol=1e-13)
    direction = drawn_direction(game, rng)
    np.testing.assert_allclose(
        game.jacobian(policy, regularizer) @ direction,
        normal.jacobian(policy, regularizer) @ direction,
        rtol=0,
        atol=1e-12,
    )
    assert np.abs(games.solve(game, 0.5).policy - games.solve(normal, 0.5).policy).max() < 1e-11


def test_pivotality_of_a_majority_is_the_binomial_of_a_tie() -> None:
    game = games.Vote([[0.6]] * 101, np.arange(102) > 50)
    tie = comb(100, 50) * 0.6**50 * 0.4**50
    np.testing.assert_allclose(game.pivotality(np.ones(101)), tie, rtol=1e-12)


@pytest.mark.parametrize("chance", [1e-12, 0.5, 1 - 1e-12])
def test_rounding_does_not_grow_at_any_chance(chance: float) -> None:
    game = games.Vote([[chance]] * 400, np.arange(401.0))
    bound = 400 * np.finfo(np.float64).eps * 400
    np.testing.assert_allclose(game.pivotality(np.ones(400)), 1.0, rtol=0, atol=bound)


def test_an_electorate_of_1001_with_8_prompts_is_solved() -> None:
    rng = np.random.default_rng(1)
    accuracy, costs = rng.uniform(0.3, 0.9, size=(1001, 8)), rng.uniform(0, 0.02, size=(1001, 8))
    game = games.Vote(list(accuracy), np.arange(1002) > 500.5, costs=list(costs))
    temperatures = rng.uniform(0.005, 0.02, size=1001)
    equilibrium = games.solve(game, temperatures)
    assert equilibrium.converged
    problem = equilibrium.problem
    assert np.abs(equilibrium.policy - problem.response(equilibrium.policy)).max() < 1e-12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accuracy": [[0.5, 1.2]], "reward": [0, 1]}, r"accuracy\[0\]\[1\] is 1.2"),
        ({"accuracy": [[0.5], [0.5]], "reward": [0, 1]}, r"reward has shape \[2\]; it needs \[3\]"),
        ({"accuracy": [[0.5], [0.5]], "reward": [0, 1], "weights": [1, 0.5]}, r"weights\[1\] is 0.5"),
        ({"accuracy": [[0.5], []], "reward": [0, 1]}, "one probability per action"),
    ],
)
def test_validation_names_the_entry(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        games.Vote(**arguments)


@pytest.mark.parametrize("weights", [None, [1, 2, 0, 3, 1, 2], [2] * 6])
def test_the_condensed_matrix_has_the_eigenvalues_of_the_response(weights: list[int] | None) -> None:
    """One ballot is correct with probability ½ and one is certain: both make a characteristic function vanish."""
    rng = np.random.default_rng(11)
    accuracy = [rng.uniform(size=3) for _ in range(6)]
    accuracy[0][:], accuracy[1][:] = 0.5, [1.0, 0.0, 1.0]
    game = games.Vote(accuracy, 10 * rng.normal(size=1 + sum(weights or [1] * 6)), weights=weights)
    problem = games.Problem(game, games.Regularizer.of(game.layout, rng.uniform(0.2, 1.0, size=6)))
    policy = problem.policy(rng.normal(size=game.layout.size))
    dense = np.linalg.eigvals(problem.response_jacobian(policy))
    condensed = game.condensed(policy, problem.response(policy), problem.regularizer)
    assert condensed is not None
    found = np.linalg.eigvalsh(condensed)
    assert np.abs(found).max() > 0.01
    both = np.append(found, np.zeros(len(dense) - len(found)))
    np.testing.assert_allclose(np.sort(both), np.sort(dense.real), rtol=0, atol=1e-12)


def test_the_spectrum_of_a_large_electorate_is_the_outermost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(12)
    game = games.Vote(list(rng.uniform(0.2, 0.8, size=(260, 4))), (np.arange(261) > 130).astype(float))
    spectrum = games.solve(game, 0.02).spectrum
    monkeypatch.setattr(vote, "CONDENSED_LIMIT", 10)
    outermost = games.solve(game, 0.02).spectrum
    assert spectrum.complete and not outermost.complete
    np.testing.assert_allclose(spectrum.eigenvalues[:6], outermost.eigenvalues, rtol=0, atol=1e-9)

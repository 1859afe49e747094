"""`solve` by one compiled call against `solve` by its solvers, for every way to give temperatures."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.equilibrium import AtOnce
from equipoise.games.solvers import direct
from equipoise.games.solvers.newton import Newton

pytest.importorskip("numba", reason="numba is not installed: pip install equipoise[fast]", exc_type=ImportError)

SHAPES = [(2, 2), (2, 3), (3, 1), (3, 2, 4), (2, 2, 2, 3)]


def drawn(shape: tuple[int, ...]) -> tuple[games.NormalForm, np.ndarray]:
    rng = np.random.default_rng(shape)
    return games.NormalForm(rng.normal(size=(len(shape), *shape))), rng.uniform(0.3, 1.0, size=len(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_it_finds_what_newton_in_numpy_finds(shape: tuple[int, ...]) -> None:
    game, temperatures = drawn(shape)
    found = games.solve(game, temperatures)
    plain = games.solve(game, temperatures, method=Newton())
    assert isinstance(found, AtOnce) and found.converged and found.solver == "direct"
    assert found.iterations == plain.iterations
    np.testing.assert_allclose(found.policy, plain.policy, rtol=0, atol=1e-12)
    assert found.residual <= 1e-12 + found.problem.rounding
    assert found.seconds > 0 and found.remark == "" and "Converged" in found.message
    assert json.loads(json.dumps(found.as_json()))["temperatures"] == temperatures.tolist()


@pytest.mark.parametrize("shape", [(2, 2), (2, 3)])
def test_temperatures_may_come_in_any_form(shape: tuple[int, ...]) -> None:
    game, temperatures = drawn(shape)
    expected = games.solve(game, temperatures, method=Newton()).policy
    frozen = temperatures.copy()
    frozen.setflags(write=False)
    for given in (temperatures.tolist(), tuple(temperatures), frozen, np.repeat(temperatures, 2)[::2]):
        np.testing.assert_allclose(games.solve(game, given).policy, expected, rtol=0, atol=1e-12)
    both = games.solve(game, [1.0, 1.0], method=Newton()).policy
    for given in (1, 1.0, np.float32(1), np.array(1), np.array([1, 1]), [[1.0], [1.0]], np.ones((2, 1))):
        np.testing.assert_allclose(games.solve(game, given).policy, both, rtol=0, atol=1e-12)


def test_types_have_temperatures_of_their_own_or_their_agents() -> None:
    rng = np.random.default_rng(7)
    game = games.Bayesian(rng.dirichlet(np.ones(6)).reshape(2, 3), rng.normal(size=(2, 2, 3, 3, 2)))
    each = [[0.4, 0.6], [0.5, 0.8, 0.7]]
    for given, flat in ((each, [0.4, 0.6, 0.5, 0.8, 0.7]), ([0.4, 0.8], [0.4, 0.4, 0.8, 0.8, 0.8])):
        found = games.solve(game, given)
        np.testing.assert_array_equal(found.problem.regularizer.temperature, flat)
        np.testing.assert_allclose(found.policy, games.solve(game, given, method=Newton()).policy, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 2), (2, 3)])
@pytest.mark.parametrize(
    "temperatures",
    [0.0, [1.0, -1.0], [1.0, np.nan], np.array([np.inf, 1.0]), [1.0], np.ones(3), "warm", [1.0, "x"], None],
)
def test_wrong_temperatures_are_still_named(shape: tuple[int, ...], temperatures: object) -> None:
    with pytest.raises(InputError, match="temperature"):
        games.solve(drawn(shape)[0], temperatures)


def test_temperatures_changed_afterwards_change_nothing() -> None:
    for shape in ((2, 2), (2, 3)):
        game, temperatures = drawn(shape)
        found, kept = games.solve(game, temperatures), temperatures.copy()
        temperatures *= 2
        np.testing.assert_array_equal(found.problem.regularizer.temperature, kept)
        assert found.residual < 1e-12


def test_its_fields_are_those_of_any_equilibrium_and_fixed() -> None:
    found = games.solve(*drawn((2, 2)))
    fields = [field.name for field in dataclasses.fields(games.Equilibrium)]
    assert all(hasattr(found, name) for name in fields)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.logits = np.zeros(4)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError, match="no 'policies'"):
        _ = found.policies  # pyright: ignore[reportAttributeAccessIssue]


def test_without_numba_and_for_other_games_the_solvers_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    vote = games.Vote([[0.2, 0.7]] * 3, [0.0, 0.0, 1.0, 1.0])
    assert type(games.solve(vote, 0.3)) is games.Equilibrium
    with_numba = games.solve(*drawn((2, 2)))
    monkeypatch.setattr(direct, "compiled", lambda game=None: None)
    without = games.solve(*drawn((2, 2)))
    assert type(without) is games.Equilibrium and without.solver == "direct"
    np.testing.assert_allclose(without.policy, with_numba.policy, rtol=0, atol=1e-12)


def test_a_game_that_it_does_not_solve_goes_to_the_others() -> None:
    game = games.NormalForm(np.random.default_rng(3).normal(size=(3, 4, 4, 4)))
    found = [games.solve(game, 0.02 * factor) for factor in (0.1, 0.3, 1.0)]
    assert all(one.converged == (one.residual <= 1e-12 + one.problem.rounding) for one in found)

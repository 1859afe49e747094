"""Two solvers that others wrote, on randomly drawn games: pygambit (one shot) and sgamesolver (Markov, plain values).

Both know one precision λ only, so that they are given payoffs u_i/τ_i. Neither is a dependency; without them the tests
skip and say what to install.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

from equipoise import games
from equipoise.games import library

from .tracing.test_continuation import folding_markov

SHAPES = [(2, 2), (2, 3), (4, 4), (2, 3, 2), (3, 3, 3), (2, 2, 2, 2)]
MARKOV = [(1, (3, 2)), (3, (2, 3)), (5, (2, 2, 2)), (10, (4, 4, 4))]


@pytest.fixture(scope="module")
def gambit() -> Any:
    return pytest.importorskip("pygambit", reason="pygambit is not installed: run `make oracles`", exc_type=ImportError)


@pytest.fixture(scope="module")
def sgamesolver() -> Any:
    """The package, which still reads `np.NaN` and needs one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    patched = not hasattr(np, "NaN")
    if patched:
        np.NaN = np.nan  # pyright: ignore[reportAttributeAccessIssue]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip(
            "sgamesolver", reason="sgamesolver is not installed: run `make oracles`", exc_type=ImportError
        )
    if patched:
        del np.NaN


def drawn(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Payoffs, and temperatures cool enough for play far from uniform, warm enough for one equilibrium near it."""
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(size=(len(shape), *shape)), rng.uniform(0.25, 1.0, size=len(shape))


def gambit_profile(gambit: Any, payoffs: np.ndarray, temperatures: np.ndarray) -> tuple[list[np.ndarray], float]:
    """pygambit's profile at λ = 1 of u_i/τ_i, and the λ that it really is of, some 1e-9 beside."""
    game = gambit.Game.from_arrays(*[tensor / tau for tensor, tau in zip(payoffs, temperatures, strict=True)])
    found = gambit.qre.logit_solve_lambda(game, 1.0)[0]
    profile = [np.array([float(found.profile[strategy]) for strategy in player.strategies]) for player in game.players]
    return profile, float(found.lam)


def markov_profile(sgamesolver: Any, game: games.Markov, temperatures: np.ndarray) -> np.ndarray:
    """sgamesolver's logit strategies at λ = 1 of payoffs r_i/τ_i. Shape [S, agents, most actions]."""
    scaled = game.payoffs / temperatures.reshape(-1, *[1] * (game.payoffs.ndim - 1))
    homotopy = sgamesolver.homotopy.QRE(
        sgamesolver.SGame(np.moveaxis(scaled, 0, 1), game.transitions.table, game.discount)
    )
    homotopy.solver_setup(target_lambda=1.0)
    homotopy.solver.verbose = 0
    homotopy.solver.set_parameters(convergence_tol=1e-13, corrector_tol=1e-12)
    homotopy.solve()
    return homotopy.equilibrium.strategies


def largest_difference(ours: list[Any], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_one_shot_play_agrees_with_gambit(gambit: Any, shape: tuple[int, ...], seed: int) -> None:
    payoffs, temperatures = drawn(shape, seed)
    theirs, precision = gambit_profile(gambit, payoffs, temperatures)
    assert precision == pytest.approx(1.0, abs=1e-7)
    game = games.NormalForm(payoffs)
    traced = games.solve(game, temperatures / precision, method="continuation")
    assert traced.converged
    assert largest_difference(traced.profile, theirs) <= 1e-10
    if not traced.remark and len(games.find_all(game, temperatures / precision, starts=10)) == 1:
        assert largest_difference(games.solve(game, temperatures / precision).profile, theirs) <= 1e-10


def test_gambit_returns_another_temperature_beyond_a_pitchfork_and_continuation_does_not(gambit: Any) -> None:
    temperatures = np.array([0.4, 0.4])
    game = library.pure_coordination()
    traced = games.solve(game, temperatures, method="continuation")
    assert traced.converged
    assert traced.problem.regularizer.temperature.tolist() == [0.4, 0.4]
    assert traced.problem.residual(traced.policy) < 1e-15
    _, precision = gambit_profile(gambit, np.stack([np.eye(2)] * 2), temperatures)
    assert precision == pytest.approx(1.0, abs=1e-6) or precision < 0.9


@pytest.mark.parametrize(("states", "shape"), MARKOV)
@pytest.mark.parametrize("seed", range(2))
def test_markov_play_agrees_with_sgamesolver(sgamesolver: Any, states: int, shape: tuple[int, ...], seed: int) -> None:
    rng = np.random.default_rng([seed, states])
    transitions = rng.dirichlet(np.full(states, 0.5), size=(states, *shape))
    game = games.Markov(rng.normal(size=(len(shape), states, *shape)), transitions, 0.8)
    temperatures = rng.uniform(0.6, 1.2, size=len(shape))
    theirs = markov_profile(sgamesolver, game, temperatures)
    ours = games.solve(game, temperatures, continuation="plain", method="continuation")
    assert ours.converged
    assert largest_difference(ours.profile, [theirs[:, agent, :count] for agent, count in enumerate(shape)]) <= 1e-10


@pytest.mark.slow
def test_beyond_the_folds_of_the_30_state_game_agrees_with_sgamesolver(sgamesolver: Any) -> None:
    game = folding_markov()
    theirs = markov_profile(sgamesolver, game, np.full(3, 0.1))
    ours = games.solve(game, 0.1, continuation="plain", method="continuation")
    assert "turned at folds" in ours.remark
    assert largest_difference(ours.profile, [theirs[:, agent] for agent in range(3)]) <= 1e-10

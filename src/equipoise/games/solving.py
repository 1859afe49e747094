"""`solve` a game, or `find_all` equilibria that many starts lead to.

    from equipoise import games
    game = games.NormalForm([[[9, 0], [0, 1]], [[0, 1], [1, 0]]])
    equilibrium = games.solve(game, [1.5, 0.4])
    equilibrium.profile, equilibrium.status.sentence

method="auto" tries the solvers that suit the game, in the order of their `place`, until one converges. The temperatures
are those asked, always: an equilibrium of a warmer game is never passed off as one of this game.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from equipoise.games import solver as solvers
from equipoise.games.equilibrium import AtOnce, Equilibrium
from equipoise.games.game import Game, Regularizer, check_profile
from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver
from equipoise.games.solvers import direct, newton, newton_gmres

APART = 1e-6
"""Largest difference of two profiles, in any entry, that counts as one equilibrium."""

LOWEST = 1e-12
"""Stands in for probability 0 in a start: logits must be finite."""

STEADY = Limits()


def solve(
    game: Game,
    temperatures: Any,
    *,
    continuation: str = "kl",
    reference: Sequence[Any] | None = None,
    method: str | Solver = "auto",
    start: Sequence[Any] | None = None,
    tolerance: float | None = None,
    iterations: int | None = None,
) -> Equilibrium:
    """A quantal response equilibrium, or the best point found, with a status that says which.

    Args:
        game: the game.
        temperatures: τ > 0 in units of payoff: a number, `[agent]` or `[agent][information set]`.
        continuation: "kl", "soft" or "plain": what tomorrow is worth in Markov games; others ignore it.
        reference: profile that the policies are pulled to; uniform if None.
        method: "auto", the name of a solver, or a solver with hyperparameters of your own.
        start: profile to start from; the reference if None.
        tolerance: residual max |π − QR(π)| that counts as converged; 1e-12 if None.
        iterations: most steps of each solver; its own default if None.

    Raises:
        InputError: temperatures, reference or start that do not fit the game.
        UnknownName: no such solver.
    """
    began = time.perf_counter()
    usual = reference is None and start is None and tolerance is None and iterations is None
    if usual and method == "auto" and continuation == "kl":
        numbers = (game.attempt or direct.prepared(game))(temperatures)
        if numbers is not None:
            return AtOnce(game, numbers, began)
    regularizer = Regularizer.of(game.layout, temperatures, reference=reference, continuation=continuation)
    problem = Problem(game, regularizer)
    first = regularizer.log_reference if start is None else start_logits(problem, start)
    limits = STEADY if tolerance is None and iterations is None else _limits(tolerance, iterations)
    if isinstance(method, Solver):
        queue = [method]
    else:
        queue = automatic(problem) if method == "auto" else [solvers.named(method)]
    return _first_converged(problem, first, limits, queue, began)


def find_all(
    game: Game,
    temperatures: Any,
    *,
    continuation: str = "kl",
    reference: Sequence[Any] | None = None,
    starts: int = 100,
    seed: int = 0,
) -> list[Equilibrium]:
    """The distinct equilibria that `solve` finds and that Newton's method reaches from random starts.

    Each random start is run with long first steps, which also reach unstable equilibria, and, where that fails, with
    short ones. Order: as found, first what `solve` finds. It is a search, no proof that there are no others; a
    certificate is.

    Args:
        game: the game.
        temperatures: as in `solve`.
        continuation: as in `solve`.
        reference: as in `solve`.
        starts: number of random starts, between spread out and nearly pure.
        seed: of the starts.
    """
    began = time.perf_counter()
    regularizer = Regularizer.of(game.layout, temperatures, reference=reference, continuation=continuation)
    problem = Problem(game, regularizer)
    rng = np.random.default_rng(seed)
    found: list[Equilibrium] = []
    searchers = _searchers(problem)
    for index in range(starts + 1):
        first = regularizer.log_reference
        if index:
            first = rng.standard_normal(len(first)) * rng.choice([0.3, 1.0, 3.0, 10.0])
        queue = searchers if index else automatic(problem)
        equilibrium = _first_converged(problem, first, STEADY, queue, began)
        if equilibrium.converged and all(np.abs(equilibrium.policy - other.policy).max() > APART for other in found):
            found.append(equilibrium)
        began = time.perf_counter()
    return found


def automatic(problem: Problem) -> list[Solver]:
    """The solvers that method="auto" tries for a problem, in order."""
    placed = [(place, solver) for solver in solvers.all_solvers() if (place := solver.place(problem)) is not None]
    return [solver for _, solver in sorted(placed, key=lambda pair: pair[0])]


def start_logits(problem: Problem, start: Sequence[Any]) -> Vector:
    """Logits of a profile in public form; probabilities of 0 are raised to 1e-12.

    Raises:
        InputError: no profile of this game.
    """
    flat = problem.layout.flatten(start, what="start")
    check_profile(problem.layout, flat, what="start")
    return np.log(np.maximum(flat, LOWEST))


def _first_converged(
    problem: Problem, first: Vector, limits: Limits, queue: Sequence[Solver], began: float
) -> Equilibrium:
    """The first run that converges, or the one of least residual."""
    best: tuple[Run, Solver] | None = None
    iterations = 0
    for solver in queue:
        run = solver.run(problem, first, limits)
        iterations += run.iterations
        if best is None or run.converged or run.residual < best[0].residual:
            best = (run, solver)
        if run.converged:
            break
    assert best is not None, "mirror descent suits every game"
    run, solver = best
    seconds = time.perf_counter() - began
    return Equilibrium(problem, run.logits, run.status, iterations, seconds, solver.name, run.remark)


def _searchers(problem: Problem) -> list[Solver]:
    """Newton with long and short first steps, compiled or matrix-free as the game's size asks."""
    size = problem.layout.size
    if size > newton.DENSE_LIMIT:
        long, short = newton_gmres.NewtonGmres(first_step=1e9, turns=0), newton_gmres.NewtonGmres()
    elif direct.SOLVER.place(problem) is None:
        long, short = newton.Newton(first_step=1e9, turns=0), newton.Newton()
    else:
        long, short = direct.Direct(first_step=1e9, turns=0), direct.Direct()
    return [long, short]


def _limits(tolerance: float | None, iterations: int | None) -> Limits:
    return Limits(tolerance=STEADY.tolerance if tolerance is None else tolerance, iterations=iterations)

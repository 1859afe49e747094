"""Many small normal forms of one shape, solved at once.

    from equipoise import games
    found = games.solve_batch(payoffs, temperatures)        # payoffs [B, agents, a1, …, aN]
    found.policies, found.converged

Every game is solved as `solve(game, τ, method="direct")` solves it, from uniform play: damped Newton steps on logits
(see `solvers/newton.py`), with no Python between games. What does not converge is flagged, never passed off; take it
to `solve`, which has other methods. Games are shared out over threads, since compiled code leaves Python's lock. A 2×2
game costs about seven steps of four exponentials. Without numba the games are solved one after another in Python.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.games import contraction
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.layout import Index, Layout, Matrix, Vector
from equipoise.games.problem import ROUNDING
from equipoise.games.solver import Limits
from equipoise.games.solvers import direct
from equipoise.games.solving import solve
from equipoise.games.validation import as_array, check_finite, subscript

LEAST = 2_048
"""Games of a thread; starting one costs as much as some ten games."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The outcome for every game, in the order given.

    Attributes:
        layout: the flat index that all games share; n entries.
        policies: a profile each, where the game converged; else the point where its solver stopped. Shape [B, n].
        residuals: max |π − QR(π)|. Shape [B].
        iterations: steps. Shape [B].
        converged: whether the profile is an equilibrium. Shape [B].
    """

    layout: Layout
    policies: Matrix
    residuals: Vector
    iterations: Index
    converged: NDArray[np.bool_]

    @property
    def profiles(self) -> list[Matrix]:
        """The policies by agent: N arrays of shape [B, A_i]."""
        return [self.policies[:, self.layout.block(agent)] for agent in range(self.layout.agents)]

    def _part(self, games: slice) -> tuple[Matrix, Vector, Index, NDArray[np.bool_]]:
        return self.policies[games], self.residuals[games], self.iterations[games], self.converged[games]


def solve_batch(
    payoffs: Any,
    temperatures: Any,
    *,
    tolerance: float = 1e-12,
    iterations: int = 200,
    threads: int | None = None,
) -> Batch:
    """A quantal response equilibrium of every game, or the point where its solver stopped, with a flag that says which.

    Args:
        payoffs: `[game][agent][a1]…[aN]`.
        temperatures: τ > 0 in units of payoff: a number, `[agent]` or `[game][agent]`.
        tolerance: residual that counts as converged; rounding of the payoffs is added, as in `solve`.
        iterations: most steps of a game.
        threads: how many; as many as the machine has processors if None.

    Raises:
        InputError: payoffs or temperatures of the wrong shape, not finite, or temperatures ≤ 0; says which entry.
    """
    stacked = as_array(payoffs, "payoffs")
    if stacked.ndim < 3 or stacked.shape[1] != stacked.ndim - 2 or 0 in stacked.shape[1:]:
        raise InputError(f"payoffs has shape {list(stacked.shape)}; it needs [games, N agents, A1, …, AN].")
    count, agents = stacked.shape[:2]
    layout = Layout(tuple((actions,) for actions in stacked.shape[2:]), nested=False)
    heats = _temperatures(temperatures, count, agents)
    found = Batch(
        layout,
        np.empty((count, layout.size)),
        np.empty(count),
        np.empty(count, dtype=np.int64),
        np.empty(count, dtype=np.bool_),
    )
    if direct.compiled() is None:
        _one_by_one(stacked, heats, found, Limits(tolerance=tolerance, iterations=iterations))
        return found
    settings = (tolerance, iterations, direct.SOLVER.first_step, direct.SOLVER.turns, ROUNDING)
    parts = max(1, min(threads or os.cpu_count() or 1, count // LEAST))
    edges = np.linspace(0, count, parts + 1).astype(int)
    with ThreadPoolExecutor(parts) as pool:
        slices = [slice(int(low), int(high)) for low, high in pairwise(edges)]
        list(pool.map(lambda part: _compiled(stacked[part], heats[part], found, part, settings), slices))
    return found


def _compiled(payoffs: np.ndarray, heats: Matrix, found: Batch, part: slice, settings: tuple[Any, ...]) -> None:
    """Fills one part of the outcome."""
    layout, results = found.layout, found._part(part)
    if layout.counts == ((2,), (2,)):
        from equipoise.games.two_by_two import solve_two_by_two

        solve_two_by_two(payoffs.reshape(-1, 8), heats, settings, results)
        return
    from equipoise.games.batch_kernels import solve_many

    packed = [np.moveaxis(payoffs[:, i], i + 1, -1).reshape(len(payoffs), -1) for i in range(layout.agents)]
    index = (contraction.plan(payoffs.shape[2:]), layout.index, layout.uniform)
    solve_many(np.concatenate(packed, axis=1), index, heats, settings, results)


def _one_by_one(stacked: np.ndarray, heats: Matrix, found: Batch, limits: Limits) -> None:
    for game, (tensors, heat) in enumerate(zip(stacked, heats, strict=True)):
        one = solve(
            NormalForm(tensors), heat, method="direct", tolerance=limits.tolerance, iterations=limits.iterations
        )
        found.policies[game], found.residuals[game] = one.policy, one.residual
        found.iterations[game], found.converged[game] = one.iterations, one.converged


def _temperatures(temperatures: Any, count: int, agents: int) -> Matrix:
    """τ of every game and agent. Shape [B, agents]."""
    try:
        given = np.asarray(temperatures, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"temperatures is not an array of numbers: {error}.") from error
    if given.shape not in ((), (agents,), (count, agents)):
        needs = f"a number, {[agents]} or {[count, agents]}"
        raise InputError(f"temperatures has shape {list(given.shape)}; it needs {needs}.")
    check_finite(given, "temperatures")
    if (given <= 0).any():
        where = tuple(int(axis[0]) for axis in np.nonzero(given <= 0)) if given.ndim else ()
        raise InputError(f"temperatures{subscript(where)} is {given[where]:g}; every temperature must be above 0.")
    return np.array(np.broadcast_to(given, (count, agents)), order="C")

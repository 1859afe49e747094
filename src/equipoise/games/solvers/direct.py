"""Newton's method of `newton`, compiled, for small games in tensor form.

The equation, the step lengths and the conditions are those of `solvers/newton.py`; the code is `newton_kernels` and,
for 2×2 games, `two_by_two`. What `prepared` returns is what `solve` tries first: one call of compiled code from payoffs
to logits.
Without numba the same steps are taken in NumPy by `newton` itself, slower by one to two orders of magnitude on small
games. A step costs 2 N M (1 + 1/A + …)² + n³/3 operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.game import Game
from equipoise.games.layout import Layout, Vector
from equipoise.games.problem import ROUNDING, Problem
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solvers.newton import COMPILED_LIMIT, Newton

CONVERGED = 1
"""What kernels return where they converged."""
TWO_BY_TWO = ((2,), (2,))

Attempt = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Direct(Solver):
    """Compiled damped Newton for `NormalForm` and `Bayesian` games.

    Attributes:
        first_step: length of the first step, as in `newton`.
        turns: how often a step that points against the dynamics is shortened.
        iterations: most steps, unless the limits say otherwise.
    """

    first_step: float = 1.0
    turns: int = 8
    iterations: int = 200

    def place(self, problem: Problem) -> int | None:
        """First, for small tensor games."""
        return 10 if isinstance(problem.game, TensorGame) and problem.layout.size <= COMPILED_LIMIT else None

    def run(self, problem: Problem, start: Vector, limits: Limits) -> Run:
        """Where Newton's steps lead; games that are not in tensor form go to `newton`."""
        kernel = compiled()
        game, layout, regularizer = problem.game, problem.layout, problem.regularizer
        if kernel is None or not isinstance(game, TensorGame):
            return Newton(first_step=self.first_step, turns=self.turns, iterations=self.iterations).run(
                problem, start, limits
            )
        most = self.iterations if limits.iterations is None else limits.iterations
        numbers, settings = room(layout), self._settings(game, limits.tolerance, most)
        heat, reference = regularizer.temperature, regularizer.log_reference
        status = kernel(
            *(game.packed, game.plan, layout.index),
            *(np.array(given, dtype=np.float64) for given in (heat, reference, start)),
            *(settings, numbers),
        )
        logits, residual, iterations = numbers[: layout.size], float(numbers[-2]), int(numbers[-1])
        if status == CONVERGED:
            return Run(logits, Status.CONVERGED, residual, iterations)
        if not np.isfinite(logits).all():
            return Run(start, Status.SINGULAR, problem.residual(problem.policy(start)), iterations)
        return Run(logits, Status.LIMIT if iterations == most else Status.SINGULAR, residual, iterations)

    def attempt(self, game: TensorGame) -> Attempt:
        """What `prepared` returns for a tensor game; all that does not depend on temperatures is made ready here."""
        kernel, layout = compiled(game), game.layout
        if kernel is None or layout.size > COMPILED_LIMIT:
            return _nothing
        packed, settings = game.packed, self._settings(game, Limits().tolerance, self.iterations)
        length, empty, array, agents = len(room(layout)), np.empty, np.ndarray, layout.agents
        if layout.counts == TWO_BY_TWO:
            packed = np.concatenate([packed, settings])

            def solve_one(temperatures: Any) -> tuple[float, ...] | None:
                try:
                    return kernel(packed, temperatures if type(temperatures) is array else _vector(temperatures, 2))
                except TypeError:  # compiled for contiguous vectors of doubles alone
                    return None

            return solve_one
        plan, index, uniform = game.plan, layout.index, layout.uniform

        def solve_tensor(temperatures: Any) -> Vector | None:
            numbers = empty(length)
            try:
                given = temperatures if type(temperatures) is array else _vector(temperatures, agents)
                status = kernel(packed, plan, index, given, uniform, uniform, settings, numbers)
            except TypeError:
                return None
            return numbers if status == CONVERGED else None

        return solve_tensor

    def _settings(self, game: TensorGame, tolerance: float, most: int) -> Vector:
        return np.array([tolerance, ROUNDING * game.payoff_scale, most, self.first_step, self.turns])


def prepared(game: Game) -> Attempt:
    """Temperatures → a small tensor game's equilibrium by one call of compiled code, None if that says nothing.

    The equilibrium is logits [n], the temperature of every set, the residual and the number of steps, end to end; it is
    sought from uniform play. None stands for every other game, for no numba, for no convergence, and for temperatures
    that need a second look. What is made ready here is kept with the game.
    """
    if not isinstance(game, TensorGame):
        return _nothing
    if game.attempt is None:
        game.attempt = SOLVER.attempt(game)
    return game.attempt


def _nothing(temperatures: Any) -> None:
    """No equilibrium."""


def _vector(temperatures: Any, agents: int) -> Vector:
    """Temperatures that are no array as one.

    Raises:
        TypeError: they are not numbers.
    """
    try:
        given = np.array(temperatures, dtype=np.float64)
    except ValueError as error:
        raise TypeError from error
    return given if given.ndim else np.full(agents, given)


def room(layout: Layout) -> Vector:
    """Where a kernel writes its numbers."""
    return np.empty(layout.size + layout.sets + 2)


@cache
def _kernels(small: bool) -> Callable[..., Any] | None:
    """`two_by_two.solve_one` or `newton_kernels.solve_tensor`, None where numba is not installed.

    The import takes 0.1 to 0.5 s once, and after an install the time to compile.
    """
    try:
        if small:
            from equipoise.games.two_by_two import solve_one

            return solve_one
        from equipoise.games.newton_kernels import solve_tensor
    except ImportError:
        return None
    return solve_tensor


def compiled(game: TensorGame | None = None) -> Callable[..., Any] | None:
    """The compiled solver of a game, or of any; None where numba is not installed."""
    return _kernels(game is not None and game.layout.counts == TWO_BY_TWO)


SOLVER = Direct()

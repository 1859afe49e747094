"""Newton's method of `newton`, compiled, for small games in tensor form.

The equation, the step lengths and the conditions are those of `solvers/newton.py`; the code is `kernels.solve_tensor`.
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
from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solvers.newton import COMPILED_LIMIT, Newton


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
        if kernel is None or not isinstance(problem.game, TensorGame):
            return Newton(first_step=self.first_step, turns=self.turns, iterations=self.iterations).run(
                problem, start, limits
            )
        logits, layout, regularizer = start.copy(), problem.layout, problem.regularizer
        most = self.iterations if limits.iterations is None else limits.iterations
        residual, iterations, converged = kernel(
            problem.game.packed,
            (layout.entries, layout.offsets, layout.starts, layout.sizes),
            regularizer.spread_temperature,
            regularizer.log_reference,
            logits,
            (limits.tolerance + problem.rounding, most, self.first_step, self.turns),
        )
        if converged:
            return Run(logits, Status.CONVERGED, residual, iterations)
        if not np.isfinite(logits).all():
            return Run(start, Status.SINGULAR, problem.residual(problem.policy(start)), iterations)
        return Run(logits, Status.LIMIT if iterations == most else Status.SINGULAR, residual, iterations)


@cache
def compiled() -> Callable[..., Any] | None:
    """`kernels.solve_tensor`, or None where numba is not installed. The import takes 0.1 to 0.5 s, once."""
    try:
        from equipoise.games.kernels import solve_tensor
    except ImportError:
        return None
    return solve_tensor


SOLVER = Direct()

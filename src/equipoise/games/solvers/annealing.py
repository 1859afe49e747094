"""A sequence of Newton solves at falling temperatures, each started where the last one ended.

    τ_k = c_k τ,  c_0 > … > c_m = 1,     start_k = z_{k-1} + (I − T⁻¹ (dQ/dπ) D)⁻¹ (z_{k-1} − log ρ) log(c_{k-1}/c_k)

Hot games are contractions (small gain ρ(T⁻¹K)/4 < 1), so the first solve is safe; the start follows the branch's
tangent. Where a branch ends in a fold, Newton's implicit steps follow the logit dynamics to another branch. So it
reaches low temperatures where Newton alone wanders, but it promises no particular equilibrium: for the principal
branch, and to learn of folds, trace by continuation. The last solve is at the temperatures asked; if that one fails,
so does the run.

Cost: about log(c_0)/log(1/factor) Newton solves per schedule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solvers import direct, newton

ROUGH = 1e-6
"""Residual at which a warmer game counts as solved: it only serves as a start."""

FARTHEST = 1.0
"""Change of the logits, relative to their range, beyond which a tangent is not followed: a fold is near."""

HOTTEST = 1e18
"""Payoffs over temperature beyond which one schedule is tried only: doubles cannot tell finer ones apart."""


@dataclass(frozen=True, kw_only=True)
class Annealing(Solver):
    """Newton at falling temperatures.

    Attributes:
        factors: ratios of neighbouring temperatures, one schedule each, tried in turn until one converges.
    """

    factors: tuple[float, ...] = (0.5, 0.8, 0.9, 0.96)

    def place(self, problem: Problem) -> int | None:
        """After Newton from the reference."""
        return 40 if problem.layout.size <= newton.DENSE_LIMIT else None

    def run(self, problem: Problem, start: Vector, limits: Limits) -> Run:
        """The best of the schedules, one only where doubles fail; only the hottest game starts from `start`."""
        compiled = direct.SOLVER.place(problem) is not None
        inner = direct.Direct(turns=0) if compiled else newton.Newton(turns=0)
        best: Run | None = None
        iterations = 0
        heat = _heat(problem)
        for factor in self.factors if heat < HOTTEST else self.factors[:1]:
            run = self._descend(problem, start, limits, inner, factor, heat)
            iterations += run.iterations
            if best is None or run.residual < best.residual:
                best = run
            if run.converged:
                break
        if best is None:
            return Run(start, Status.STALLED, problem.residual(problem.policy(start)), 0)
        return replace(best, iterations=iterations)

    @staticmethod
    def _descend(problem: Problem, start: Vector, limits: Limits, inner: Solver, factor: float, heat: float) -> Run:
        """One schedule, from `heat` times the game's own temperatures."""
        logits, iterations = start, 0
        while heat > 1.0:
            warmer = Problem(problem.game, problem.regularizer.heated(heat))
            run = inner.run(warmer, logits, Limits(tolerance=ROUGH, iterations=limits.iterations))
            iterations += run.iterations
            cooler = max(1.0, heat * factor)
            logits, heat = _ahead(warmer, run.logits, float(np.log(heat / cooler))), cooler
        run = inner.run(problem, logits, limits)
        return replace(run, iterations=iterations + run.iterations)


def _heat(problem: Problem) -> float:
    """How many times higher temperatures are as high as the payoffs' range; at least 1."""
    reference = problem.regularizer.log_reference
    answer = problem.response_logits(problem.policy(reference))
    return max(1.0, newton.reach(answer - reference, problem))


def _ahead(problem: Problem, logits: Vector, fall: float) -> Vector:
    """The solution at temperatures lower by exp(−fall), to first order; where it is none, the same policy."""
    matrix = -problem.logit_jacobian(problem.policy(logits))
    matrix.reshape(-1)[:: len(logits) + 1] += 1.0
    try:
        ahead = logits + fall * np.linalg.solve(matrix, logits - problem.regularizer.log_reference)
    except np.linalg.LinAlgError:
        return logits
    far = newton.reach(ahead - logits, problem) > FARTHEST * max(1.0, newton.reach(logits, problem))
    return logits if far or not np.isfinite(ahead).all() else ahead


SOLVER = Annealing()

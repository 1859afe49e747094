"""Damped Newton on logits, as implicit steps on the logit dynamics whose length grows as the residual falls.

    ((1 + 1/h) I − T⁻¹ (dQ/dπ) D) Δz = −F(z),      h ← h ‖F_before‖ / ‖F‖

F(z) = z − log ρ − Q(softmax z)/τ (see `problem`); ‖·‖ is the largest range of F within an information set, the part
that changes a policy. With small h a step follows ż = −F(z), the logit dynamics, implicitly and so without their
oscillation; as F falls h grows and the step becomes Newton's, which converges quadratically. From the reference the
start thus selects the equilibrium that the dynamics lead to. This is pseudo-transient continuation (Kelley and
Keyes, SIAM J. Numer. Anal. 35, 1998, theorem 2.2: superlinear convergence where the dynamics are stable). Elsewhere
nothing certifies it: it can wander, and then says that it did not converge. An implicit step longer than the
dynamics' own time scale can point backwards near an unstable equilibrium; such a step is shortened fourfold, `turns`
times at most in a run.

One step costs a dense Jacobian and n³/3 operations: for a few thousand entries at most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver, Status

LONGEST_STEP = 1e12
SHORTEST_STEP = 0.1
COMPILED_LIMIT = 200
"""Most entries of a tensor game that `direct` takes on; above, LAPACK's elimination beats its plain one."""

DENSE_LIMIT = 2_000
"""Most entries for which a dense Jacobian is formed without being asked for: 32 MB and about a second a step."""

MATRIX_FREE_FROM = 400
"""Entries from which GMRES beats elimination on Markov games of 3 agents with 4 actions."""


@dataclass(frozen=True, kw_only=True)
class Newton(Solver):
    """Damped Newton with a dense Jacobian.

    Attributes:
        first_step: length h of the first step; 1e9 with no turns is Newton, which finds unstable equilibria as well.
        turns: how often a step that points against the dynamics is shortened.
        iterations: most steps, unless the limits say otherwise.
    """

    first_step: float = 1.0
    turns: int = 8
    iterations: int = 200

    def place(self, problem: Problem) -> int | None:
        """First where the compiled solver does not apply and a dense Jacobian fits."""
        size = problem.layout.size
        compiled = isinstance(problem.game, TensorGame) and size <= COMPILED_LIMIT
        if compiled or size > DENSE_LIMIT:
            return None
        return 20 if size <= MATRIX_FREE_FROM else 35

    def run(self, problem: Problem, start: Vector, limits: Limits) -> Run:
        """Where Newton's steps lead."""
        logits, step, before, turns = start.copy(), self.first_step, 0.0, self.turns
        residuals: list[float] = []
        most = self.iterations if limits.iterations is None else limits.iterations
        for iteration in range(most + 1):
            policy = problem.policy(logits)
            answer = problem.response_logits(policy)
            residuals.append(float(np.abs(policy - problem.policy(answer)).max()))
            if residuals[-1] <= limits.tolerance + problem.rounding:
                return Run(logits, Status.CONVERGED, residuals[-1], iteration, tuple(residuals))
            if iteration == most:
                break
            move = answer - logits
            length = reach(move, problem)
            step = longer(step, before, length)
            matrix = -problem.logit_jacobian(policy)
            diagonal = matrix.reshape(-1)[:: len(logits) + 1]
            diagonal += 1.0
            while True:
                try:
                    direction = np.asarray(np.linalg.solve(matrix + np.eye(len(logits)) / step, move), np.float64)
                except np.linalg.LinAlgError:
                    return Run(logits, Status.SINGULAR, residuals[-1], iteration, tuple(residuals))
                if not np.isfinite(direction).all():
                    return Run(logits, Status.SINGULAR, residuals[-1], iteration, tuple(residuals))
                if turns == 0 or aligned(direction, move, policy, problem):
                    break
                step, turns = step / 4.0, turns - 1
            logits += direction
            before = length
        return Run(logits, Status.LIMIT, residuals[-1], most, tuple(residuals))


def reach(move: Vector, problem: Problem) -> float:
    """Largest range of a change of logits within a set; a constant added to a set changes no policy."""
    return float((problem.layout.largest(move) + problem.layout.largest(-move)).max())


def centred(move: Vector, problem: Problem) -> Vector:
    """The move without its mean in every set, which changes no policy. Shapes [n] → [n]."""
    return move - problem.layout.spread(problem.layout.total(move) / problem.layout.sizes)


def aligned(direction: Vector, move: Vector, policy: Vector, problem: Problem) -> bool:
    """Whether two logit moves point the same way: Σ of their covariances under π over all sets is positive."""
    total = problem.layout.total
    # Only directions matter; of moves as long as 1e200 the products would overflow.
    direction, move = (vector / max(float(np.abs(vector).max()), 1e-300) for vector in (direction, move))
    both = total(policy * direction * move) - total(policy * direction) * total(policy * move)
    return float(both.sum()) > 0.0


def longer(step: float, before: float, length: float) -> float:
    """The next step length: multiplied by how much the residual in logits fell; the first step stays as it is."""
    if before <= 0.0:
        return step
    return min(max(step * before / length, SHORTEST_STEP), LONGEST_STEP) if length > 0.0 else LONGEST_STEP


SOLVER = Newton()

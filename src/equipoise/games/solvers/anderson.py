"""Anderson acceleration of the damped logit response.

With G(z) = log ρ + Q(softmax z)/τ, f_k = G(z_k) − z_k, ΔF and ΔG the last m differences of f and G,

    γ = argmin ‖f_k − ΔF γ‖,        z_{k+1} = G(z_k) − ΔG γ − (1 − β)(f_k − ΔF γ)

For linear maps it is GMRES (Walker and Ni, SIAM J. Numer. Anal. 49, 2011, theorem 2.2), so it cuts through the
rotation of zero-sum games that makes plain iteration crawl. Locally convergent where G contracts (Toth and Kelley,
2015, theorem 2.4); elsewhere a safeguard acts: where the residual grows at once, the memory is dropped and β halved.
A step costs one evaluation of Q and O(n m²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.games.forms.vote import Vote
from equipoise.games.layout import Vector
from equipoise.games.problem import Problem
from equipoise.games.solver import Limits, Run, Solver, Status
from equipoise.games.solvers.newton import MATRIX_FREE_FROM, centred

GROWTH_ALLOWED = 2.0
SMALLEST_MIXING = 1e-4


@dataclass(frozen=True, kw_only=True)
class Anderson(Solver):
    """Anderson acceleration.

    Attributes:
        memory: number m of differences kept.
        mixing: β in (0, 1].
        patience: evaluations without a new best residual after which it gives up.
        iterations: most evaluations of Q, unless the limits say otherwise.
    """

    memory: int = 8
    mixing: float = 1.0
    patience: int = 200
    iterations: int = 2_000

    def place(self, problem: Problem) -> int | None:
        """After the Newton methods; first for an electorate, whose voters hardly feel one another."""
        return 15 if isinstance(problem.game, Vote) and problem.layout.size > MATRIX_FREE_FROM else 60

    def run(self, problem: Problem, start: Vector, limits: Limits) -> Run:
        """The best point of the accelerated sequence."""
        most = self.iterations if limits.iterations is None else limits.iterations
        history: list[tuple[Vector, Vector]] = []
        logits = best = start
        least, lowest, mixing, since, before = np.inf, 1.0, self.mixing, 0, 0.0
        residuals: list[float] = []
        for iteration in range(most + 1):
            policy = problem.policy(logits)
            answer = problem.response_logits(policy)
            residuals.append(float(np.abs(policy - problem.policy(answer)).max()))
            if residuals[-1] <= limits.tolerance + problem.rounding:
                return Run(logits, Status.CONVERGED, residuals[-1], iteration, tuple(residuals))
            move = centred(answer - logits, problem)
            length = float(np.linalg.norm(move))
            if length < least:
                best, least, lowest, since = logits, length, residuals[-1], iteration
            elif iteration - since > self.patience:
                return Run(best, Status.STALLED, lowest, iteration, tuple(residuals))
            if before > 0.0 and length > GROWTH_ALLOWED * before:
                history.clear()
                mixing = max(mixing / 2, SMALLEST_MIXING)
            history.append((move, logits + move))
            del history[: -self.memory - 1]
            logits, before = self._next(history, mixing), length
        return Run(best, Status.LIMIT, lowest, most, tuple(residuals))

    @staticmethod
    def _next(history: list[tuple[Vector, Vector]], mixing: float) -> Vector:
        move, image = history[-1]
        if len(history) == 1:
            return image - (1.0 - mixing) * move
        moves, images = np.array([m for m, _ in history]).T, np.array([g for _, g in history]).T
        differences = np.diff(moves, axis=1)
        gamma = np.linalg.lstsq(differences, move, rcond=1e-12)[0]
        return image - np.diff(images, axis=1) @ gamma - (1.0 - mixing) * (move - differences @ gamma)


SOLVER = Anderson()

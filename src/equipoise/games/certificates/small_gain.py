"""Small gain: the logit map shrinks distances in a weighted maximum of ranges.

    g = ρ(T⁻¹K)/4 < 1,     T = diag(τ),  K = (κ_xy)

A change of logits of range r moves a policy by at most r/4 in total variation, which moves Q_x by a range of κ_xy times
that: the ranges of the response logits are at most (T⁻¹K/4) times those of the logits. Weighted by the Perron vector
of that matrix, the logit map is a g-contraction, whatever the reference. So the equilibrium is unique, and any damping
α in (0, 1], stale or asynchronous updates included, converges to it at the rate 1 − α(1 − g).

Tight: in the 2×2 game of pure coordination g = 1 exactly at the pitchfork, τ = 1/2. For two agents only τ₁τ₂ matters.
Cost: the second differences (`coupling`) and the eigenvalues of a matrix of all (agent, type) pairs.

Source: Banach's fixed point with the span seminorm; the mean-field form is Dobrushin's uniqueness condition (1968);
asynchronous updates as in Bertsekas and Tsitsiklis (1989), section 6.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.games.certificate import Certificate, Criterion
from equipoise.games.coupling import coupling_of, unknown_because
from equipoise.games.layout import Matrix, Vector
from equipoise.games.problem import Problem

ABOVE = 1e-6
"""How far above the spectral radius, relatively, the weights are taken: so all are positive in reducible games too."""


@dataclass(frozen=True, kw_only=True)
class SmallGain(Criterion):
    """g = ρ(T⁻¹K)/4."""

    @property
    def source(self) -> str:
        """Where the statement is from."""
        return "Dobrushin (1968); logit map as a contraction in ranges, g = ρ(T⁻¹K)/4"

    @property
    def proves(self) -> str:
        """What it proves."""
        return "The equilibrium is unique, and damped logit response converges to it from everywhere at 1 − α(1 − g)."

    def examine(self, problem: Problem) -> Certificate:
        """The certificate; weights are those of the norm."""
        coupling = coupling_of(problem.game)
        if coupling is None:
            return self.silent(unknown_because(problem.game))
        gain = coupling.kappa / (4.0 * problem.regularizer.temperature[:, None])
        radius = spectral_radius(gain, problem.regularizer.temperature)
        reason = "" if coupling.exact else "second differences are bounded from above, over all that others may do."
        weights = problem.layout.nest_sets(_norm(gain, radius))
        return self.found(problem, radius, radius, exact=coupling.exact, reason=reason, weights=weights, rate=radius)


def spectral_radius(matrix: Matrix, scale: Vector) -> float:
    """ρ of a matrix ≥ 0; by a symmetric eigenvalue problem where diag(scale) times the matrix is symmetric."""
    symmetric = matrix * scale[:, None]
    if np.array_equal(symmetric, symmetric.T) or np.allclose(symmetric, symmetric.T, rtol=1e-15, atol=0.0):
        root = np.sqrt(scale)
        return max(float(np.linalg.eigvalsh(symmetric / np.outer(root, root))[-1]), 0.0)
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def _norm(gain: Matrix, radius: float) -> Vector:
    """Weights m > 0 with gain m < (1 + ABOVE) ρ m, largest 1: the Perron vector where the matrix is irreducible."""
    level = radius * (1.0 + ABOVE) or ABOVE * float(gain.max(initial=0.0)) or 1.0
    weights = np.linalg.solve(np.eye(len(gain)) - gain / level, np.ones(len(gain)))
    return weights / weights.max()


CRITERION = SmallGain()

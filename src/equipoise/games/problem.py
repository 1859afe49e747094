"""What solvers see: a game with its temperatures, references and continuation, as a fixed point in logits.

    z = log ρ + Q(softmax z)/τ,        F(z) = z − log ρ − Q(softmax z)/τ = 0

z has one entry per (agent, information set, action). The derivative of F is I − T⁻¹ (dQ/dπ) D, with D = diag(π) −
ππᵀ in every set; T⁻¹ (dQ/dπ) D has the non-zero spectrum of B = D T⁻¹ (dQ/dπ), the derivative of the quantal
response in policies, and F's derivative is singular exactly where an eigenvalue of B is 1: at folds and pitchforks.
Logits stay well scaled at low temperature, where policies crowd into corners.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from equipoise.games.game import Game, Regularizer, Tangent
from equipoise.games.layout import Layout, Matrix, Vector
from equipoise.games.response import softmax

ROUNDING = 16.0 * float(np.finfo(np.float64).eps)
MOST_ROUNDING = 1e-6
"""Most that rounding excuses: colder games end as not converged, unless their policies are nearly pure."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A game and its regularizer; the unknown is a vector of logits of shape [n].

    Attributes:
        game: the game.
        regularizer: its temperatures, references and continuation.
    """

    game: Game
    regularizer: Regularizer

    @cached_property
    def layout(self) -> Layout:
        """The game's layout."""
        return self.game.layout

    def policy(self, logits: Vector) -> Vector:
        """softmax z, the policy of some logits. Shapes [n] → [n]."""
        return softmax(logits, self.layout)

    def response_logits(self, policy: Vector) -> Vector:
        """log ρ + Q(π)/τ up to a constant in every set. Shapes [n] → [n]."""
        return self._logits(self.game.q(policy, self.regularizer))

    def response(self, policy: Vector) -> Vector:
        """The quantal response to a profile. Shapes [n] → [n]."""
        return softmax(self.response_logits(policy), self.layout)

    def residual(self, policy: Vector) -> float:
        """max |π − QR(π)| over all entries: 0 at an equilibrium, never above 1."""
        return float(np.abs(policy - self.response(policy)).max())

    def logit_jacobian(self, policy: Vector) -> Matrix:
        """T⁻¹ (dQ/dπ) D, the derivative of response logits in logits; dense. Shape [n, n]."""
        weighted = self.game.jacobian(policy, self.regularizer) * policy
        weighted -= self.layout.total(weighted)[:, self.layout.set_of] * policy
        return weighted / self.regularizer.spread_temperature[:, None]

    def linearize(self, policy: Vector) -> tuple[Vector, Tangent]:
        """Response logits and v ↦ T⁻¹ (dQ/dπ) D v, without the matrix where the game can. Shapes [n]."""
        q, tangent = self.game.linearize(policy, self.regularizer)
        layout, temperature = self.layout, self.regularizer.spread_temperature

        def logit_tangent(direction: Vector) -> Vector:
            centred = direction - layout.spread(layout.total(policy * direction))
            return tangent(policy * centred) / temperature

        return self._logits(q), logit_tangent

    def response_jacobian(self, policy: Vector) -> Matrix:
        """B, the derivative of the quantal response in policies: D(QR) T⁻¹ dQ/dπ. Shape [n, n]."""
        answer = self.response(policy)
        scaled = self.game.jacobian(policy, self.regularizer) / self.regularizer.spread_temperature[:, None]
        mean = np.add.reduceat(answer[:, None] * scaled, self.layout.starts, axis=0)
        return answer[:, None] * (scaled - mean[self.layout.set_of])

    @cached_property
    def rounding(self) -> float:
        """What rounding of Q alone can leave of the residual: 16 ε max |payoff| / min τ, at most 1e-6; it is allowed.

        It exceeds the default tolerance where payoffs are more than about 300 times a temperature.
        """
        return min(ROUNDING * self.game.payoff_scale / float(self.regularizer.temperature.min()), MOST_ROUNDING)

    def _logits(self, q: Vector) -> Vector:
        """Each set's largest Q is taken off first: at low temperatures its level would drown the differences."""
        gap = q - self.layout.spread(self.layout.largest(q))
        return self.regularizer.log_reference + gap / self.regularizer.spread_temperature

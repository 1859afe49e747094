"""The family of problems between infinite temperature and the temperatures asked.

All temperatures are scaled by one factor c = 1/t, from ∞ (t = 0) to 1. The unknowns w are differences of logits to the
last action of their information set, one for every other action, so that constants that change no policy are gone:

    F(w, t) = w − Δ log ρ − T⁻¹ Δ[t A(π) + B(π)] = 0,        Δx(a) = x(a) − x(last action)

A is Q with plain values and B what a continuation `soft` or `kl` adds at temperature τ: discounted values are linear in
payoffs and temperatures, so that t Q(π; τ/t) = t A(π) + B(π) for all t, also at t = 0. One-shot games have B = 0.

At t = 0 the solution is π = ρ, except under `soft`, where hot states still attract: there a first leg scales B from 0
to 1 at t = 0 (`leg="bonus"`). A tilt ε ξ of the reference, which fades as 1 − t, unfolds pitchforks (`tilted`).

Cost: that of the game's Q, its Jacobian or its directional derivative; under `kl` and `soft` twice that of Q.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from equipoise.games.forms.markov import Markov
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.game import Regularizer, Tangent
from equipoise.games.layout import Index, Matrix, Vector
from equipoise.games.problem import Problem

COLDEST_SPLIT = 1e-9
"""t below which τ/t is not formed, and derivatives are composed of A's and B's."""


@dataclass(frozen=True, eq=False)
class Homotopy:
    """F(w, t) and its derivatives; d = n − (number of sets) unknowns.

    Attributes:
        problem: what is to be solved at t = 1.
        leg: "temperature" as above, or "bonus": F = w − Δ log ρ − T⁻¹ Δ t B.
        tilt: ε ξ, added to Δ log ρ as (1 − t) ε ξ; None for none. Shape [d].
    """

    problem: Problem
    leg: Literal["temperature", "bonus"] = "temperature"
    tilt: Vector | None = None

    @property
    def kept(self) -> Index:
        """The entry of every unknown. Shape [d]."""
        return self.problem.layout.inner

    @property
    def last(self) -> Index:
        """The last entry of the set of every unknown. Shape [d]."""
        return self.problem.layout.last

    @cached_property
    def temperature(self) -> Vector:
        """τ of every unknown. Shape [d]."""
        return self.problem.regularizer.spread_temperature[self.kept]

    @cached_property
    def fixed(self) -> Vector:
        """Δ log ρ + ε ξ. Shape [d]."""
        reference = self.differences(self.problem.regularizer.log_reference)
        return reference if self.tilt is None else reference + self.tilt

    @cached_property
    def moving(self) -> Vector:
        """−ε ξ. Shape [d]."""
        return np.zeros(len(self.kept)) if self.tilt is None else -self.tilt

    @cached_property
    def split(self) -> bool:
        """Whether B is not 0."""
        lasting = isinstance(self.problem.game, (Markov, PartiallyObserved))
        return lasting and self.problem.regularizer.continuation != "plain"

    def tilted(self, size: float, seed: int) -> Homotopy:
        """The same from a reference moved by `size` times normal noise, which is gone at t = 1."""
        return replace(self, tilt=size * np.random.default_rng(seed).standard_normal(len(self.kept)))

    def differences(self, entries: Vector) -> Vector:
        """Δx, each entry less its set's last. Shapes [n] → [d]."""
        return entries[self.kept] - entries[self.last]

    def logits(self, unknowns: Vector) -> Vector:
        """Logits with 0 for the last action of every set. Shapes [..., d] → [..., n]."""
        logits = np.zeros((*unknowns.shape[:-1], self.problem.layout.size))
        logits[..., self.kept] = unknowns
        return logits

    def policy(self, unknowns: Vector) -> Vector:
        """The policy. Shapes [d] → [n]."""
        return self.problem.policy(self.logits(unknowns))

    def terms(self, unknowns: Vector, time: float) -> tuple[Vector, Vector]:
        """F and its derivative in t. Shapes [d]."""
        growing, constant = self._terms(self.policy(unknowns))
        speed = self.moving + growing / self.temperature
        return unknowns - self.fixed - constant / self.temperature - time * speed, -speed

    def matrix(self, unknowns: Vector, time: float) -> Matrix:
        """F_w, dense. Shape [d, d]."""
        policy, game, regularizer = self.policy(unknowns), self.problem.game, self.problem.regularizer
        if not self.split:
            derivative, weight = game.jacobian(policy, regularizer), time
        elif self.leg == "temperature" and time > COLDEST_SPLIT:
            derivative, weight = game.jacobian(policy, self._heated(time).regularizer), time
        else:
            plain = game.jacobian(policy, self._plain.regularizer)
            bonus = game.jacobian(policy, regularizer) - plain
            derivative, weight = (time * bonus if self.leg == "bonus" else time * plain + bonus), 1.0
        return self._reduced(derivative, policy, -weight / self.temperature)

    def product(self, unknowns: Vector, time: float) -> Tangent:
        """v ↦ F_w v without the matrix. Shapes [d] → [d]."""
        policy = self.policy(unknowns)
        if self.leg == "temperature" and (not self.split or time > COLDEST_SPLIT):
            weights = [1.0 if self.split else time]
            tangents = [(self._heated(time) if self.split else self.problem).linearize(policy)[1]]
        else:
            weights = [time, -time] if self.leg == "bonus" else [1.0, time - 1.0]
            tangents = [self.problem.linearize(policy)[1], self._plain.linearize(policy)[1]]

        def product(direction: Vector) -> Vector:
            full = self.logits(direction)
            change = sum(weight * tangent(full) for weight, tangent in zip(weights, tangents, strict=True))
            return direction - self.differences(np.asarray(change))

        return product

    def _reduced(self, derivative: Matrix, policy: Vector, weights: Vector) -> Matrix:
        """I + diag(weights) Δ (dQ/dπ) D on the unknowns. Shapes [n, n], [n], [d] → [d, d]."""
        layout = self.problem.layout
        if layout.width:
            stacked = derivative.reshape(layout.sets, layout.width, layout.sets, layout.width)
            cells = (stacked[:, :-1] - stacked[:, -1:]) * policy.reshape(-1, layout.width)
            inner = policy.reshape(-1, layout.width)[:, :-1]
            reduced = (cells[..., :-1] - cells.sum(axis=-1, keepdims=True) * inner).reshape(len(weights), len(weights))
        else:
            rows = (derivative[self.kept] - derivative[self.last]) * policy
            reduced = rows[:, self.kept] - layout.total(rows)[:, layout.set_of[self.kept]] * policy[self.kept]
        reduced *= weights[:, None]
        reduced.flat[:: len(self.kept) + 1] += 1.0
        return reduced

    @cached_property
    def _plain(self) -> Problem:
        regularizer = self.problem.regularizer
        plain = Regularizer(regularizer.layout, regularizer.temperature, regularizer.log_reference, "plain")
        return Problem(self.problem.game, plain)

    def _heated(self, time: float) -> Problem:
        return Problem(self.problem.game, self.problem.regularizer.heated(1.0 / time))

    def _terms(self, policy: Vector) -> tuple[Vector, Vector]:
        """What t multiplies and what it does not, before temperature. Shapes [n] → [d], [d]."""
        game, regularizer = self.problem.game, self.problem.regularizer
        if not self.split:
            return self.differences(game.q(policy, regularizer)), np.zeros(len(self.kept))
        plain = self.differences(game.q(policy, self._plain.regularizer))
        bonus = self.differences(game.q(policy, regularizer)) - plain
        return (bonus, np.zeros_like(bonus)) if self.leg == "bonus" else (plain, bonus)

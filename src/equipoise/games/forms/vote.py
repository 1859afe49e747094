"""A vote: every agent casts one ballot that is correct with a probability of its action; the team's reward depends on
the count of correct ballots alone, and each agent pays for its own action.

    Q_i(a) = p_i(a) E[f(S_-i + w_i)] + (1 − p_i(a)) E[f(S_-i)] − c_i(a),     S_-i = Σ_{j≠i} w_j X_j

X_j is Bernoulli with success probability m_j = Σ_b π_j(b) p_j(b), so the others matter only through the distribution of
their weighted count, a Poisson binomial: no tensor of ∏ A_i entries is ever built. With f the indicator of a majority,
E[f(S_-i + w_i)] − E[f(S_-i)] is the probability of being pivotal (Penrose, 1946; Banzhaf, 1965).

The counts without agent i come from two passes, a distribution over the agents before it and an expectation over those
after it:

    A_{i+1}(k) = (1 − m_i) A_i(k) + m_i A_i(k − w_i),     B_i(k) = (1 − m_i) B_{i+1}(k) + m_i B_{i+1}(k + w_i),
    E[f(S_-i + w_i x)] = Σ_k A_i(k) B_{i+1}(k + w_i x)

Both passes are convex combinations, so the error stays at N ε max |f| for every m; a deconvolution of the full count
would amplify it where m is near 1/2.
With N agents and total weight W, Q costs O(N (W + A)) time and O(N W) memory: 8 MB at N = W = 1,000. A directional
derivative costs the same again; a dense Jacobian O(N² W).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.game import Game, Regularizer, Tangent
from equipoise.games.layout import Layout, Matrix, Vector
from equipoise.games.validation import as_array, per_agent

CONDENSED_LIMIT = 3_000
"""Most agents for which a matrix of all their pairs is formed: 72 MB."""
ROUNDING = 1e-20
"""Share of the largest term below which terms are left out; dividing by φ twice gains at most a factor of (L/2)²."""


class Vote(Game):
    """A vote; policies are `[agent][action]`.

    Args:
        accuracy: `[i][a]`, probability in [0, 1] that the ballot is correct; agents may have unequal actions. An action
            that abstains has accuracy 0.
        reward: `[k]`, the team's reward f for a weight k of correct ballots, k = 0 … Σ w_i.
        weights: `[i]`, whole numbers ≥ 0; 1 each if None. Real weights must be rounded to a grid by the caller.
        costs: `[i][a]`, what the agent pays; None for nothing.

    Raises:
        InputError: a probability outside [0, 1], a weight that is no whole number, a reward of another length; says
        which.
    """

    def __init__(
        self,
        accuracy: Sequence[Any],
        reward: Any,
        *,
        weights: Sequence[int] | None = None,
        costs: Sequence[Any] | None = None,
    ) -> None:
        rows = per_agent(accuracy, "accuracy")
        if not rows or any(row.ndim != 1 or not len(row) for row in rows):
            raise InputError("accuracy needs, for every agent, a list with one probability per action.")
        self.layout = Layout(tuple((len(row),) for row in rows), nested=False)
        self.accuracy = np.concatenate(rows)
        if (self.accuracy < 0).any() or (self.accuracy > 1).any():
            entry = int(np.flatnonzero((self.accuracy < 0) | (self.accuracy > 1))[0])
            agent = int(self.layout.set_of[entry])
            where = f"accuracy[{agent}][{entry - int(self.layout.starts[agent])}]"
            raise InputError(f"{where} is {self.accuracy[entry]:g}; it is a probability, between 0 and 1.")
        self.weights = _weights(weights, len(rows))
        self.reward = as_array(reward, "reward")
        needed = int(self.weights.sum()) + 1
        if self.reward.shape != (needed,):
            raise InputError(f"reward has shape {list(self.reward.shape)}; it needs [{needed}], one per count from 0.")
        self.cost = np.zeros(self.layout.size) if costs is None else self.layout.flatten(costs, what="costs")

    @cached_property
    def payoff_scale(self) -> float:
        """Largest |payoff|, costs included."""
        return float(np.abs(self.reward).max() + np.abs(self.cost).max())

    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Payoffs of actions against the others' policies; O(N (W + A)). Shapes [n] → [n]."""
        chance = self.chances(policy)
        before, after = self._before(chance), self._after(chance)
        return self._payoffs(*self._with_and_without(before, after))

    def linearize(self, policy: Vector, regularizer: Regularizer) -> tuple[Vector, Tangent]:
        """Q and its directional derivative by the derivatives of both passes; each O(N W)."""
        chance = self.chances(policy)
        before, after = self._before(chance), self._after(chance)

        def tangent(direction: Vector) -> Vector:
            change = self.chances(direction)
            d_before, d_after = self._d_before(chance, before, change), self._d_after(chance, after, change)
            without, with_ = self._with_and_without(d_before, after)
            d_without, d_with = self._with_and_without(before, d_after)
            return self._payoffs(without + d_without, with_ + d_with) + self.cost

        return self._payoffs(*self._with_and_without(before, after)), tangent

    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ, one directional derivative per agent since Q depends on m alone; O(N² W). Shape [n, n]."""
        _, tangent = self.linearize(policy, regularizer)
        layout = self.layout
        matrix = np.zeros((layout.size, layout.size))
        for agent in range(layout.agents):
            block = layout.block(agent)
            best = block.start + int(np.argmax(self.accuracy[block]))
            if self.accuracy[best] > 0.0:
                unit = np.zeros(layout.size)
                unit[best] = 1.0 / self.accuracy[best]
                matrix[:, block] = tangent(unit)[:, None] * self.accuracy[block]
        return matrix

    def chances(self, policy: Vector) -> Vector:
        """m_i, the probability that an agent's ballot is correct. Shapes [n] → [agents]."""
        return self.layout.total(policy * self.accuracy)

    def pivotality(self, policy: Vector) -> Vector:
        """E[f(S_-i + w_i)] − E[f(S_-i)]: what a correct ballot is worth, all else given. Shapes [n] → [agents]."""
        chance = self.chances(policy)
        without, with_ = self._with_and_without(self._before(chance), self._after(chance))
        return with_ - without

    def condensed(self, policy: Vector, answer: Vector, regularizer: Regularizer) -> Matrix | None:
        """√v P √v with v_i = Var(p_i)/τ_i under the answer and P_ij = ∂Q-difference_i/∂m_j, one row per agent.

        Q depends on play through m alone, so these are the non-zero eigenvalues of the response's derivative. P_ij is
        the expected second difference of f by the ballots of i and j; with φ_i(z) = 1 − m_i + m_i z^{w_i} and F the
        discrete transform of f over L ≥ W + 1 roots of unity z, it is

            P_ij = (1/L) Σ_z F(z) Π_k φ_k(z) a_i(z) a_j(z),     a_i(z) = (z^{w_i} − 1)/φ_i(z)

        L is odd, so that no φ_i is 0. Only the roots near 1, some √N, have a product above rounding. O(N W + N² √N).
        """
        if self.layout.agents > CONDENSED_LIMIT:
            return None
        length = len(self.reward) | 1
        angle = 2.0 * np.pi * np.arange(1, length // 2 + 1) / length
        chance = self.chances(policy)[:, None]
        moved = np.exp(1j * np.outer(self.weights, angle)) - 1.0
        factor = 1.0 + chance * moved
        weight = np.fft.fft(self.reward, length)[1 : length // 2 + 1] * np.prod(factor, axis=0)
        seen = np.abs(weight) > ROUNDING * np.abs(weight).max(initial=0.0)
        terms = np.sqrt(2.0 / length * weight[seen]) * moved[:, seen] / factor[:, seen]
        pairs = terms.real @ terms.real.T - terms.imag @ terms.imag.T
        np.fill_diagonal(pairs, 0.0)
        mean = self.layout.total(answer * self.accuracy)
        spread = self.layout.total(answer * (self.accuracy - self.layout.spread(mean)) ** 2)
        root = np.sqrt(spread / regularizer.temperature)
        return root[:, None] * pairs * root

    def _payoffs(self, without: Vector, with_: Vector) -> Vector:
        spread = self.layout.spread
        return spread(without) + self.accuracy * spread(with_ - without) - self.cost

    def _before(self, chance: Vector) -> Matrix:
        """A_i(k), i = 0 … N. Shape [agents + 1, W + 1]."""
        table = np.zeros((len(chance) + 1, len(self.reward)))
        table[0, 0] = 1.0
        for i, (m, weight) in enumerate(zip(chance, self.weights, strict=True)):
            np.multiply(table[i], 1.0 - m, out=table[i + 1])
            table[i + 1, weight:] += m * table[i, : len(self.reward) - weight]
        return table

    def _after(self, chance: Vector) -> Matrix:
        """B_i(k), i = 0 … N; right for counts that the agents before i can reach. Shape [agents + 1, W + 1]."""
        table = np.zeros((len(chance) + 1, len(self.reward)))
        table[-1] = self.reward
        for i in range(len(chance) - 1, -1, -1):
            weight = self.weights[i]
            np.multiply(table[i + 1], 1.0 - chance[i], out=table[i])
            table[i, : len(self.reward) - weight] += chance[i] * table[i + 1, weight:]
        return table

    def _d_before(self, chance: Vector, before: Matrix, change: Vector) -> Matrix:
        """Derivative of A in the direction `change` of m."""
        table = np.zeros_like(before)
        for i, (m, weight) in enumerate(zip(chance, self.weights, strict=True)):
            kept = len(self.reward) - weight
            table[i + 1] = (1.0 - m) * table[i] - change[i] * before[i]
            table[i + 1, weight:] += m * table[i, :kept] + change[i] * before[i, :kept]
        return table

    def _d_after(self, chance: Vector, after: Matrix, change: Vector) -> Matrix:
        """Derivative of B in the direction `change` of m."""
        table = np.zeros_like(after)
        for i in range(len(chance) - 1, -1, -1):
            m, weight = chance[i], self.weights[i]
            kept = len(self.reward) - weight
            table[i] = (1.0 - m) * table[i + 1] - change[i] * after[i + 1]
            table[i, :kept] += m * table[i + 1, weight:] + change[i] * after[i + 1, weight:]
        return table

    def _with_and_without(self, before: Matrix, after: Matrix) -> tuple[Vector, Vector]:
        """Σ_k A_i(k) B_{i+1}(k) and Σ_k A_i(k) B_{i+1}(k + w_i). Shapes [agents], [agents]."""
        without = np.einsum("ik,ik->i", before[:-1], after[1:])
        with_ = np.empty_like(without)
        for weight in np.unique(self.weights):
            same = np.flatnonzero(self.weights == weight)
            kept = len(self.reward) - weight
            with_[same] = np.einsum("ik,ik->i", before[same, :kept], after[same + 1, weight:])
        return without, with_


def _weights(weights: Sequence[int] | None, agents: int) -> np.ndarray:
    if weights is None:
        return np.ones(agents, dtype=np.int64)
    given = as_array(weights, "weights")
    if given.shape != (agents,):
        raise InputError(f"weights has shape {list(given.shape)}; it needs one per agent, [{agents}].")
    wrong = (given < 0) | (given != np.round(given))
    if wrong.any():
        agent = int(np.flatnonzero(wrong)[0])
        raise InputError(f"weights[{agent}] is {given[agent]:g}; weights are whole numbers, at least 0.")
    return given.astype(np.int64)

"""A common-payoff game: every agent receives the same payoff u(a), and may pay a cost of its own for its own action.

    Q_i(a) = E_{a_-i ~ π_-i}[u(a, a_-i)] − c_i(a)

One tensor instead of N. The Q of all agents takes two matrix–vector products with the tensor of M = ∏ A_i entries (see
`contraction.all_expected`): 2 M operations and two reads however many agents there are, against N·M for a normal form.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games import contraction
from equipoise.games.game import Game, Regularizer
from equipoise.games.layout import Layout, Matrix, Vector
from equipoise.games.validation import as_array


class CommonPayoff(Game):
    """A common-payoff game; policies are `[agent][action]`.

    Args:
        payoff: `[a1]…[aN]`.
        costs: `[i][a_i]`, what an agent pays for its own action; None for nothing.

    Raises:
        InputError: an entry that is not finite or costs of the wrong shape; says which.
    """

    def __init__(self, payoff: Any, *, costs: Sequence[Any] | None = None) -> None:
        self.payoff = as_array(payoff, "payoff")
        if not self.payoff.ndim or 0 in self.payoff.shape:
            raise InputError(f"payoff has shape {list(self.payoff.shape)}; it needs one axis of actions per agent.")
        self.layout = Layout(tuple((actions,) for actions in self.payoff.shape), nested=False)
        self.cost = np.zeros(self.layout.size) if costs is None else self.layout.flatten(costs, what="costs")

    @cached_property
    def payoff_scale(self) -> float:
        """Largest |payoff|, costs included."""
        return float(np.abs(self.payoff).max() + np.abs(self.cost).max())

    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Payoffs of actions against the others' policies; 2 M operations. Shapes [n] → [n]."""
        return np.concatenate(contraction.all_expected(self.payoff, self._blocks(policy))) - self.cost

    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ, symmetric: each pair of agents is computed once. Shape [n, n]."""
        blocks = self._blocks(policy)
        matrix = np.zeros((self.layout.size, self.layout.size))
        for i in range(self.layout.agents):
            for j, pair in contraction.pairs(self.payoff, blocks, i).items():
                matrix[self.layout.block(i), self.layout.block(j)] = pair
        return matrix

    def _blocks(self, policy: Vector) -> list[Vector]:
        return [policy[self.layout.block(agent)] for agent in range(self.layout.agents)]

"""One-shot games whose payoffs are one tensor per agent, with one axis per agent.

    Q_i[x] = Σ_{x_-i} U_i[x, x_-i] Π_{j≠i} π_j[x_j]

In a normal form x is an action. In a Bayesian game x is a (type, action) pair, U_i carries the conditional prior, and a
block of π sums to the number of types: the interim payoffs come out of the same contraction.

With M entries per tensor and N agents, Q costs N·M operations and reads every tensor once; the Jacobian costs about
2 N M (1 + 1/A + …)². M grows as A^N: beyond about 10 agents use `Vote` or `CommonPayoff`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from equipoise.games import contraction
from equipoise.games.game import Game, Regularizer
from equipoise.games.layout import Index, Layout, Matrix, Vector


class TensorGame(Game):
    """A one-shot game in tensor form.

    Attributes:
        layout: the index of its entries.
        tensors: U_i, N arrays of shape [x1, …, xN]; x_j runs over agent j's block of the flat index.
        attempt: what `solvers.direct` keeps here between solves, None until it does; see `prepared` there.
    """

    def __init__(self, layout: Layout, tensors: Sequence[np.ndarray]) -> None:
        self.layout = layout
        self.tensors = tuple(np.ascontiguousarray(tensor, dtype=np.float64) for tensor in tensors)
        self.attempt: Callable[[Any], Any] | None = None

    @cached_property
    def packed(self) -> Vector:
        """All tensors end to end as compiled solvers read them; made once. Shape [N · M]."""
        return contraction.packed(self.tensors)

    @property
    def plan(self) -> Index:
        """The steps from packed tensors to Q and dQ/dπ."""
        return contraction.plan(self.tensors[0].shape)

    @cached_property
    def payoff_scale(self) -> float:
        """Largest |payoff|."""
        return max(float(np.abs(tensor).max()) for tensor in self.tensors)

    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Payoffs of actions against the others' policies; N·M operations. Shapes [n] → [n]."""
        blocks = self._blocks(policy)
        return np.concatenate([contraction.expected(tensor, blocks, i) for i, tensor in enumerate(self.tensors)])

    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ, exact in every direction; zero within an agent. Shape [n, n]."""
        blocks = self._blocks(policy)
        matrix = np.zeros((self.layout.size, self.layout.size))
        for i, tensor in enumerate(self.tensors):
            for j, pair in contraction.pairs(tensor, blocks, i).items():
                matrix[self.layout.block(i), self.layout.block(j)] = pair
        return matrix

    def _blocks(self, policy: Vector) -> list[Vector]:
        return [policy[self.layout.block(agent)] for agent in range(self.layout.agents)]

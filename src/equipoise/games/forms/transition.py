"""Transition probabilities of a Markov game, dense or sparse, and the linear systems of discounted values.

    P_π(s, t) = Σ_a Π_j π_j(a_j|s) P(t|s, a),        (I − γ P_π) x = b

With S states and M joint actions a dense P has S²M entries; a sparse one has one row per (s, a), in the order of
[s][a1]…[aN], and every product costs its number of non-zeros. Systems of up to `DENSE_STATES` states are solved by
elimination, S³/3 once per profile; larger ones by sweeps x ← b + γ P_π x with MacQueen's bounds (Management Science 12,
1966): x + γ/(1−γ) times anything between the least and the largest change brackets the solution, so the middle of the
span is added and the sweep stops when half the span is below rounding. Sweeps then converge at γ |λ₂(P_π)| rather than
γ; one costs the non-zeros of P_π.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log, prod
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games import stage
from equipoise.games.layout import Matrix
from equipoise.games.validation import SUM_TOLERANCE, as_array, check_shape

DENSE_STATES = 1_000
PRECISION = 1e-14
"""Half span, relative to the largest value, at which sweeps stop."""
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Transitions:
    """P(t|s, a).

    Attributes:
        table: [S, A1, …, AN, S] array, or a scipy.sparse CSR array of shape [S·M, S].
        actions: A1, …, AN.
        dense: whether the table is an array.
    """

    table: Any
    actions: tuple[int, ...]
    dense: bool

    @property
    def states(self) -> int:
        """Number of states S."""
        return self.table.shape[-1]

    @classmethod
    def of(cls, given: Any, states: int, actions: tuple[int, ...], *, possible: np.ndarray) -> Transitions:
        """The transitions of an array or a scipy.sparse matrix, checked where a joint action is possible [S, M].

        Raises:
            InputError: the wrong shape, a negative or infinite entry, a row that does not sum to 1; says which.
        """
        shape = (states, *actions, states)
        if hasattr(given, "tocsr"):
            table = given.tocsr().astype(np.float64)
            rows = states * prod(actions)
            if table.shape != (rows, states):
                raise InputError(f"transitions has shape {list(table.shape)}; sparse, it needs {[rows, states]}.")
            sums, lowest = np.asarray(table.sum(axis=1)).reshape(-1), table.data.min(initial=0.0)
            finite = bool(np.isfinite(table.data).all())
        else:
            table = as_array(given, "transitions")
            check_shape(table, shape, "transitions")
            sums, lowest, finite = table.sum(axis=-1).reshape(-1), table.min(), True
        if lowest < 0 or not finite:
            raise InputError(
                f"transitions has an entry of {lowest:g} or one that is not finite; they are probabilities."
            )
        wrong = (np.abs(sums - 1.0) > SUM_TOLERANCE) & possible.reshape(-1)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            where = "".join(f"[{int(index)}]" for index in np.unravel_index(row, shape[:-1]))
            raise InputError(f"transitions{where} sums to {sums[row]:.12g}; probabilities must sum to 1.")
        return cls(table, actions, dense=not hasattr(given, "tocsr"))

    def ahead(self, values: Matrix) -> np.ndarray:
        """E[x(s')|s, a] of some columns x. Shapes [S, k] → [S, A1, …, AN, k]."""
        flat = self.table.reshape(-1, self.states) @ values if self.dense else self.table @ values
        return flat.reshape(self.states, *self.actions, values.shape[1])

    def facing(self, policies: Sequence[Matrix], agent: int) -> Any:
        """P(t|s, a_i) against the others' policies: a dense or CSR matrix, rows (s, a_i). Shape [S·A_i, S]."""
        if self.dense:
            return stage.expected(self.table, policies, agent).reshape(-1, self.states)
        from scipy.sparse import csr_array

        own = self.actions[agent]
        others = stage.joint([np.ones_like(p) if j == agent else p for j, p in enumerate(policies)])
        cells = np.arange(self.states * prod(self.actions)).reshape(self.states, *self.actions)
        columns = np.moveaxis(cells, agent + 1, 1).reshape(-1)
        starts = np.arange(self.states * own + 1) * (prod(self.actions) // own)
        weights = csr_array((others.reshape(-1)[columns], columns, starts), shape=(self.states * own, cells.size))
        return weights @ self.table


def chain(facing: Any, policy: Matrix) -> Any:
    """P_π from the rows that one agent faces and its policy. Shapes [S·A_i, S], [S, A_i] → [S, S]."""
    states, own = policy.shape
    if isinstance(facing, np.ndarray):
        return np.matmul(policy[:, None, :], facing.reshape(states, own, states))[:, 0, :]
    from scipy.sparse import csr_array

    starts = np.arange(states + 1) * own
    weights = csr_array((policy.reshape(-1), np.arange(states * own), starts), shape=(states, states * own))
    return weights @ facing


def discounted(matrix: Any, discount: float) -> Callable[[Matrix], Matrix]:
    """b ↦ (I − γ P_π)⁻¹ b for columns b, factored once where elimination pays. Shapes [S, k] → [S, k]."""
    states = matrix.shape[0]
    if states > DENSE_STATES:
        return lambda right: sweep(matrix, discount, right)
    from scipy.linalg import lu_factor, lu_solve

    dense = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    factors = lu_factor(np.eye(states) - discount * dense, check_finite=False)
    return lambda right: lu_solve(factors, right, check_finite=False)


def sweep(matrix: Any, discount: float, right: Matrix) -> Matrix:
    """(I − γ P_π)⁻¹ b by value sweeps with the mid-span shift. Shapes [S, S], [S, k] → [S, k]."""
    factor = discount / (1.0 - discount)
    values = right
    most = 1 if discount == 0.0 else ceil(log(PRECISION) / log(discount)) + 1
    for _ in range(most):
        # Only differences of values matter to the next sweep: without their level, which can be 1/(1 − γ) times as
        # large, they keep that many more digits.
        relative = values - (values.min(axis=0) + values.max(axis=0)) / 2
        following = right + discount * (matrix @ relative)
        change = following - relative
        low, high = change.min(axis=0), change.max(axis=0)
        values = following + factor * (low + high) / 2
        rounding = 4 * EPSILON * np.abs(following).max(axis=0)
        if (factor * (high - low) / 2 <= np.maximum(PRECISION * np.abs(values).max(axis=0), factor * rounding)).all():
            break
    return values

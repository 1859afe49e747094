"""The bordered system of a path, which stays regular where F_w alone is singular.

    [F_w  F_σ] [Δ]   [−F]        [F_w  F_σ] [y]   [0]
    [   row  ]     = [ 0],       [   row  ]     = [1]

One factorisation gives Newton's correction in the plane normal to `row`, the path's direction y, and the determinant's
sign, which changes at branch points (at folds it keeps its sign). With d unknowns: d³/3 operations up to `DENSE_LIMIT`.
Beyond that GMRES on directional derivatives, some tens of them; the determinant then stays unknown, and a path sees its
folds only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from equipoise.games.forms.vote import Vote
from equipoise.games.layout import Vector
from equipoise.games.solvers.newton import DENSE_LIMIT
from equipoise.games.tracing.homotopy import Homotopy

DENSE_VOTE = 100
"""`DENSE_LIMIT` of vote games."""
LINEAR_TOLERANCE = 1e-8
KRYLOV_DIRECTIONS, KRYLOV_RESTARTS = 60, 4


class Bordered:
    """The system [F_w F_σ; rowᵀ] at a point of a path.

    Args:
        homotopy: the family.
        point: w and σ. Shape [d + 1].
        scale: σ = t · scale.

    Attributes:
        residual: F. Shape [d].
    """

    def __init__(self, homotopy: Homotopy, point: Vector, scale: float) -> None:
        self._homotopy, self._point, self._time = homotopy, point, float(point[-1] / scale)
        self.residual, slope = homotopy.terms(point[:-1], self._time)
        self._slope = slope / scale

    def solve(self, row: Vector) -> tuple[Vector, Vector, int]:
        """Newton's correction, the direction y with row·y = 1 of the kernel, and the determinant's sign."""
        rights = np.zeros((len(row), 2))
        rights[:-1, 0], rights[-1, 1] = -self.residual, 1.0
        if not formed(self._homotopy):
            found = np.column_stack([self._krylov(row, rights[:, k]) for k in range(2)])
            return found[:, 0], found[:, 1], 1
        from scipy.linalg.lapack import dgetrf, dgetrs  # pyright: ignore[reportAttributeAccessIssue]

        system = np.empty((len(row), len(row)), order="F")
        system[:-1, :-1] = self._homotopy.matrix(self._point[:-1], self._time)
        system[:-1, -1], system[-1] = self._slope, row
        factors, pivots, failed = dgetrf(system, overwrite_a=True)
        if failed:
            return np.full(len(row), np.nan), rights[:, 1], 0
        swaps = int((pivots != np.arange(len(row))).sum()) + int((np.diagonal(factors) < 0.0).sum())
        found, _ = dgetrs(factors, pivots, rights)
        return found[:, 0], found[:, 1], -1 if swaps % 2 else 1

    def _krylov(self, row: Vector, right: Vector) -> Vector:
        from scipy.sparse.linalg import LinearOperator, gmres

        if not right.any():
            return right
        product, slope = self._product(), self._slope

        def bordered(vector: Vector) -> Vector:
            vector = vector.reshape(-1)
            return np.append(product(vector[:-1]) + slope * vector[-1], row @ vector)

        operator = LinearOperator((len(row), len(row)), matvec=bordered, dtype=np.float64)  # pyright: ignore[reportCallIssue]
        limits: dict[str, Any] = {"restart": KRYLOV_DIRECTIONS, "maxiter": KRYLOV_RESTARTS}
        return gmres(operator, right, rtol=LINEAR_TOLERANCE, atol=0.0, **limits)[0]

    def _product(self) -> Callable[[Vector], Vector]:
        if not hasattr(self, "_tangent"):
            self._tangent = self._homotopy.product(self._point[:-1], self._time)
        return self._tangent


def formed(homotopy: Homotopy) -> bool:
    """Whether Jacobians are formed: a vote game's costs one directional derivative per agent, others' far less."""
    limit = DENSE_VOTE if isinstance(homotopy.problem.game, Vote) else DENSE_LIMIT
    return len(homotopy.kept) <= limit

"""Folds and branch points of a path, as roots of extended systems.

A fold is where F = 0 and F_w is singular; the singularity is one number, from a system that stays regular there:

    [F_w  b] [φ]   [0]
    [cᵀ   0] [g] = [1],        fold:  F(w, t) = 0,  g(w, t) = 0

At a branch point F_w and [F_w F_t] are both singular (on a symmetric branch: a pitchfork), and F alone does not fix the
point along its kernel; an unfolding β, which is 0 at the solution, does:

    [F_w F_t  b] [V]   [0]
    [    C    0] [g] = [I],    branch point:  F(w, t) + β b = 0,  g(w, t) ∈ R² = 0

Newton's method on both is quadratic: g' = −ψᵀ F_ww V takes one derivative of the Jacobian along V, by central
differences, which changes its speed and not its root. b, c and C are singular vectors near the point. A fold between
two points of a path is first narrowed until Newton's method lands between them; without Jacobians it is narrowed only.

Source: Govaerts, Numerical Methods for Bifurcations of Dynamical Equilibria (2000), chapters 3 and 4 (minimally
augmented systems); Moore and Spence (1980). Cost: three to five Jacobians and one elimination of order d + 2 a step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from equipoise.games.equilibrium import plain
from equipoise.games.layout import Matrix, Vector
from equipoise.games.tracing.bordered import Bordered, formed
from equipoise.games.tracing.homotopy import Homotopy
from equipoise.games.tracing.path import Path

Kind = Literal["fold", "pitchfork", "transcritical", "multiple"]

DIFFERENCE = 1e-5
"""Step of central differences of the Jacobian, in logits."""
CONVERGED = 1e-10
STEPS = 12
HALVINGS = 50
NARROW = 1e-5
"""Arc length within which a fold is located where no Jacobian is formed; its t is off by about the square."""
SYMMETRIC = 1e-5
"""Quadratic coefficient, relative to the Jacobian's change, below which a branch point is a pitchfork."""
COUNTED = 60
"""Most unknowns for which eigenvalues are counted at every point, to see several vanish together."""
SINGULAR = 1e-6
"""Least modulus of an eigenvalue of F_w that counts as 0 where several cross together."""


@dataclass(frozen=True, eq=False)
class Bifurcation:
    """A point where the branch turns, or others branch off.

    Attributes:
        kind: "fold" (the branch turns in temperature), "pitchfork" (two others leave to both sides of a symmetric one),
            "transcritical" (another branch crosses) or "multiple" (several eigenvalues vanish together).
        time: t; all temperatures asked are divided by it here.
        unknowns: differences of logits. Shape [d].
        homotopy: the family that the branch belongs to.
    """

    kind: Kind
    time: float
    unknowns: Vector
    homotopy: Homotopy

    @property
    def factor(self) -> float:
        """What the temperatures asked are multiplied by here, 1/t."""
        return 1.0 / self.time

    @cached_property
    def temperatures(self) -> list[Any]:
        """τ here, in the public form: `[agent]` or `[agent][information set]`."""
        problem = self.homotopy.problem
        return problem.layout.nest_sets(problem.regularizer.temperature / self.time)

    @cached_property
    def profile(self) -> list[Any]:
        """The profile here, in the public form."""
        return self.homotopy.problem.layout.nest(self.homotopy.policy(self.unknowns))

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return {
            "kind": self.kind,
            "factor": self.factor,
            "temperatures": plain(self.temperatures),
            "profile": plain(self.profile),
        }


def passed(homotopy: Homotopy, path: Path) -> tuple[Bifurcation, ...]:
    """The folds and branch points of a path in the order they were passed."""
    found: list[Bifurcation | None] = []
    turns, branchings = set(path.turns), set(path.branchings)
    counts = _counts(homotopy, path)
    for index in range(len(path.points) - 1):
        if index in turns:
            found.append(located(homotopy, path, index, "fold"))
        if index in branchings:
            found.append(located(homotopy, path, index, "branch point"))
        if counts is not None and abs(counts[index] - counts[index + 1]) >= 2:
            found.append(located_multiple(homotopy, path, index))
    return tuple(bifurcation for bifurcation in found if bifurcation is not None)


def _counts(homotopy: Homotopy, path: Path) -> list[int] | None:
    if path.points.shape[1] - 1 > COUNTED:
        return None
    return [negative_eigenvalues(homotopy, point, path.scale) for point in path.points]


def located(homotopy: Homotopy, path: Path, index: int, kind: Literal["fold", "branch point"]) -> Bifurcation | None:
    """The fold or branch point between a path's points `index` and `index` + 1; None if there is none after all."""
    ends = [path.points[index].copy(), path.points[index + 1].copy()]
    tangents = [path.tangents[index], path.tangents[index + 1]]
    first_sign = path.signs[index]
    for _ in range(HALVINGS):
        middle = _between(ends[0], ends[1], tangents[0], tangents[1])
        width = float(np.linalg.norm(ends[1] - ends[0]))
        guess = np.append(middle[:-1], middle[-1] / path.scale)
        if not formed(homotopy):
            found = guess if width <= NARROW else None
        else:
            found = (_refine_fold if kind == "fold" else _refine_branch_point)(homotopy, guess, ends[1] - ends[0])
        if found is not None and np.abs(found[:-1] - guess[:-1]).max() <= width + CONVERGED:
            return _classified(homotopy, found, kind)
        narrowed = _corrected(homotopy, path.scale, middle, ends[1] - ends[0], tangents[0])
        if narrowed is None:
            return None
        point, tangent, sign = narrowed
        late = tangent[-1] * tangents[0][-1] <= 0.0 if kind == "fold" else sign != first_sign
        ends[int(late)], tangents[int(late)] = point, tangent
    return None


def located_multiple(homotopy: Homotopy, path: Path, index: int) -> Bifurcation | None:
    """Where an even number of eigenvalues of F_w vanish together between two points, by bisection; None if none do."""
    low, high = path.points[index].copy(), path.points[index + 1].copy()
    before = negative_eigenvalues(homotopy, low, path.scale)
    for _ in range(HALVINGS):
        narrowed = _corrected(homotopy, path.scale, (low + high) / 2, high - low, path.tangents[index])
        if narrowed is None:
            break
        if negative_eigenvalues(homotopy, narrowed[0], path.scale) == before:
            low = narrowed[0]
        else:
            high = narrowed[0]
    middle = (low + high) / 2
    time = float(middle[-1] / path.scale)
    least = float(np.abs(np.linalg.eigvals(homotopy.matrix(middle[:-1], time))).min())
    return Bifurcation("multiple", time, middle[:-1], homotopy) if least <= SINGULAR else None


def negative_eigenvalues(homotopy: Homotopy, point: Vector, scale: float) -> int:
    """How many real eigenvalues of F_w lie below 0: those of the quantal response's derivative above 1."""
    eigenvalues = np.linalg.eigvals(homotopy.matrix(point[:-1], float(point[-1] / scale)))
    return int(((eigenvalues.real < 0.0) & (np.abs(eigenvalues.imag) <= 1e-9 * np.abs(eigenvalues))).sum())


def _between(low: Vector, high: Vector, low_tangent: Vector, high_tangent: Vector) -> Vector:
    """The middle of the cubic through two points along their tangents."""
    width = float(np.linalg.norm(high - low))
    return (low + high) / 2 + width / 8 * (low_tangent - high_tangent)


def _corrected(
    homotopy: Homotopy, scale: float, point: Vector, chord: Vector, along: Vector
) -> tuple[Vector, Vector, int] | None:
    """The point of the path in the plane normal to a chord, its tangent and the determinant's sign there."""
    row = chord / np.linalg.norm(chord)
    point = point.copy()
    for _ in range(STEPS):
        move, direction, sign = Bordered(homotopy, point, scale).solve(row)
        if not sign or not np.isfinite(move).all():
            return None
        point += move
        if np.abs(move).max() <= CONVERGED:
            tangent = direction / np.linalg.norm(direction)
            return point, tangent * np.copysign(1.0, tangent @ along), sign
    return None


def _refine_fold(homotopy: Homotopy, guess: Vector, chord: Vector) -> Vector | None:
    """Newton's method on F = 0, g = 0 from (w, t); the root or None. Shapes [d + 1]."""
    point, d = guess.copy(), len(guess) - 1
    left, right = _singular_vectors(homotopy.matrix(guess[:-1], float(guess[-1])))
    for _ in range(STEPS):
        unknowns, time = point[:-1], float(point[-1])
        residual, slope = homotopy.terms(unknowns, time)
        derivative = homotopy.matrix(unknowns, time)
        bordered = np.block([[derivative, left[:, None]], [right[None, :], np.zeros((1, 1))]])
        last = np.append(np.zeros(d), 1.0)
        kernel, cokernel = _solved(bordered, last), _solved(bordered.T, last)
        if kernel is None or cokernel is None:
            return None
        gradient = -_second(homotopy, point, np.append(kernel[:-1], 0.0), cokernel[:-1])
        system = np.block([[derivative, slope[:, None]], [gradient[None, :]]])
        move = _solved(system, -np.append(residual, kernel[-1]))
        if move is None:
            return None
        point += move
        if np.abs(move).max() <= CONVERGED:
            return point
    return None


def _refine_branch_point(homotopy: Homotopy, guess: Vector, chord: Vector) -> Vector | None:
    """Newton's method on F + β b = 0, g = 0 from (w, t); the root or None. Shapes [d + 1]."""
    point, d, unfolding = guess.copy(), len(guess) - 1, 0.0
    left, right = _singular_vectors(homotopy.matrix(guess[:-1], float(guess[-1])))
    across = np.append(right, 0.0)
    beside = chord - (chord @ across) * across
    rows = np.stack([across, beside / np.linalg.norm(beside)])
    for _ in range(STEPS):
        unknowns, time = point[:-1], float(point[-1])
        residual, slope = homotopy.terms(unknowns, time)
        derivative = np.column_stack([homotopy.matrix(unknowns, time), slope])
        bordered = np.block([[derivative, left[:, None]], [rows, np.zeros((2, 1))]])
        kernels = _solved(bordered, np.eye(d + 2)[:, d:])
        cokernel = _solved(bordered.T, np.append(np.zeros(d + 1), 1.0))
        if kernels is None or cokernel is None:
            return None
        gradients = np.stack([-_second(homotopy, point, kernels[:-1, k], cokernel[:d]) for k in range(2)])
        system = np.block([[derivative, left[:, None]], [gradients, np.zeros((2, 1))]])
        move = _solved(system, -np.concatenate([residual + unfolding * left, kernels[-1]]))
        if move is None:
            return None
        point, unfolding = point + move[:-1], unfolding + move[-1]
        if np.abs(move).max() <= CONVERGED:
            return point if abs(unfolding) <= CONVERGED else None
    return None


def _second(homotopy: Homotopy, point: Vector, direction: Vector, weights: Vector) -> Vector:
    """Σ_e weights_e D²F_e[direction, ·] in (w, t), by central differences of the Jacobian. Shape [d + 1]."""
    step = DIFFERENCE / max(float(np.abs(direction).max()), DIFFERENCE)

    def weighted(at: Vector) -> Vector:
        slope = homotopy.terms(at[:-1], float(at[-1]))[1]
        return np.append(weights @ homotopy.matrix(at[:-1], float(at[-1])), weights @ slope)

    return (weighted(point + step * direction) - weighted(point - step * direction)) / (2.0 * step)


def _classified(homotopy: Homotopy, point: Vector, kind: Literal["fold", "branch point"]) -> Bifurcation:
    time, unknowns = float(point[-1]), point[:-1]
    if kind == "fold":
        return Bifurcation("fold", time, unknowns, homotopy)
    left, right = _singular_vectors(homotopy.matrix(unknowns, time))
    bend = _second(homotopy, point, np.append(right, 0.0), left)[:-1]
    symmetric = abs(bend @ right) <= SYMMETRIC * max(float(np.linalg.norm(bend)), 1.0)
    return Bifurcation("pitchfork" if symmetric else "transcritical", time, unknowns, homotopy)


def _singular_vectors(matrix: Matrix) -> tuple[Vector, Vector]:
    """Left and right unit vectors of the least singular value, by inverse iteration."""
    from scipy.linalg import lu_factor, lu_solve

    shifted = matrix + 1e-13 * max(1.0, float(np.abs(matrix).max())) * np.eye(len(matrix))
    factors = lu_factor(shifted, check_finite=False)
    right = np.random.default_rng(0).standard_normal(len(matrix))
    left = right
    for _ in range(6):
        left = _unit(lu_solve(factors, right, trans=1, check_finite=False))
        right = _unit(lu_solve(factors, left, check_finite=False))
    return left, right


def _unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)


def _solved(matrix: Matrix, right: Matrix) -> Vector | None:
    try:
        found = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(found, dtype=np.float64) if np.isfinite(found).all() else None

"""The path of a homotopy by pseudo-arclength: points, tangents and the determinant's sign, from one end to an end.

    [F_w  F_σ] [Δw]     [F]
    [ T_wᵀ T_σ] [Δσ] = −[0],        σ = t · scale

The step's rules are in `pursuit`. Points on the way are solved to about 1e-5 in logits (a last Newton correction
below 5e-3), ends to rounding. t is measured in units in which logits or their coupling grow at rate 1, so that first
steps are short where a game couples strongly. A step costs about two bordered systems (`bordered`).

Small tensor games are followed by the same steps compiled, `path_kernels`, where numba is installed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.layout import Matrix, Vector
from equipoise.games.solvers.newton import COMPILED_LIMIT
from equipoise.games.tracing import pursuit
from equipoise.games.tracing.bordered import Bordered, formed
from equipoise.games.tracing.homotopy import Homotopy
from equipoise.games.tracing.pursuit import EXHAUSTED, LOST, REACHED

LIMIT = 5_000
"""Most attempted steps."""


@dataclass(frozen=True, eq=False)
class Path:
    """A followed path.

    Attributes:
        ended: `pursuit.REACHED`, `LOST` or `EXHAUSTED`.
        scale: σ = t · scale.
        points: w and σ. Shape [k, d + 1].
        tangents: unit vectors along the path. Shape [k, d + 1].
        signs: of the determinant of [F_w F_σ; Tᵀ]; all alike where it is not known. Shape [k].
        attempts: steps tried, refused ones included.
        residual: max |π − QR(π)| at the last point, at its own temperatures.
    """

    ended: int
    scale: float
    points: Matrix
    tangents: Matrix
    signs: NDArray[np.int64]
    attempts: int
    residual: float

    @property
    def eventful(self) -> bool:
        """Whether it turned or passed a branch point."""
        rise, signs = self.tangents[:, -1], self.signs
        return bool(rise.min() <= 0.0 < rise.max() or signs.min() != signs.max())

    @property
    def times(self) -> Vector:
        """t of every point. Shape [k]."""
        return self.points[:, -1] / self.scale

    @property
    def turns(self) -> list[int]:
        """Points after which the path turns in t before the next: folds."""
        rising = self.tangents[:, -1] > 0.0
        return [int(k) for k in np.flatnonzero(rising[1:] != rising[:-1])]

    @property
    def branchings(self) -> list[int]:
        """Points after which the determinant changes its sign before the next: branch points."""
        return [int(k) for k in np.flatnonzero(self.signs[1:] != self.signs[:-1])]


def follow(
    homotopy: Homotopy,
    start: Vector,
    *,
    time: float = 0.0,
    limit: int = LIMIT,
    longest: float = np.inf,
    compiled: bool = True,
) -> Path:
    """The path from a solution at t = 0 upward, or at t = 1 downward, until t is 0 or 1 again.

    Args:
        homotopy: the family.
        start: differences of logits, a solution at `time`. Shape [d].
        time: 0.0 or 1.0.
        limit: most attempted steps.
        longest: bound on a step's arc length, in logits.
        compiled: whether compiled code may be used where it applies.
    """
    game = homotopy.problem.game
    if compiled and isinstance(game, TensorGame) and homotopy.problem.layout.size <= COMPILED_LIMIT:
        kernels = _kernels()
        if kernels is not None:
            layout = homotopy.problem.layout
            tables = kernels.Tables(
                game.packed,
                game.plan,
                layout.agents,
                layout.starts,
                layout.sizes,
                homotopy.kept,
                homotopy.last,
                homotopy.temperature,
                homotopy.fixed,
                homotopy.moving,
            )
            return Path(*kernels.follow_tensor(tables, start, time, limit, longest))
    return _Pursuer(homotopy, start, time).run(limit, longest)


STILL = 1e-11
"""Speed of the first leg that is rounding: discounted entropies are of order 1 to 1,000 and cancel to this."""


def principal(homotopy: Homotopy, *, limit: int = LIMIT, longest: float = np.inf, compiled: bool = True) -> Path:
    """The principal branch, from infinite temperature; under `soft` the entropies' own game there is followed first."""
    start = homotopy.fixed
    if homotopy.split and homotopy.problem.regularizer.continuation == "soft":
        bonus = replace(homotopy, leg="bonus")
        still = float(np.abs(bonus.terms(start, 0.0)[1]).max(initial=0.0))
        if still <= STILL:
            # Nobody prefers where entropy is paid, as with equal action counts and temperatures: the leg is a point.
            return follow(homotopy, start, limit=limit, longest=longest, compiled=compiled)
        leg = follow(bonus, start, limit=limit)
        if leg.ended != REACHED:
            origin = np.append(start, 0.0)[None, :]
            return replace(leg, points=origin, tangents=leg.tangents[:1], signs=leg.signs[:1])
        start = leg.points[-1, :-1]
    return follow(homotopy, start, limit=limit, longest=longest, compiled=compiled)


@cache
def _kernels() -> ModuleType | None:
    """`path_kernels`, or None where numba is not installed."""
    try:
        from equipoise.games.tracing import path_kernels
    except ImportError:
        return None
    return path_kernels


class _Pursuer:
    """The state of a path while it is followed in NumPy."""

    def __init__(self, homotopy: Homotopy, start: Vector, time: float) -> None:
        self.homotopy = homotopy
        self.scale = unit_of_time(homotopy, start)
        self.points = [np.append(start, time * self.scale)]
        along = np.append(np.zeros(len(start)), 1.0 - 2.0 * time)
        _, direction, sign = Bordered(homotopy, self.points[0], self.scale).solve(along)
        self.tangents, self.signs = [direction / np.linalg.norm(direction)], [sign]

    def run(self, limit: int, longest: float) -> Path:
        """Step until an end, the limit or a step too short."""
        step, last_step = min(pursuit.FIRST_STEP, longest), 0.0
        for attempt in range(limit):
            trial, step, pinned = self._predicted(step, last_step)
            error, direction, sign = self._corrected(trial, step, pinned)
            if (
                error < 0.0
                or not 0.0 <= trial[-1] <= self.scale
                or not self._accept(trial, direction, sign, step, pinned)
            ):
                step *= pursuit.SHRINKAGE
                if step < pursuit.SHORTEST_STEP:
                    return self._path(LOST, attempt + 1)
                continue
            if pinned:
                return self._path(REACHED, attempt + 1)
            last_step, step = step, min(pursuit.longer(step, error), longest)
        return self._path(EXHAUSTED, limit)

    def _predicted(self, step: float, last_step: float) -> tuple[Vector, float, bool]:
        """The predicted point, the step that led there, and whether it was cut to an end, where σ stays."""
        point, tangent, before = self.points[-1], self.tangents[-1], self.tangents[max(len(self.tangents) - 2, 0)]
        trial = np.empty_like(point)
        pursuit.predict(point, tangent, before, step, last_step, trial)
        pinned = not 0.0 < trial[-1] < self.scale
        if pinned:
            end = 0.0 if trial[-1] <= 0.0 else self.scale
            step *= float((end - point[-1]) / (trial[-1] - point[-1]))
            pursuit.predict(point, tangent, before, step, last_step, trial)
            trial[-1] = end
        return trial, step, pinned

    def _corrected(self, trial: Vector, step: float, pinned: bool) -> tuple[float, Vector, int]:
        """Newton's corrections in place: the predictor's error (−1 if refused), the kernel's direction, the sign."""
        row = np.append(np.zeros(len(trial) - 1), 1.0) if pinned else self.tangents[-1]
        rough = min(pursuit.ROUGH, pursuit.ROUGH_SHARE * step)
        error, before, fine = 0.0, 0.0, pursuit.FINE if pinned else rough
        direction, sign = row, 0
        for correction in range(pursuit.CORRECTIONS):
            move, direction, sign = Bordered(self.homotopy, trial, self.scale).solve(row)
            change = float(np.abs(move).max())
            if not sign or pursuit.refused(correction, change, before, rough):
                return -1.0, direction, sign
            trial += move
            error = change if correction == 0 else error
            turn = abs(direction[-1]) < pursuit.TURNING or (direction[-1] > 0.0) != (self.tangents[-1][-1] > 0.0)
            if pursuit.settled(change, before, pursuit.FINE if turn or sign != self.signs[-1] else fine):
                return error, direction, sign
            before = change
        return -1.0, direction, sign

    def _accept(self, trial: Vector, direction: Vector, sign: int, step: float, pinned: bool) -> bool:
        """Take the point, unless the path would bend too sharply, leave wrongly or jump to another branch."""
        cosine = float(direction @ self.tangents[-1] / np.linalg.norm(direction))
        tangent = np.copysign(1.0 / np.linalg.norm(direction), cosine) * direction
        sign = sign if cosine > 0.0 or not pinned else -sign
        outward = not pinned or (tangent[-1] > 0.0) == (trial[-1] > 0.0)
        jump = sign != self.signs[-1] and step > pursuit.CONFIRMING_STEP
        over = pursuit.overshoots(self.points[-1], self.tangents[-1], trial, tangent, step, self.scale)
        if abs(cosine) < pursuit.COSINE_BOUND or not outward or jump or over:
            return False
        self.points.append(trial)
        self.tangents.append(tangent)
        self.signs.append(sign)
        return True

    def _path(self, ended: int, attempts: int) -> Path:
        points, tangents, signs = np.array(self.points), np.array(self.tangents), np.array(self.signs, dtype=np.int64)
        residual, _ = self.homotopy.terms(points[-1, :-1], float(points[-1, -1] / self.scale))
        gap = self.homotopy.policy(points[-1, :-1]) - self.homotopy.policy(points[-1, :-1] - residual)
        return Path(ended, self.scale, points, tangents, signs, attempts, float(np.abs(gap).max()))


def unit_of_time(homotopy: Homotopy, start: Vector) -> float:
    """How fast logits, or their coupling, grow with t at the start; 1 if neither does."""
    _, slope = homotopy.terms(start, 1.0)
    if not formed(homotopy):
        probe = np.random.default_rng(0).standard_normal(len(start))
        coupling = float(np.linalg.norm(homotopy.product(start, 1.0)(probe) - probe))
    else:
        coupling = float(np.linalg.norm(homotopy.matrix(start, 1.0) - np.eye(len(start))))
    return max(float(np.linalg.norm(slope)), coupling) or 1.0

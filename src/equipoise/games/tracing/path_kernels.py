"""Compiled code that follows a branch of a small tensor game; the steps are those of `path`, which explains them.

A step of a 2×2 game is some hundred operations, a whole branch some ten microseconds. Needs numba.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from equipoise.games.kernels import derivatives, softmax
from equipoise.games.tracing import pursuit

_compiled = njit(cache=True, error_model="numpy", nogil=True)
_predict = _compiled(pursuit.predict)
_longer = _compiled(pursuit.longer)
_refused = _compiled(pursuit.refused)
_settled = _compiled(pursuit.settled)
_overshoots = _compiled(pursuit.overshoots)


class Tables(NamedTuple):
    """A tensor game and a family of regularizers as arrays; see `homotopy` for the equation.

    Attributes:
        packed, plan: the tensors and the steps to their derivatives, see `contraction`.
        agents: N.
        starts, sizes: of every information set.
        kept, last: entry of every unknown, and the last entry of its set. Shape [d].
        temperature: τ of every unknown. Shape [d].
        fixed, moving: the terms of w that do not depend on play. Shape [d].
    """

    packed: NDArray[np.float64]
    plan: NDArray[np.int64]
    agents: int
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    kept: NDArray[np.int64]
    last: NDArray[np.int64]
    temperature: NDArray[np.float64]
    fixed: NDArray[np.float64]
    moving: NDArray[np.float64]


class Room(NamedTuple):
    """Work space of one trace."""

    logits: NDArray[np.float64]
    policy: NDArray[np.float64]
    matrix: NDArray[np.float64]
    q: NDArray[np.float64]
    work: NDArray[np.float64]
    system: NDArray[np.float64]


@_compiled
def _evaluate(tables, point, scale, room):
    """Fills the bordered system of a point but for its last row: columns w, σ, −F and (0, 1)."""
    d, n = tables.kept.shape[0], room.policy.shape[0]
    time = point[d] / scale
    for e in range(n):
        room.logits[e] = 0.0
    for e in range(d):
        room.logits[tables.kept[e]] = point[e]
    softmax(room.logits, tables.starts, tables.sizes, room.policy)
    derivatives(tables.packed, tables.plan, room.policy, room.work)
    for s in range(tables.starts.shape[0]):
        start, end = tables.starts[s], tables.starts[s] + tables.sizes[s]
        for row in range(n):
            mean = 0.0
            for e in range(start, end):
                mean += room.matrix[e, row] * room.policy[e]
            for e in range(start, end):
                room.matrix[e, row] = (room.matrix[e, row] - mean) * room.policy[e]
    system = room.system
    for row in range(d):
        kept, last, weight = tables.kept[row], tables.last[row], 1.0 / tables.temperature[row]
        for c in range(d):
            column = tables.kept[c]
            system[row, c] = -time * weight * (room.matrix[column, kept] - room.matrix[column, last])
        system[row, row] += 1.0
        speed = tables.moving[row] + (room.q[kept] - room.q[last]) * weight
        system[row, d] = -speed / scale
        system[row, d + 1] = tables.fixed[row] + time * speed - point[row]
        system[row, d + 2] = 0.0
    system[d, d + 1], system[d, d + 2] = 0.0, 1.0


@_compiled
def _pivot(system, k):
    """Swaps the row with the largest entry of column k into place; −1 if it was another, 0 if all are 0, else 1."""
    m, pivot = system.shape[0], k
    for row in range(k + 1, m):
        if abs(system[row, k]) > abs(system[pivot, k]):
            pivot = row
    if system[pivot, k] == 0.0:
        return 0
    if pivot == k:
        return 1
    for c in range(k, m + 2):
        system[k, c], system[pivot, c] = system[pivot, c], system[k, c]
    return -1


@_compiled
def _eliminate(system):
    """Gaussian elimination with row pivoting of a matrix [m, m + 2], in place; the sign of the determinant."""
    m, sign = system.shape[0], 1
    for k in range(m):
        sign *= _pivot(system, k)
        if sign == 0:
            return 0
        if system[k, k] < 0.0:
            sign = -sign
        for row in range(k + 1, m):
            factor = system[row, k] / system[k, k]
            if factor != 0.0:
                for c in range(k + 1, m + 2):
                    system[row, c] -= factor * system[k, c]
    for k in range(m - 1, -1, -1):
        for right in (m, m + 1):
            total = system[k, right]
            for c in range(k + 1, m):
                total -= system[k, c] * system[c, right]
            system[k, right] = total / system[k, k]
    return sign


@_compiled
def _scale(tables, start, room):
    """How fast logits and their coupling grow with t at the start: the unit of t on the path."""
    d = tables.kept.shape[0]
    point = np.empty(d + 1)
    point[d] = 1.0
    for e in range(d):
        point[e] = start[e]
    _evaluate(tables, point, 1.0, room)
    speed, coupling = 0.0, 0.0
    for row in range(d):
        room.system[row, row] -= 1.0
        speed += room.system[row, d] ** 2
        for c in range(d):
            coupling += room.system[row, c] ** 2
    scale = np.sqrt(max(speed, coupling))
    return scale if scale > 0.0 else 1.0


@_compiled
def _correct(tables, scale, room, point, row, step, pinned, sign_before):
    """Newton's corrections of a predicted point, in place: error of the prediction (or −1 where refused), sign."""
    m = point.shape[0]
    rough = min(pursuit.ROUGH, pursuit.ROUGH_SHARE * step)
    fine = pursuit.FINE if pinned else rough
    error, before, sign = 0.0, 0.0, 0
    for correction in range(pursuit.CORRECTIONS):
        _evaluate(tables, point, scale, room)
        for c in range(m):
            room.system[m - 1, c] = 0.0 if pinned else row[c]
        if pinned:
            room.system[m - 1, m - 1] = 1.0
        sign = _eliminate(room.system)
        change = np.inf
        if sign:
            change = 0.0
            for e in range(m):
                change = max(change, abs(room.system[e, m]))
        if not sign or _refused(correction, change, before, rough):
            return -1.0, sign
        for e in range(m):
            point[e] += room.system[e, m]
        error = change if correction == 0 else error
        rise = room.system[m - 1, m + 1]
        event = sign != sign_before or abs(rise) < pursuit.TURNING or (rise > 0.0) != (row[m - 1] > 0.0)
        if _settled(change, before, pursuit.FINE if event else fine):
            return error, sign
        before = change
    return -1.0, sign


@_compiled
def _tangent(room, along, tangent):
    """Fills the unit tangent that points along the last one; the cosine between them, below 0 as the system had it."""
    m = along.shape[0]
    length, product = 0.0, 0.0
    for e in range(m):
        tangent[e] = room.system[e, m + 1]
        length += tangent[e] ** 2
        product += tangent[e] * along[e]
    factor = np.copysign(1.0 / np.sqrt(length), product)
    for e in range(m):
        tangent[e] *= factor
    return product / np.sqrt(length)


@_compiled
def _residual(tables, point, scale, room):
    """max |π − QR(π)| at a point, at its own temperatures."""
    _evaluate(tables, point, scale, room)
    for e in range(room.policy.shape[0]):
        room.q[e], room.logits[e] = room.policy[e], 0.0
    for e in range(tables.kept.shape[0]):
        room.logits[tables.kept[e]] = point[e] + room.system[e, point.shape[0]]
    softmax(room.logits, tables.starts, tables.sizes, room.policy)
    largest = 0.0
    for e in range(room.policy.shape[0]):
        largest = max(largest, abs(room.policy[e] - room.q[e]))
    return largest


@_compiled
def _room(tables):
    """Work space for a game."""
    n, m = tables.starts[-1] + tables.sizes[-1], tables.kept.shape[0] + 1
    work = np.zeros(2 * (tables.packed.shape[0] // tables.agents) + n * n + n)
    matrix, q = work[work.shape[0] - n * n - n : work.shape[0] - n].reshape(n, n), work[work.shape[0] - n :]
    return Room(np.empty(n), np.empty(n), matrix, q, work, np.empty((m, m + 2)))


@_compiled
def _depart(tables, scale, room, point, along, tangent):
    """Fills the tangent of the first point; the determinant's sign."""
    _evaluate(tables, point, scale, room)
    for e in range(point.shape[0]):
        room.system[point.shape[0] - 1, e] = along[e]
    sign = _eliminate(room.system)
    _tangent(room, along, tangent)
    return sign


@_compiled
def _aim(point, tangent, before, step, last_step, scale, trial):
    """Fills the predicted point; the step that led there, and whether it was cut to an end, where σ stays."""
    d = point.shape[0] - 1
    _predict(point, tangent, before, step, last_step, trial)
    pinned = trial[d] <= 0.0 or trial[d] >= scale
    if pinned:
        end = 0.0 if trial[d] <= 0.0 else scale
        step *= (end - point[d]) / (trial[d] - point[d])
        _predict(point, tangent, before, step, last_step, trial)
        trial[d] = end
    return step, pinned


@_compiled
def follow_tensor(tables, start, time, limit, longest):
    """The fields of `path.Path` from a point at t = `time` until t is 0 or 1 again.

    Args:
        tables: the game and its family.
        start: differences of logits. Shape [d].
        time: 0.0, going up, or 1.0, going down.
        limit: most attempted steps.
        longest: bound on a step's arc length.
    """
    d = tables.kept.shape[0]
    m, room = d + 1, _room(tables)
    points, tangents, signs = np.empty((limit + 1, m)), np.empty((limit + 1, m)), np.empty(limit + 1, np.int64)
    scale = _scale(tables, start, room)
    trial, tangent, along = np.empty(m), np.empty(m), np.empty(m)
    points[0, d], along[d] = time * scale, 1.0 - 2.0 * time
    for e in range(d):
        points[0, e], along[e] = start[e], 0.0
    signs[0] = _depart(tables, scale, room, points[0], along, tangents[0])
    k, step, last_step, attempt, ended = 0, min(pursuit.FIRST_STEP, longest), 0.0, 0, pursuit.EXHAUSTED
    while attempt < limit and ended == pursuit.EXHAUSTED:
        attempt += 1
        step, pinned = _aim(points[k], tangents[k], tangents[max(k - 1, 0)], step, last_step, scale, trial)
        error, sign = _correct(tables, scale, room, trial, tangents[k], step, pinned, signs[k])
        accepted = error >= 0.0 and 0.0 <= trial[d] <= scale
        if accepted:
            cosine = _tangent(room, tangents[k], tangent)
            sign = sign if cosine > 0.0 or not pinned else -sign
            outward = not pinned or (tangent[d] > 0.0) == (trial[d] > 0.0)
            jump = sign != signs[k] and step > pursuit.CONFIRMING_STEP
            over = _overshoots(points[k], tangents[k], trial, tangent, step, scale)
            accepted = abs(cosine) >= pursuit.COSINE_BOUND and outward and not jump and not over
        if accepted:
            k += 1
            signs[k] = sign
            for e in range(m):
                points[k, e], tangents[k, e] = trial[e], tangent[e]
            last_step, step, ended = (
                step,
                min(_longer(step, error), longest),
                pursuit.REACHED if pinned else pursuit.EXHAUSTED,
            )
        else:
            step *= pursuit.SHRINKAGE
            ended = pursuit.LOST if step < pursuit.SHORTEST_STEP else pursuit.EXHAUSTED
    residual = _residual(tables, points[k], scale, room)
    return ended, scale, points[: k + 1], tangents[: k + 1], signs[: k + 1], attempt, residual

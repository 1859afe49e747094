"""Compiled code for small tensor games: the whole Newton solve, without a Python step between iterations.

A solve of a small game is some thousand floating-point operations; in NumPy its cost is the cost of calling NumPy. The
steps are those of `solvers/newton.py` (see there for the equation), in differences of logits to the last action of
every information set, y_a = z_a − z_last: adding a number to all logits of a set changes nothing, and leaving that
direction out makes the system smaller by one row per set,

    ((1 + 1/h) I − G) Δy = F_last − F_a,     G_ab = (D_ab − Σ_c π_c D_ac) π_b/τ_a,     D_ab = dQ_a/dπ_b − dQ_last/dπ_b

Its columns lie one after another in memory, and elimination goes down them. A step costs one sweep of derivatives (see
`kernels`) and 2 (n − sets)³/3 operations.

`solve_tensor` is compiled when this module is imported, for one signature: other arrays are a TypeError, not a wait.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from equipoise.games.kernels import derivatives, fused, internal, softmax
from equipoise.games.problem import MOST_ROUNDING

LONGEST_STEP, SHORTEST_STEP = 1e12, 0.1
SURELY = 4.0
"""A residual δ changes the ratio of two logits of probability ≥ 2 δ by at most 4 δ over the smaller probability."""
CONVERGED, STOPPED, INVALID = 1, 0, -1

_ONE = np.uint64(1)


@internal
def _heats(temperatures, agents, heat):
    """Fills the temperature of every set; the least of them, 0 if some are wrong."""
    given, sets, coldest = temperatures.shape[0], agents.shape[0], np.inf
    each = given == agents[sets - 1] + 1
    if not each and given != sets:
        return 0.0
    for s in range(sets):
        heat[s] = temperatures[agents[s]] if each else temperatures[s]
        if not 0.0 < heat[s] < np.inf:
            return 0.0
        coldest = min(coldest, heat[s])
    return coldest


@internal
def _moves(q, logits, policy, sets, log_reference, move, tolerance):
    """Turns Q into response logits and fills the moves to them; their largest range in a set, and whether that alone
    shows the residual to be above the tolerance."""
    starts, sizes, heat = sets
    longest, far = 0.0, False
    for s in range(starts.shape[0]):
        start, end = starts[s], starts[s] + sizes[s]
        largest = q[start]
        for e in range(start + 1, end):
            largest = max(largest, q[e])
        low, high = start, start
        for e in range(start, end):
            q[e] = log_reference[e] + (q[e] - largest) / heat[s]
            move[e] = q[e] - logits[e]
            if move[e] < move[low]:
                low = e
            if move[e] > move[high]:
                high = e
        spread, rarer = move[high] - move[low], min(policy[high], policy[low])
        longest = max(longest, spread)
        far = far or (rarer > 2.0 * tolerance and spread * rarer > SURELY * tolerance)
    return longest, far


@internal
def _largest_difference(policy, answer):
    """max |π − π'|; not finite if any entry is not."""
    residual, total = 0.0, 0.0
    for e in range(policy.shape[0]):
        gap = abs(policy[e] - answer[e])
        residual, total = max(residual, gap), total + gap
    return residual if np.isfinite(total) else np.nan


@internal
def _logit_jacobian(matrix, policy, sets, system, differences):
    """Fills −G by columns from dQ/dπ by columns, n numbers each."""
    starts, sizes, heat = sets
    mean, row = differences[1], differences[2]
    column, size = np.uint64(0), np.uint64(policy.shape[0])
    for t in range(starts.shape[0]):
        start, last = starts[t], sizes[t] - 1
        for r in range(mean.shape[0]):
            mean[r] = 0.0
        for b in range(last, -1, -1):
            to = system[column + np.uint64(b)] if b < last else row
            r = np.uint64(0)
            for s in range(starts.shape[0]):
                first, rest = np.uint64(starts[s]), np.uint64(sizes[s] - 1)
                entry = np.uint64(start + b) * size + first
                beneath, weight = matrix[entry + rest], 1.0 / heat[s]
                for a in range(rest):
                    to[r + a] = (matrix[entry + a] - beneath) * weight
                r += rest
            for r in range(mean.shape[0]):
                mean[r] += policy[start + b] * to[r]
        for b in range(last):
            to = system[column]
            for r in range(mean.shape[0]):
                to[r] = (mean[r] - to[r]) * policy[start + b]
            column += _ONE


@internal
def _implicit_step(system, trial, play, step, turns, differences):
    """Fills `differences[0]`; the step length and the turns left after shortening, length 0 where it is singular."""
    move, _, starts, sizes = play
    direction = differences[0]
    while True:
        for c in range(trial.shape[0]):
            for r in range(trial.shape[0]):
                trial[c, r] = system[c, r]
        r = 0
        for s in range(starts.shape[0]):
            last = starts[s] + sizes[s] - 1
            for e in range(starts[s], last):
                trial[r, r] += 1.0 + 1.0 / step
                direction[r] = move[e] - move[last]
                r += 1
        if not _solve_linear(trial, direction):
            return 0.0, turns
        if turns == 0 or _covariance(direction, play) > 0.0:
            return step, turns
        step, turns = step / 4.0, turns - 1


@fused
def _solve_linear(columns, right):
    """Gaussian elimination with row pivoting of a matrix given by its columns, in place; the solution replaces `right`.

    False where the matrix is singular.
    """
    n = np.uint64(right.shape[0])
    for k in range(n):
        head, pivot = columns[k], k
        for row in range(k + _ONE, n):
            if abs(head[row]) > abs(head[pivot]):
                pivot = row
        if head[pivot] == 0.0:
            return False
        if pivot != k:
            for c in range(k, n):
                columns[c, k], columns[c, pivot] = columns[c, pivot], columns[c, k]
            right[k], right[pivot] = right[pivot], right[k]
        scale, factor = 1.0 / head[k], right[k]
        for row in range(k + _ONE, n):
            head[row] *= scale
            right[row] -= factor * head[row]
        for c in range(k + _ONE, n):
            column = columns[c]
            factor = column[k]
            for row in range(k + _ONE, n):
                column[row] -= factor * head[row]
    for back in range(n):
        k = n - _ONE - back
        head = columns[k]
        right[k] /= head[k]
        factor = right[k]
        for row in range(k):
            right[row] -= factor * head[row]
    return True


@internal
def _covariance(direction, play):
    """Σ over all sets of the covariance of two logit moves under π; the first is given by its differences."""
    move, policy, starts, sizes = play
    total, r = 0.0, 0
    for s in range(starts.shape[0]):
        mean_left, mean_right, product = 0.0, 0.0, 0.0
        for e in range(starts[s], starts[s] + sizes[s]):
            left = 0.0
            if e < starts[s] + sizes[s] - 1:
                left = direction[r]
                r += 1
            mean_left += policy[e] * left
            mean_right += policy[e] * move[e]
            product += policy[e] * left * move[e]
        total += product - mean_left * mean_right
    return total


@internal
def _add(differences, starts, sizes, logits):
    """Adds a step to the logits."""
    r = 0
    for s in range(starts.shape[0]):
        for e in range(starts[s], starts[s] + sizes[s] - 1):
            logits[e] += differences[r]
            r += 1


@njit(
    "int64(float64[::1], int64[:, ::1], int64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1],"
    "float64[::1])",
    cache=True,
    error_model="numpy",
    nogil=True,
)
def solve_tensor(packed, plan, sets, temperatures, log_reference, start, settings, numbers):
    """CONVERGED, STOPPED, or INVALID for temperatures that are not all positive and finite, or too few or too many.

    Args:
        packed, plan: the game, see `contraction`.
        sets: agent, first entry and number of actions of every information set. Shape [3, sets].
        temperatures: of each agent or of each information set.
        log_reference, start: log ρ and the logits to start from; [n].
        settings: residual max |π − QR(π)| that counts as converged, what is added to it for every unit of 1/τ, most
            steps, length of the first step on the logit dynamics, how often a step against them is shortened.
        numbers: filled with logits [n], the temperature of every set, the residual and the number of steps.
    """
    n, count = log_reference.shape[0], sets.shape[1]
    agents, starts, sizes, heat = sets[0], sets[1], sets[2], numbers[n : n + count]
    coldest = _heats(temperatures, agents, heat)
    if not coldest > 0.0:
        return INVALID
    logits, tolerance = numbers[:n], settings[0] + min(settings[1] / coldest, MOST_ROUNDING)
    step, turns, limit = settings[3], int(settings[4]), int(settings[2])
    for e in range(n):
        logits[e] = start[e]
    unknowns = n - count
    entries, differences = np.empty((3, n)), np.empty((3, unknowns))
    policy, move, answer = entries[0], entries[1], entries[2]
    work = np.empty(2 * (packed.shape[0] // (agents[count - 1] + 1)) + n * n + n)
    matrix, q = work[work.shape[0] - n * n - n :], work[work.shape[0] - n :]
    for e in range(n * n):
        matrix[e] = 0.0
    system, trial = np.empty((unknowns, unknowns)), np.empty((unknowns, unknowns))
    before, status = -1.0, STOPPED
    for iteration in range(limit + 1):
        softmax(logits, starts, sizes, policy)
        derivatives(packed, plan, policy, work)
        length, far = _moves(q, logits, policy, (starts, sizes, heat), log_reference, move, tolerance)
        if not far or iteration == limit:
            softmax(q, starts, sizes, answer)
            residual = _largest_difference(policy, answer)
            numbers[n + count], numbers[n + count + 1] = residual, iteration
            status = CONVERGED if residual <= tolerance else STOPPED
            if status == CONVERGED or iteration == limit or not np.isfinite(residual):
                break
        if before > 0.0:
            step = min(max(step * before / length, SHORTEST_STEP), LONGEST_STEP) if length > 0.0 else LONGEST_STEP
        before = length
        _logit_jacobian(matrix, policy, (starts, sizes, heat), system, differences)
        step, turns = _implicit_step(system, trial, (move, policy, starts, sizes), step, turns, differences)
        if step == 0.0:
            softmax(q, starts, sizes, answer)
            numbers[n + count], numbers[n + count + 1] = _largest_difference(policy, answer), iteration
            break
        _add(differences[0], starts, sizes, logits)
    return status

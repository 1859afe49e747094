"""Compiled steps on tensor games that every compiled solver takes: payoffs, derivatives and the softmax.

`derivatives` reads payoff tensors in packed form (`contraction.packed`) and takes the steps of `contraction.plan`; see
there for both. Compiled code is kept on disk beside this file (or in NUMBA_CACHE_DIR), so that only the first call
after an install compiles; functions that call each other are compiled again inside their callers, so there are few.

Imported only where numba is installed. Functions compile at their first call.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_ONE = np.uint64(1)

_alone = {"cache": True, "error_model": "numpy", "nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
internal = njit(**_alone)
"""For functions that only compiled code calls: without the way in from Python they compile a sixth faster."""
fused = njit(**_alone, fastmath={"contract"})
"""The same, with multiplications and additions in one instruction."""


@internal
def derivatives(packed, plan, policy, work):
    """Fills the end of `work`: dQ/dπ, transposed, [entry of π, entry of Q], n² numbers, then Q, n numbers.

    Args:
        packed: tensors in packed form, N · M numbers.
        plan: the steps.
        policy: [n]
        work: 2 M numbers of work space, then what is filled; parts of dQ/dπ that no step fills must be 0.
    """
    for step in range(plan.shape[0]):
        if plan[step, 0]:
            _contract(work, work, plan[step], policy)
        else:
            _contract(packed, work, plan[step], policy)


@fused
def _contract(source, target, step, policy):
    """target[o, k] = Σ_x source[o, x, k] policy[x], or a copy where x does not run.

    Indices are unsigned: numba then need not ask whether they count from the end, and the loops become vector code.
    """
    row, out, outer, count = np.uint64(step[1]), np.uint64(step[2]), np.uint64(step[3]), np.uint64(step[4])
    inner, stride, first = np.uint64(step[5]), np.uint64(step[6]), np.uint64(step[7])
    for _ in range(outer):
        weight = policy[first] if count else 1.0
        for k in range(inner):
            target[out + k] = source[row + k] * weight
        for x in range(_ONE, count):
            row += inner
            weight = policy[first + x]
            for k in range(inner):
                target[out + k] += source[row + k] * weight
        row += inner
        out += stride


@internal
def softmax(logits, starts, sizes, out):
    """Fills the policy proportional to exp(logits) in every set."""
    for s in range(starts.shape[0]):
        start, end = starts[s], starts[s] + sizes[s]
        largest = logits[start]
        for e in range(start + 1, end):
            largest = max(largest, logits[e])
        total = 0.0
        for e in range(start, end):
            out[e] = np.exp(logits[e] - largest)
            total += out[e]
        for e in range(start, end):
            out[e] /= total

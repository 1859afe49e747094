"""Rules of a pseudo-arclength step: how to predict, when to accept, how long the next step is.

A branch u(s) = (w, σ) with F(u) = 0 is followed by its arc length s, not by σ, so that it can turn (a fold):

    predict   v = u + h T + h² (T − T₋)/(2 h₋)               two-step Adams–Bashforth on u' = T
    correct   [F_w F_σ; Tᵀ] Δ = −(F, 0),  v ← v + Δ          Newton in the plane normal to T
    tangent   [F_w F_σ; Tᵀ] y = (0, 1),   T₊ = y/‖y‖         same matrix; its det changes sign at branch points

The first correction is the predictor's error δ, which grows as h³; the ratio κ of the first two is Newton's
contraction. Both are kept below bounds, so that the corrector cannot leave for another branch. One source for both
codes: `path` runs these rules in NumPy and `path_kernels` compiles them.

Source: Allgower and Georg, Numerical Continuation Methods (1990), chapter 6.1 (step lengths) and 8.1 (branch points).
"""

from __future__ import annotations

import numpy as np

from equipoise.games.layout import Vector

FIRST_STEP = 0.5
SHORTEST_STEP = 1e-9
GROWTH = 2.5
SHRINKAGE = 0.4
ERROR_AIM, ERROR_BOUND = 0.04, 0.2
"""Predictor error in logits: what steps aim at, and what is refused."""
CONTRACTION_BOUND = 0.3
COSINE_BOUND = 0.85
"""Least cosine between neighbouring tangents."""
CONFIRMING_STEP = 1e-4
"""Arc length below which a change of the determinant's sign is a branch point and not a jump to another branch."""
ROUGH = 5e-3
"""Bound on the last Newton correction of points on the way; what is left is about its square."""
ROUGH_SHARE = 0.05
"""The same relative to the step: short steps are taken where the branch bends sharply."""
FINE = 1e-14
"""Last Newton correction of points at an end, and where the path may turn or the determinant changes its sign."""
TURNING = 0.05
"""Tangent's part in σ below which points are solved finely: rough ones leave tangents off by about half as much."""
SETTLED = 1e-8
"""Corrections below this that no longer halve have met rounding, and are fine as well."""
CORRECTIONS = 14

REACHED, LOST, EXHAUSTED = 0, 1, 2
"""How a path ended: at an end of the interval, with steps that became too short, at the limit of steps."""


def predict(point: Vector, tangent: Vector, before: Vector, step: float, last_step: float, out: Vector) -> None:
    """Fills `out` with the predicted point; `last_step` ≤ 0 where there is none, and then it is Euler's."""
    bend = step * step / (2.0 * last_step) if last_step > 0.0 else 0.0
    for e in range(point.shape[0]):
        out[e] = point[e] + step * tangent[e] + bend * (tangent[e] - before[e])


def longer(step: float, error: float) -> float:
    """The next step's length after one whose predictor was off by `error`."""
    ratio = GROWTH if error <= 0.0 else (ERROR_AIM / error) ** (1.0 / 3.0)
    return step * min(max(ratio, 0.5), GROWTH)


def refused(corrections: int, change: float, before: float, rough: float) -> bool:
    """Whether Newton's correction number 0, 1, … of size `change` shows that the step was too long."""
    if not np.isfinite(change):
        return True
    if corrections == 0:
        return change > ERROR_BOUND
    return change > rough and change > CONTRACTION_BOUND * before


def settled(change: float, before: float, aim: float) -> bool:
    """Whether a correction of size `change` after one of size `before` (0 for none) may be the last."""
    return change <= aim or (change <= SETTLED and change > before / 2.0 > 0.0)


def overshoots(point: Vector, tangent: Vector, following: Vector, turned: Vector, step: float, end: float) -> bool:
    """Whether σ rose to `end` and fell again within a step, as the parabolas of its slopes at both points have it."""
    rise, fall = tangent[-1], -turned[-1]
    if rise <= 0.0 or fall <= 0.0:
        return False
    climb = step * rise / (rise + fall)
    return max(point[-1] + rise * climb / 2.0, following[-1] + fall * (step - climb) / 2.0) >= end

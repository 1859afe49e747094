r"""The weights α of the three rewards: learned, on the simplex, with a floor under the task's own reward.

$$r_i = \alpha_1\,\mathrm{AL}_i + \alpha_2\,\mathrm{TS}_i + \alpha_3\,\mathrm{CC}_i, \qquad
L_{dr}(\alpha) = \sum_{i} (\alpha \cdot c_i - \hat r_i)^2, \qquad
\alpha \leftarrow \Pi_\Delta\bigl(\alpha - \lambda\,\nabla L_{dr}(\alpha)\bigr)$$

c_i = (AL, TS, CC) of executor i, r̂_i the reward that its critic expected, and Π_Δ the Euclidean projection onto
Δ = {α : Σα = 1, α ≥ floor}. L_dr alone drifts to whatever is easiest to predict, such as agreement among executors who
always agree; so TS has a floor. The projection shifts by the floor and projects onto a simplex of the size that is
left: exact, by sorting, O(n log n) (Held, Wolfe and Crowder, 1974; Duchi et al., ICML 2008, figure 1).

Source: ECON (arXiv 2506.08292), rewards (`econ.md`, section 4): start (.4, .4, .2), rate 1e-3. The floor is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError

Floats = NDArray[np.float64]

START = (0.4, 0.4, 0.2)
"""Weights of AL, TS and CC before anything is learned."""

FLOOR = (0.0, 0.3, 0.0)
"""Least weights of AL, TS and CC."""

RATE = 1e-3


def project(point: Floats, floor: Floats) -> Floats:
    """The nearest point with entries ≥ floor that sum to 1. Shapes [n], [n] → [n].

    Raises:
        InputError: the floors sum to more than 1, so that there is no such point.
    """
    left = 1.0 - float(floor.sum())
    if left < 0:
        raise InputError(f"the floors {floor.tolist()} sum to more than 1. Lower them.")
    shifted = point - floor
    ordered = np.sort(shifted)[::-1]
    excess = (np.cumsum(ordered) - left) / np.arange(1, len(ordered) + 1)
    kept = int(np.nonzero(ordered - excess >= 0)[0][-1])
    return floor + np.maximum(shifted - excess[kept], 0.0)


def discrepancy(alpha: Floats, components: Floats, expected: Floats) -> float:
    """L_dr, the mean over rows. Shapes [n], [rows, n], [rows]."""
    return float(np.mean((components @ alpha - expected) ** 2))


def learned(
    alpha: Floats, components: Floats, expected: Floats, *, rate: float = RATE, floor: Floats | None = None
) -> Floats:
    """α after one projected gradient step on L_dr. Shapes as of `discrepancy`.

    Args:
        alpha: the weights before.
        components: AL, TS, CC of each row; an answer that cannot be read has 0 in all.
        expected: what the critic expected of each row.
        rate: of the step.
        floor: least weights; `FLOOR` when None.
    """
    gradient = 2.0 * ((components @ alpha - expected)[:, None] * components).mean(axis=0)
    return project(alpha - rate * gradient, np.array(FLOOR if floor is None else floor))

"""Branches of equilibria as a picture: the probability of every action over temperature, with folds marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from equipoise.games import Bifurcation, Branch, Layout
from equipoise.reports.drawing import INK, SERIES, STYLES, dress, picture

MARKS = {"fold": "o", "pitchfork": "D", "transcritical": "X", "multiple": "s"}
LONGEST = 0.1
"""Arc length of a step in logits, short enough for a smooth line."""
STILL = 0.003
"""Change of a probability from infinite temperature below which a point is left out: there is nothing to see."""
NAMED = 12
"""Most lines that a legend names."""


def branch_picture(branches: Sequence[Branch], bifurcations: Sequence[Bifurcation]) -> str:
    """An SVG element: a line per action, one colour per agent, and a mark at every fold and branch point.

    The axis is the temperature where all are equal; otherwise what the temperatures asked are multiplied by.

    Args:
        branches: of one game at the same temperatures.
        bifurcations: those of the branches, each once.
    """
    problem = branches[0].problem
    temperatures = problem.regularizer.temperature
    equal = bool((temperatures == temperatures[0]).all())
    unit = float(temperatures[0]) if equal else 1.0
    layout = problem.layout
    few = layout.size <= NAMED
    with picture("Probability of every action over temperature, with folds and pitchforks marked") as drawn:
        for number, branch in enumerate(branches):
            _lines(drawn.axes, branch, unit, named=few and number == 0)
        for kind in dict.fromkeys(found.kind for found in bifurcations):
            marked = [found for found in bifurcations if found.kind == kind]
            x = np.concatenate([np.full(layout.size, unit * found.factor) for found in marked])
            y = np.concatenate([found.homotopy.policy(found.unknowns) for found in marked])
            drawn.axes.plot(x, y, MARKS[kind], color=INK, markersize=4, label=kind, zorder=3)
        dress(drawn.axes, x="temperature" if equal else "temperatures asked, times", y="probability", log=True)
        low, high = drawn.axes.get_xlim()
        drawn.axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        drawn.axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if high < 10 * low else "")
        drawn.axes.set_ylim(-0.02, 1.02)
        if drawn.axes.get_legend_handles_labels()[0]:
            drawn.axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return drawn.svg


def _lines(axes: Axes, branch: Branch, unit: float, *, named: bool) -> None:
    layout = branch.problem.layout
    policies, factors = branch.policies, branch.factors
    seen = np.isfinite(factors) & (np.abs(policies - policies[0]).max(axis=1) > STILL)
    if branch.path.times[0] > 0.0 or not seen.any():
        seen = np.isfinite(factors)
    for entry in range(layout.size):
        agent, action = _place(layout, entry)
        axes.plot(
            unit * factors[seen],
            policies[seen, entry],
            STYLES[action % len(STYLES)],
            color=SERIES[agent % len(SERIES)],
            linewidth=1.3,
            alpha=0.85,
            label=f"{layout.set_label(int(layout.set_of[entry]))}, action {action}" if named else None,
        )


def _place(layout: Layout, entry: int) -> tuple[int, int]:
    """The agent of an entry and the number of its action."""
    index = int(layout.set_of[entry])
    return int(layout.agent_of_set[index]), entry - int(layout.starts[index])

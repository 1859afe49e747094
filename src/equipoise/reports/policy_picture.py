"""The pictures of a learned policy: its way to the equilibrium, and whether its belief is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from equipoise.reports.drawing import FRONT, INK, OTHER, POINT, dress, picture

LINES = (("reward", POINT, "reward"), ("abr", FRONT, "ABR"), ("entropy", OTHER, "entropy"))


def way(course: Sequence[Mapping[str, Any]]) -> str | None:
    """An SVG element: reward, ABR and entropy over updates; None with fewer than two."""
    if len(course) < 2:
        return None
    updates = [each["update"] for each in course]
    with picture("Reward, best-response regret and policy entropy by update") as drawn:
        axes = drawn.axes
        place = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        for line, (key, colour, name) in enumerate(LINES, start=1):
            values, at = [each[key] for each in course], len(course) * line // 4  # so that names do not overlap
            axes.plot(updates, values, color=colour, linewidth=1.6)
            axes.annotate(name, (updates[at], values[at]), color=colour, fontsize=10, **place)
        dress(axes, x="update", y="share")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_ylim(min(0.0, *(each["reward"] for each in course)), 1.12)
    return drawn.svg


def reliability(calibration: Mapping[str, Any] | None) -> str | None:
    """An SVG element: share of right answers over the belief in them, by bin; None without a calibration."""
    if calibration is None:
        return None
    curve = calibration["curve"]
    with picture("Share of right answers over the belief when it stopped") as drawn:
        axes = drawn.axes
        largest = max(each["plays"] for each in curve)
        believed, right = ([100 * each[key] for each in curve] for key in ("belief", "accuracy"))
        low = max(0.0, min(*believed, *right) - 5)
        axes.plot([low, 100], [low, 100], color=INK, linewidth=0.9, linestyle=(0, (2, 3)), alpha=0.55)
        axes.scatter(believed, right, s=[12 + 60 * each["plays"] / largest for each in curve], color=POINT, zorder=3)
        dress(axes, x="belief, %", y="right, %")
    return drawn.svg

"""Accuracy over cost as an SVG that takes its text colour from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from equipoise.analysis.comparison import Summary

INK = "#010203"
"""A colour that stands for the page's text colour, and is replaced by it."""

POINT, FRONT = "#3b7dd8", "#d8843b"
SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "equipoise",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
}


def accuracy_over_cost(summaries: Sequence[Summary]) -> str | None:
    """An SVG element: accuracy in % with 95 % intervals over mean tokens per play, numbered as in the table.

    The dashed line joins the methods that no cheaper one reaches. None where fewer than two methods have both numbers.
    """
    shown = [(i, s) for i, s in enumerate(summaries, start=1) if s.accuracy and s.tokens > 0]
    if len(shown) < 2:
        return None
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        places: dict[tuple[float, float], list[str]] = {}
        for number, summary in shown:
            _point(axes, summary)
            places.setdefault((round(summary.tokens, 1), round(100 * _mean(summary), 2)), []).append(str(number))
        for place, numbers in places.items():
            axes.annotate(", ".join(numbers), place, xytext=(6, 3), textcoords="offset points", color=INK, fontsize=10)
        front = _front([summary for _, summary in shown])
        axes.plot(
            [s.tokens for s in front], [100 * s.accuracy.mean for s in front if s.accuracy], "--", color=FRONT, zorder=1
        )
        _dress(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    return re.sub(
        r'width="[\d.]+pt" height="[\d.]+pt"', 'role="img" aria-label="Accuracy over tokens per question"', svg, count=1
    )


def standalone(svg: str) -> str:
    """The same picture as a file of its own: dark on white, whatever shows it."""
    return svg.replace("currentColor", "#1f2328").replace("<svg ", '<svg style="background: #fff" ', 1)


def _point(axes: Axes, summary: Summary) -> None:
    at = summary.accuracy
    assert at is not None
    bars = [[100 * (at.mean - at.low)], [100 * (at.high - at.mean)]]
    axes.errorbar([summary.tokens], [100 * at.mean], yerr=bars, fmt="o", color=POINT, elinewidth=1, alpha=0.85)


def _front(summaries: Sequence[Summary]) -> list[Summary]:
    """The methods that no cheaper method reaches, by cost."""
    front: list[Summary] = []
    for summary in sorted(summaries, key=lambda s: (s.tokens, -s.accuracy.mean if s.accuracy else 0.0)):
        if not front or _mean(summary) > _mean(front[-1]):
            front.append(summary)
    return front


def _mean(summary: Summary) -> float:
    return summary.accuracy.mean if summary.accuracy else 0.0


def _dress(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("tokens per question, read and written", color=INK)
    axes.set_ylabel("accuracy, %", color=INK)
    axes.tick_params(which="both", colors=INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    low, high = axes.get_xlim()
    if high / low < 10:
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:,.0f}")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_edgecolor(INK)
    axes.grid(alpha=0.15, color=INK)

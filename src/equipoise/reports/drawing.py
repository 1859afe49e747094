"""Pictures as SVG elements that take their colours from the page around them, light or dark.

Matplotlib knows no CSS. So a picture is drawn in placeholder colours, each of which becomes a CSS variable of
`_style.css` with a fallback: in the page the variable rules, in a file of its own the fallback, dark on white.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

INK, POINT, FRONT, OTHER = "#010203", "#010204", "#010205", "#010206"
"""Placeholders: text and axes, a method, the front, a second family."""

COLOURS = {
    INK: "var(--ink, #1a1d21)",
    POINT: "var(--point, #2f6fc4)",
    FRONT: "var(--front, #c2651b)",
    OTHER: "var(--other, #6b4fb3)",
}
SERIES = (POINT, FRONT, OTHER, INK)
STYLES = ("-", "--", ":", "-.")
"""Of several lines in one picture: colours, and styles where colours do not suffice."""

SIZE = (5.6, 3.6)
"""Inches; small beside its text, so that the text is still read on a telephone."""

SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "equipoise",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
}


@dataclass
class Picture:
    """A figure with its axes while it is drawn; `svg` is the element afterwards."""

    axes: Axes
    svg: str = ""


@contextmanager
def picture(label: str, *, size: tuple[float, float] = SIZE) -> Iterator[Picture]:
    """A picture to draw into; its `svg` is there after the block.

    Args:
        label: what it shows, for those who do not see it.
        size: width and height in inches.
    """
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        drawn = Picture(figure.add_subplot())
        yield drawn
        drawn.svg = _element(figure, label)


def standalone(svg: str) -> str:
    """The same picture as a file of its own: dark on white, whatever shows it."""
    return svg.replace("<svg ", '<svg style="background: #fff" ', 1)


def dress(axes: Axes, *, x: str, y: str, log: bool = False) -> None:
    """Axes with their names, a faint grid, two spines, and thousands with commas."""
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.tick_params(which="both", colors=INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_edgecolor(INK)
    axes.grid(alpha=0.15, color=INK)
    axes.set_axisbelow(True)


def _element(figure: Figure, label: str) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for placeholder, colour in COLOURS.items():
        text = text.replace(placeholder, colour)
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'role="img" aria-label="{label}"', text, count=1)

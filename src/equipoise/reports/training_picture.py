"""The pictures of a training run: every diagnostic by iteration, a line for each executor where it has one for each.

Names stand in the page beside the picture and not in it, since a picture is no place for text that may be anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from equipoise.analysis.intervals import share
from equipoise.reports.drawing import INK, POINT, SERIES, STYLES, dress, picture
from equipoise.reports.training_run import Floats, Run, number, shares

FLAT = (4.5, 2.6)
"""Inches of a picture."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture with what stands around it.

    Attributes:
        title: what is shown.
        svg: the element.
        names: of its lines, in the order of `drawing.SERIES`; empty for one.
        caption: how to read it.
    """

    title: str
    svg: str
    names: tuple[str, ...]
    caption: str


def charts(run: Run) -> dict[str, list[Chart]]:
    """Charts by heading; those of which nothing was told are left out."""
    groups = {
        "What it bought": [_looks(run), *_team(run, _BOUGHT)],
        "How far the policies moved": _executors(run, _MOVED),
        "Was it the mirror step": [*_executors(run, _STEP), *_team(run, _CRITICS), *_executors(run, _PARTS)],
        "The team's game": [_margin(run), *_team(run, _GAME)],
        "Speed": _team(run, _SPEED),
    }
    found = {heading: [chart for chart in held if chart] for heading, held in groups.items()}
    return {heading: held for heading, held in found.items() if held}


_Team = tuple[str, dict[str, tuple[str, ...]], str, str]
_BOUGHT: tuple[_Team, ...] = (
    (
        "In training",
        {"votes right": ("team",), "reward": ("reward",)},
        "share",
        "On each iteration's own questions, other ones every time, sampled at temperature 1: expect it to jump.",
    ),
)
_CRITICS: tuple[_Team, ...] = (
    ("Critic loss", {"critic loss": ("critic_loss",)}, "loss", "Of critics and mixer; it should fall and then stay."),
)
_GAME: tuple[_Team, ...] = (
    (
        "Regret and group spread",
        {"regret (ABR)": ("regret",), "group spread": ("group_spread",)},
        "reward",
        "What an executor's best answer of the group would have gained; and the standard deviation of the return "
        "within a question's group. Where the spread is 0, the group teaches nothing.",
    ),
)
_SPEED: tuple[_Team, ...] = (
    (
        "Tokens a second",
        {"rollouts": ("cost", "rollout_rate"), "training": ("cost", "training_rate")},
        "tokens a second",
        "Generated in rollouts, and scored forward and backward in training.",
    ),
)

_Each = tuple[str, str, str, str]
_MOVED: tuple[_Each, ...] = (
    ("KL from the policy that played", "kl_old", "nats a token", "Above the dashed line the update stops: lower --lr."),
    (
        "KL from the reference",
        "kl_ref",
        "nats a token",
        "From the frozen base. Above the dashed line an update is taken back; a cross marks it.",
    ),
    (
        "Entropy",
        "entropy",
        "share of log |V|",
        "Of the policy that plays. Towards 0 it says the same every time, and a group has nothing to compare.",
    ),
    ("Clip-hit rate", "clip_rate", "share of tokens", "Tokens whose gradient the clip stopped."),
)
_STEP: tuple[_Each, ...] = (
    (
        "Mirror fidelity",
        "fidelity",
        "cosine",
        "Of the change of the log-probabilities to the logit response. 1 is not to be had with shared parameters; at 0 "
        "update and game have nothing to do with each other.",
    ),
)
_PARTS: tuple[_Each, ...] = (
    ("Field error: clip", "clip", "share", "How much of ρA the clip stopped."),
    ("Field error: sampling", "sampling", "share", "Standard error of the gradient against its norm: more rollouts."),
    (
        "Field error: representation",
        "representation",
        "share",
        "Target less Q on new rollouts, against the target. 1 for a critic that knows nothing.",
    ),
    ("Field error: optimisation", "optimisation", "share", "The last gradient against the first: 0 when solved."),
)


def _team(run: Run, told: Sequence[_Team]) -> list[Chart | None]:
    return [
        _chart(run, title, np.array([run.team(*path) for path in paths.values()]), tuple(paths), y=y, caption=caption)
        for title, paths, y, caption in told
    ]


def _executors(run: Run, told: Sequence[_Each]) -> list[Chart | None]:
    return [
        _chart(run, title, run.each(key), run.executors, y=y, caption=caption, key=key)
        for title, key, y, caption in told
    ]


def _chart(
    run: Run, title: str, values: Floats, names: tuple[str, ...], *, y: str, caption: str, key: str = ""
) -> Chart | None:
    """Lines over iterations [lines, T], with the alarm's level where `key` has one; None where nothing was told."""
    if not np.isfinite(values).any():
        return None
    level = number(run.settings, f"{key}_limit")
    with picture(f"{title} by iteration", size=FLAT) as drawn:
        for place, line in enumerate(values):
            _line(drawn.axes, run.iterations, line, place)
        if np.isfinite(level):
            _level(drawn.axes, level)
        if key == "kl_ref":
            _crosses(drawn.axes, run, values, level)
        _frame(drawn.axes, y=y, low=float(np.nanmin(values)))
    return Chart(title=title, svg=drawn.svg, names=names if len(names) > 1 else (), caption=caption)


def _line(axes: Axes, x: Floats, y: Floats, place: int) -> None:
    style = STYLES[place // len(SERIES) % len(STYLES)]
    axes.plot(x, y, style, color=SERIES[place % len(SERIES)], linewidth=1.5, marker="o", markersize=2.8)


def _level(axes: Axes, level: float) -> None:
    axes.axhline(level, color=INK, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
    place = {"xytext": (0, 2), "textcoords": "offset points", "ha": "left", "va": "bottom"}
    at = axes.get_yaxis_transform()
    axes.annotate(f"alarm {level:g}", (0.02, level), xycoords=at, color=INK, fontsize=9, **place)


def _crosses(axes: Axes, run: Run, values: Floats, level: float) -> None:
    for place, line in enumerate(values):
        over = line > level
        axes.plot(
            run.iterations[over], line[over], "x", color=SERIES[place % len(SERIES)], markersize=9, markeredgewidth=1.6
        )


def _frame(axes: Axes, *, y: str, low: float) -> None:
    """Axes from 0, or from what is below, and whole iterations."""
    dress(axes, x="iteration", y=y)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}".replace("-", "−"))
    if low >= 0.0:
        axes.set_ylim(bottom=0.0)
    else:
        axes.axhline(0.0, color=INK, linewidth=0.8, alpha=0.5)


def _looks(run: Run) -> Chart | None:
    """The team's votes on validation questions with intervals, and each executor's answers."""
    if not run.looks:
        return None
    title, x = "On validation questions", np.array(list(run.looks), dtype=float)
    team = np.array([number(look, "team") for look in run.looks.values()])
    with picture(f"{title}, by iteration", size=FLAT) as drawn:
        axes = drawn.axes
        _line(axes, x, 100 * team, len(run.executors))
        if all(len(shares(look)) for look in run.looks.values()):
            held = [share(shares(look)) for look in run.looks.values()]
            bars = 100 * np.array([[at.mean - at.low for at in held], [at.high - at.mean for at in held]])
            axes.errorbar(x, 100 * team, yerr=bars, fmt="none", ecolor=INK, elinewidth=1, alpha=0.5)
        for place in range(len(run.executors)):
            right = np.array([number(look, "executors", place) for look in run.looks.values()])
            _line(axes, x, 100 * right, place)
        _frame(axes, y="right, %", low=0.0)
    counted = f" on {run.questions} questions with 95 % intervals" if run.questions else ""
    return Chart(
        title=title,
        svg=drawn.svg,
        names=(*run.executors, "the team's votes"),
        caption=f"The team's votes{counted}, and each executor's own answers. 0 is before any update.",
    )


def _margin(run: Run) -> Chart | None:
    """The margin with its interval; hollow where it is not certified."""
    value, low, high = (run.team("margin", key) for key in ("value", "low", "high"))
    if not np.isfinite(value).any():
        return None
    sure = (low > 0.0) | (high < 0.0)
    with picture("Margin along the update, with its interval, by iteration", size=FLAT) as drawn:
        bars = np.array([value - low, high - value])
        drawn.axes.errorbar(run.iterations, value, yerr=bars, fmt="none", ecolor=POINT, elinewidth=1, alpha=0.8)
        for kept, fill in ((sure, POINT), (~sure, "none")):
            drawn.axes.plot(run.iterations[kept], value[kept], "o", color=POINT, markerfacecolor=fill, markersize=5)
        drawn.axes.axhline(0.0, color=INK, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
        _frame(drawn.axes, y="μ̂, nats", low=float(np.nanmin([low, value, np.zeros_like(value)])))
    caption = (
        "Coldest temperature less the coupling of the executors' answers along the direction in which the update moved "
        "them, with a 95 % interval. Hollow: not certified, the interval includes 0. Below 0 the update is in a part "
        "where equilibria may be several; above 0 says nothing of other directions."
    )
    return Chart(title="Margin μ̂", svg=drawn.svg, names=(), caption=caption)

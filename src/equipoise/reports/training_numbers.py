"""The numbers of a training run as readers want them: verdict, alarms, cost, the last iteration.

**What was gained on validation questions** is paired question by question; the interval is that of `analysis.paired`
for all looks at once (Bonferroni), since the best of them was chosen by the same votes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from equipoise.analysis.intervals import Interval
from equipoise.analysis.paired import difference_of
from equipoise.reports.formats import gain, hundredfold, whole
from equipoise.reports.training_run import Run, Told, number, plain, shares

Line = tuple[str, list[str], str]
"""What it is, a cell for each column, and how to read it."""


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Validation votes before any update and at the best look.

    Attributes:
        start, best: shares of right votes.
        iteration: of the best look, the first of equals.
        looks: after the start.
        change: best − start with its interval; None where a look does not tell its questions, or no look came after.
    """

    start: float
    best: float
    iteration: int
    looks: int
    change: Interval | None


def gained(run: Run) -> Gain | None:
    """What training gained on validation questions; None where the look before any update is not known."""
    if 0 not in run.looks:
        return None
    told = {iteration: number(look, "team") for iteration, look in run.looks.items()}
    best = max(told, key=lambda iteration: told[iteration])
    looks, before, after = len(told) - 1, shares(run.looks[0]), shares(run.looks[best])
    paired = looks > 0 and len(before) > 0 and len(before) == len(after)
    change = difference_of(after - before, comparisons=looks).interval if paired else None
    return Gain(start=told[0], best=told[best], iteration=best, looks=looks, change=change)


def standing(run: Run) -> str:
    """Whether training beats its start, for the colour at the verdict's side."""
    found = gained(run)
    return "beats" if found and found.change and found.change.low > 0 else ""


def verdict(run: Run) -> list[str]:
    """What became of the run, in a few sentences."""
    state = [] if run.finished else [f"The run is not finished: {_times(run.done, 'iteration')} so far. {_ON}"]
    alarmed = f"Alarms went off in {_alarmed(run)} of {run.done} iterations." if _alarmed(run) else "No alarm went off."
    return [*state, _gain(run), _best(run), _cost(run), *([alarmed] if run.done else [])]


_ON = "The same command goes on from there."


def _gain(run: Run) -> str:
    found = gained(run)
    if found is None:
        return "No look at validation questions before training is known, so nothing says what training gained."
    asked = f"On {_times(run.questions, 'validation question')}" if run.questions else "On validation questions"
    start = f"the team's votes were right on {hundredfold(found.start)} % before training"
    if not found.looks:
        return f"{asked} {start}; there was no look since."
    if not found.iteration:
        return f"{asked} {start}, and no look since ({found.looks}) found more: training has gained nothing."
    told = f"{asked} {start} and on {hundredfold(found.best)} % at iteration {found.iteration}"
    if found.change is None:
        return f"{told}."
    chance = "more than chance explains" if found.change.low > 0 else "which chance may explain"
    return f"{told}: {gain(found.change)} points, {chance}."


def _best(run: Run) -> str:
    found = gained(run)
    if not run.adapters:
        return "best/ holds no adapters yet."
    names = ", ".join(run.adapters)
    if not run.looks:
        return f"best/ holds the adapters of {names}, the last ones: there was no look to choose by."
    if found is None:
        return f"best/ holds the adapters of {names}, those of the best look."
    of = f"of iteration {found.iteration}" if found.iteration else "as they began"
    return f"best/ holds the adapters of {names} {of}."


def _cost(run: Run) -> str:
    spent = cost(run)
    tokens = f"{whole(int(spent['generated']))} generated and {whole(int(spent['scored']))} scored tokens"
    return f"It took {tokens} and {duration(spent['seconds'])}."


def cost(run: Run) -> dict[str, float]:
    """Tokens and seconds of all iterations together."""
    return {key: float(np.nansum(run.team("cost", key))) for key in ("generated", "scored", "seconds")}


def duration(seconds: float) -> str:
    """A time: "8 s", "3 min 12 s", "2 h 5 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, more = divmod(minutes, 60)
    return f"{hours} h {more} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _times(count: int | None, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _alarmed(run: Run) -> int:
    """Iterations in which an alarm went off."""
    return sum(bool(line.get("alarms")) for line in run.lines)


def alarms(run: Run) -> list[str]:
    """A sentence for every executor and alarm that went off, with what to do.

    Where a damaged folder no longer tells the limits, it is what the log itself says of the last time.
    """
    old, ref = (number(run.settings, f"{key}_limit") for key in ("kl_old", "kl_ref"))
    rate = number(run.settings, "lr")
    lower = "Lower --lr" + ("" if math.isnan(rate) else f", now {rate:g}")
    told = []
    for name, far, off in zip(run.executors, run.each("kl_old"), run.each("kl_ref"), strict=True):
        if hot := int((far > old).sum()):
            over = f"KL from the policy that played passed {old:g} in {_times(hot, 'iteration')}"
            told.append(f"{name}: {over} (largest {np.nanmax(far):.3f}). {lower}, or --epochs.")
        if hot := int((off > ref).sum()):
            over = f"KL from the reference passed {ref:g} in {_times(hot, 'iteration')}"
            end = " The last update too: more iterations at this rate will hardly change it." if off[-1] > ref else ""
            told.append(f"{name}: {over} (largest {np.nanmax(off):.3f}); those updates were taken back. {lower}.{end}")
    logged = [line["alarms"] for line in run.lines if line.get("alarms")]
    return told or [plain(str(alarm)) for alarm in (logged[-1] if logged else ())]


def team_rows(line: Told) -> list[Line]:
    """What an iteration tells of the team."""
    look = line.get("look")
    rows = [(what, [_cell(number(line, *path), kind)], read) for what, path, kind, read in _TEAM]
    rows.insert(5, ("margin μ̂", [_margin(line)], "along the update only; it refutes, and never certifies"))
    if look:
        rows.insert(2, ("validation votes right", [_cell(number(look, "team"), "%")], "as the team will play"))
    return rows


def executor_rows(line: Told) -> list[Line]:
    """What an iteration tells of each executor."""
    held = line["executors"]
    rows = [(what, [_cell(number(each, key), kind) for each in held], read) for what, key, kind, read in _EXECUTOR]
    rows.insert(5, ("update", [_fate(each) for each in held], "stopped early by KL̂_old; taken back by KL̂_ref"))
    return rows


def _margin(line: Told) -> str:
    margin = line.get("margin")
    if not isinstance(margin, dict):
        return "–"
    value, low, high = (_cell(number(margin, key), "nats") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}], {margin.get('verdict', '–')}"


def _fate(each: object) -> str:
    told = each if isinstance(each, dict) else {}
    return "taken back" if told.get("rejected") else "stopped early" if told.get("stopped") else "whole"


def _cell(value: float, kind: str) -> str:
    if math.isnan(value):
        return "–"
    if kind == "%":
        return f"{hundredfold(value)} %"
    return f"{value:{_FORMATS[kind]}}".replace("-", "−")


_FORMATS = {"": ".3g", "count": ",.0f", "mean": ".1f", "nats": ".4f"}


_TEAM: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("reward", ("reward",), "", "mean of r over rollouts and executors"),
    ("votes right", ("team",), "%", "on the iteration's own questions, sampled at temperature 1"),
    ("rollouts", ("rollouts",), "count", "joint ones"),
    ("group spread", ("group_spread",), "", "standard deviation of the return within a question; 0 teaches nothing"),
    ("regret (ABR)", ("regret",), "", "what an executor's best answer of the group would have gained"),
    ("critic loss", ("critic_loss",), "", "of critics and mixer"),
    ("tokens generated", ("cost", "generated"), "count", "drawn in rollouts"),
    ("tokens scored", ("cost", "scored"), "count", "forward and backward, prompts included"),
    ("seconds", ("cost", "seconds"), "mean", "of the whole iteration"),
    ("rollout tokens a second", ("cost", "rollout_rate"), "count", "generated"),
    ("training tokens a second", ("cost", "training_rate"), "count", "scored"),
)
_EXECUTOR: tuple[tuple[str, str, str, str], ...] = (
    ("reward", "reward", "", "mean of r"),
    ("answers right", "right", "%", "of its own"),
    ("answers cut off", "truncated", "%", "by --max-tokens"),
    ("tokens of an answer", "length", "mean", "mean"),
    ("optimiser steps", "steps", "count", ""),
    ("KL̂_old", "kl_old", "", "nats a token, from the policy that played"),
    ("KL̂_ref", "kl_ref", "", "nats a token, from the frozen base"),
    ("clip-hit rate", "clip_rate", "%", "tokens whose gradient the clip stopped"),
    ("entropy", "entropy", "", "share of log of the vocabulary"),
    ("temperature", "temperature", "", "mean α of the tokens"),
    ("hot tokens", "hot", "%", "above the lower temperature"),
    ("gradient", "gradient", "", "norm of the first one"),
    ("gradient spread", "gradient_spread", "", "over the parts of the first step"),
    ("mirror fidelity", "fidelity", "", "cosine of the update to the logit response, −1 to 1"),
    ("field error: clip", "clip", "", "share of ρA that the clip stopped"),
    ("field error: sampling", "sampling", "", "standard error of the gradient against its norm"),
    (
        "field error: representation",
        "representation",
        "",
        "target − Q against the target; 1 for a critic that knows nothing",
    ),
    ("field error: optimisation", "optimisation", "", "the last gradient against the first"),
    ("proof", "proof", "", "log-probabilities as played against as trained, nats"),
)

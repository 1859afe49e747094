"""A training run as one HTML page that needs nothing else: what it bought and cost, and whether anything alarms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import equipoise
from equipoise.reports.formats import gain, hundredfold, whole
from equipoise.reports.rendering import render
from equipoise.reports.training_numbers import (
    alarms,
    cost,
    duration,
    executor_rows,
    gained,
    standing,
    team_rows,
    verdict,
)
from equipoise.reports.training_picture import charts
from equipoise.reports.training_run import Run


def page(run: Run) -> str:
    """The page of a run, finished or not."""
    last = run.lines[-1] if run.lines else None
    found = gained(run)
    return render(
        "training.html",
        name=run.name,
        verdict=" ".join(verdict(run)),
        standing=standing(run),
        notices=[*alarms(run), *run.notices],
        cards=_cards(run),
        flattering=found.looks if found and found.change else 0,
        questions=run.questions,
        groups=charts(run),
        number=int(run.iterations[-1]) if last else 0,
        tables=[
            (("the team",), team_rows(last) if last else []),
            (run.executors, executor_rows(last) if last else []),
        ],
        facts=_facts(run),
        settings={name: _written(value) for name, value in run.settings.items()},
    )


def summary(run: Run) -> list[str]:
    """The same in a few lines for a terminal."""
    return [*verdict(run), *alarms(run), *run.notices]


def told(run: Run) -> dict[str, Any]:
    """The same for machines."""
    found = gained(run)
    change = found.change if found else None
    return {
        "verdict": verdict(run),
        "finished": run.finished,
        "iterations": run.done,
        "validation": {
            "questions": run.questions,
            "looks": list(run.looks.values()),
            "best": found.iteration if found else None,
            "gain": {"mean": change.mean, "low": change.low, "high": change.high} if change else None,
        },
        "cost": cost(run),
        "adapters": list(run.adapters),
        "alarms": alarms(run),
        "notices": list(run.notices),
        "last": run.lines[-1] if run.lines else None,
        "settings": dict(run.settings),
    }


def _cards(run: Run) -> list[tuple[str, str, str]]:
    """Figures to see first: name, number, what it is of."""
    found, spent = gained(run), cost(run)
    cards = []
    if found:
        cards.append(("before training", f"{hundredfold(found.start)} %", "validation votes right"))
        if found.looks:
            cards.append(("best", f"{hundredfold(found.best)} %", f"at iteration {found.iteration}"))
        if found.change:
            low, high = gain(found.change).split(" ", 1)
            cards.append(("difference", low, f"points {high}"))
    if run.done:
        tokens = f"{whole(int(spent['generated']))} generated, {whole(int(spent['scored']))} scored tokens"
        cards.append((f"{run.done} iteration{'' if run.done == 1 else 's'}", duration(spent["seconds"]), tokens))
    return cards


def _facts(run: Run) -> dict[str, str]:
    """What was trained on what, without paths."""
    team = run.about.get("team")
    held = team.get("executors", []) if isinstance(team, Mapping) else []
    models = [f"{each.get('name')} ({_model(each.get('model'))})" for each in held if isinstance(each, Mapping)]
    facts = {
        "task": str(run.about.get("task", "")),
        "executors": ", ".join(models or run.executors),
        "questions": ", ".join(f"{count:,} {split}" for split, count in run.split.items()),
        "plan": "executors see the Coordinator's plan" if run.about.get("plan") else "",
        "made with": f"equipoise {equipoise.__version__}",
    }
    return {what: fact for what, fact in facts.items() if fact}


def _model(name: object) -> str:
    """A model's name; of a folder its last two parts, since a page is passed on."""
    return "/".join(PurePath(str(name)).parts[-2:])


def _written(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

"""One HTML page that needs nothing else: no network, no server. Model text reaches it as data and never as markup."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from equipoise.analysis.comparison import Summary
from equipoise.analysis.intervals import Interval
from equipoise.analysis.paired import Difference
from equipoise.evaluation.results import Play
from equipoise.reports.picture import accuracy_over_cost

MAX_RESPONSE = 4000
"""Characters of a response that the page shows; the logs hold it whole."""

MAX_QUESTIONS = 1500
"""Questions of a task that the explorer holds; the logs hold all."""


def page(
    plays: Sequence[Play],
    summaries: Sequence[Summary],
    verdicts: Mapping[str, str],
    settings: Mapping[str, Any],
    environment: Mapping[str, str],
) -> str:
    """The page, with a verdict, a table and a picture for each task, and who said what on each question."""
    template = Environment(
        loader=PackageLoader("equipoise.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template.filters.update(label=label, percent=percent, points=points, count=count, usd=usd)
    tasks = [
        {
            "name": task,
            "verdict": verdicts[task],
            "summaries": mine,
            "priced": any(summary.cost_usd for summary in mine),
            "picture": accuracy_over_cost(mine),
            "families": list(dict.fromkeys(name for summary in mine for name in summary.families)),
        }
        for task in verdicts
        for mine in [[summary for summary in summaries if summary.task == task]]
    ]
    return template.get_template("report.html").render(
        tasks=tasks, data=embedded_json(explorer(plays)), settings=settings, environment=environment
    )


def explorer(plays: Sequence[Play]) -> dict[str, Any]:
    """What the explorer shows: questions by task, each with its plays; equal texts are stored once.

    In the result, `texts` holds every response, and a turn names its own by index.
    """
    texts: dict[str, int] = {}
    tasks: dict[str, dict[str, dict[str, Any]]] = {}
    for play in plays:
        questions = tasks.setdefault(play.row.task, {})
        if play.row.question not in questions:
            if len(questions) >= MAX_QUESTIONS:
                continue
            questions[play.row.question] = _question(play)
        questions[play.row.question]["plays"].append(_play(play, texts))
    return {
        "tasks": [{"name": name, "questions": list(questions.values())} for name, questions in tasks.items()],
        "texts": list(texts),
    }


def _question(play: Play) -> dict[str, Any]:
    return {"id": play.row.question, "text": play.text, "gold": play.gold, "family": play.row.family, "plays": []}


def _play(play: Play, texts: dict[str, int]) -> dict[str, Any]:
    row = play.row
    return {
        "method": row.method,
        "seed": row.seed,
        "outcome": row.outcome,
        "answer": play.answer,
        "stop": row.stop,
        "cause": row.cause,
        "tokens": [row.input_tokens, row.output_tokens],
        "turns": [
            {
                "agent": turn["agent"],
                "act": turn["act"],
                "strategy": turn["strategy"],
                "round": turn["round"],
                "key": turn["key"],
                "cut": turn["truncated"],
                "tokens": [turn["input_tokens"], turn["output_tokens"]],
                "text": texts.setdefault(_shown(turn["response"]), len(texts)),
            }
            for turn in play.turns
        ],
    }


def _shown(text: str) -> str:
    return text if len(text) <= MAX_RESPONSE else f"{text[:MAX_RESPONSE]}… (the log holds the rest)"


def embedded_json(data: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element or a line of script."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def label(method: str) -> str:
    """A method's name for readers: "single(abacus)" for "single(executor='abacus')"."""
    return method.replace("executor=", "").replace("'", "").replace(",", ", ")


def percent(value: Interval | None) -> str:
    """Accuracy in % with half its interval: "61.5 ± 4.2"."""
    return "–" if value is None else f"{100 * value.mean:.1f} ± {100 * value.half_width:.1f}"


def points(value: Difference | None) -> str:
    """A difference in percentage points with its interval: "+2.0 [+1.3, +2.8]"."""
    if value is None:
        return "–"
    at = value.interval
    return f"{100 * at.mean:+.1f} [{100 * at.low:+.1f}, {100 * at.high:+.1f}]"


def count(value: float) -> str:
    """A mean count: one decimal below 100, none above."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def usd(value: float) -> str:
    """A cost; a dash for nothing."""
    return "–" if value == 0 else f"{value:.5f}" if value < 0.01 else f"{value:.3f}"

"""From an evaluation's logs to `summary.json`, `report.html` and a picture per task, after the models are gone too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from equipoise.analysis.comparison import Summary, summaries, tasks_of
from equipoise.analysis.verdict import verdict
from equipoise.errors import InputError
from equipoise.evaluation.results import Results, read
from equipoise.evaluation.settings import CONFIG
from equipoise.reports.page import page
from equipoise.reports.picture import accuracy_over_cost, standalone

SUMMARY, PAGE = "summary.json", "report.html"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an evaluation showed.

    Attributes:
        verdicts: one sentence per task.
        settings: what was run; empty for logs that `equipoise eval` did not write.
    """

    results: Results
    summaries: Sequence[Summary]
    verdicts: dict[str, str]
    settings: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The report without its plays, for machines."""
        return {
            "verdicts": self.verdicts,
            "methods": [asdict(summary) for summary in self.summaries],
            "settings": self.settings,
            "environment": self.results.environment,
        }


def report_of(out: Path) -> Report:
    """The report on a folder of logs.

    Raises:
        InputError: the folder holds no readable log.
    """
    results = read(out)
    rows = results.rows
    return Report(
        results=results,
        summaries=summaries(rows),
        verdicts={task: verdict(rows, task) for task in tasks_of(rows)},
        settings=_settings(out / CONFIG),
    )


def publish(out: Path) -> Report:
    """The report on a folder of logs, which holds `summary.json`, `report.html` and pictures afterwards."""
    report = report_of(out)
    files = {
        SUMMARY: json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n",
        PAGE: page(
            report.results.plays, report.summaries, report.verdicts, report.settings, report.results.environment
        ),
    }
    for task in report.verdicts:
        if svg := accuracy_over_cost([summary for summary in report.summaries if summary.task == task]):
            files[f"{task.replace('/', '-')}.svg"] = standalone(svg)
    try:
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report into '{out}': {error}.") from None
    return report


def _settings(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read '{file}': {error}. Remove it to report without settings.") from None

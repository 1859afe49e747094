"""`equipoise report`: the report again, from logs alone: an evaluation's, or a training run's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EPILOG = """Examples:

equipoise report runs/quickstart

equipoise report runs/mirror

A run of `train mirror` may be looked at while it goes on.
"""
PAGE = "report.html"


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("report", epilog=EPILOG)(report)


def report(
    folder: Annotated[
        Path, typer.Argument(help="A folder that `equipoise eval`, `quickstart` or `train mirror` has written.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Rebuild report.html from a folder's logs; of an evaluation summary.json and the pictures too."""
    from equipoise.reports.training_run import holds_run

    if holds_run(folder):
        _training(folder, as_json=as_json)
        return
    from equipoise.cli.running import tell
    from equipoise.reports.publish import publish

    tell(publish(folder), folder, as_json=as_json)


def _training(folder: Path, *, as_json: bool) -> None:
    from equipoise.cli.output import write
    from equipoise.reports.training_page import page, summary, told
    from equipoise.reports.training_run import read

    run = read(folder)
    write(folder / PAGE, page(run))
    if as_json:
        print(json.dumps(told(run), indent=2))
        return
    for line in summary(run):
        typer.echo(line)
    typer.echo(f"Report: {folder / PAGE}")

"""`equipoise report`: the report again, from logs alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EPILOG = """Example: equipoise report runs/quickstart"""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("report", epilog=EPILOG)(report)


def report(
    folder: Annotated[Path, typer.Argument(help="A folder that `equipoise eval` or `quickstart` has written.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Rebuild report.html, summary.json and the pictures from a folder's logs."""
    from equipoise.cli.running import tell
    from equipoise.reports.publish import publish

    tell(publish(folder), folder, as_json=as_json)

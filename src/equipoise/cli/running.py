"""What `eval` and `quickstart` share: progress while a grid runs, and the report after it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from equipoise.cli.main import complain
from equipoise.evaluation.grid import Finished, evaluate, raise_if_nothing_answered
from equipoise.evaluation.settings import LOGS, Connection, Grid
from equipoise.reports.publish import PAGE, Report, publish
from equipoise.reports.terminal import show

STEPS = 20
"""Lines of progress where there is no terminal."""


def run(grid: Grid, out: Path, connection: Connection, *, as_json: bool) -> None:
    """Runs a grid, writes its report and prints it: a table, or JSON alone on stdout.

    Raises:
        ModelCallError: every question failed.
        typer.Exit: with 1 if some questions failed or a model never said anything, with 130 if stopped.
    """
    try:
        with redirect_stdout(sys.stderr), _Progress() as progress:
            finished = evaluate(grid, out, connection=connection, begin=progress.begin)
    except KeyboardInterrupt:
        complain(f"stopped. What was finished is in '{out / LOGS}'; the same command goes on from there.")
        raise typer.Exit(130) from None
    raise_if_nothing_answered(finished)
    report = publish(out)
    tell(report, out, as_json=as_json)
    _tell_failures(finished, report.results.silent)


def tell(report: Report, out: Path, *, as_json: bool) -> None:
    """Prints a report: JSON alone, or a table and where the files lie."""
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
        return
    console = Console()
    show(report, console)
    console.print(f"Report: {out / PAGE}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Logs:   inspect view --log-dir {out / LOGS}", markup=False, highlight=False, soft_wrap=True)


def _tell_failures(finished: Finished, silent: Mapping[str, int]) -> None:
    for agent, count in silent.items():
        complain(f"{agent} returned nothing, in {count} of {count} calls. Check its endpoint and its token limit.")
    for cause, count in finished.causes[:5]:
        complain(f"{count} of {finished.total} questions failed: {cause}")
    if finished.causes:
        complain("the same command asks the failed questions again.")
    if finished.causes or silent:
        raise typer.Exit(1)


class _Progress:
    """A bar on a terminal, and a line now and then elsewhere; both on stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._total = self._done = self._failed = 0

    def __enter__(self) -> _Progress:
        self._bar.start()
        self._task = self._bar.add_task("loading models", total=None)
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def begin(self, total: int) -> _Progress:
        """Sets the number of questions; the bar itself hears of each one's end."""
        self._total = total
        self._bar.update(self._task, total=total, description="questions")
        return self

    def __call__(self, answered: bool) -> None:
        self._done += 1
        self._failed += not answered
        told = "questions" + (f", {self._failed} failed" if self._failed else "")
        self._bar.update(self._task, completed=self._done, description=told)
        if self._bar.disable and self._done * STEPS // self._total > (self._done - 1) * STEPS // self._total:
            typer.echo(f"{self._done} of {self._total} {told}", err=True)

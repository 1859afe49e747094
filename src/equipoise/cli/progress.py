"""Progress on stderr: a bar on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

from typing import Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

STEPS = 20
"""Lines of progress where there is no terminal."""


class Bar:
    """Counts what is done, of a total that `begin` says. A context manager.

    Args:
        unit: what is counted, in the plural.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._total = self._done = self._failed = 0

    def __enter__(self) -> Self:
        self._bar.start()
        self._task = self._bar.add_task("loading models", total=None)
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def begin(self, total: int, done: int = 0) -> Self:
        """Sets the total and what is done already; the bar itself hears of each end."""
        self._total, self._done = total, done
        self._bar.update(self._task, total=total, completed=done, description=self._unit)
        if self._bar.disable and done:
            typer.echo(f"{done} of {total} {self._unit} are there already", err=True)
        return self

    def reached(self, done: int, total: int, note: str = "") -> None:
        """Counts the `done`-th of a run that may have been begun before: the first one heard of need not be the first.

        Args:
            done: how many there are now, this one included.
            total: how many there will be.
            note: what is worth knowing by now.
        """
        if not self._total:
            self.begin(total, done - 1)
        self(True, note)

    def __call__(self, answered: bool, note: str = "") -> None:
        """Counts one, which was answered rather than failed; the note says what else is worth knowing by now."""
        self._done += 1
        self._failed += not answered
        told = ", ".join([self._unit, *([f"{self._failed} failed"] if self._failed else []), *([note] if note else [])])
        self._bar.update(self._task, completed=self._done, description=told)
        if self._bar.disable and self._done * STEPS // self._total > (self._done - 1) * STEPS // self._total:
            typer.echo(f"{self._done} of {self._total} {told}", err=True)

"""A recording made from the terminal: progress with what was spent so far, and a summary by column."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from equipoise.analysis.intervals import Interval
from equipoise.cli.main import complain
from equipoise.cli.progress import Bar
from equipoise.cli.running import tell_failures
from equipoise.evaluation.recorded import Recorded, Tally, raise_if_nothing_answered
from equipoise.evaluation.recorder import Begin, Progress, record
from equipoise.evaluation.recording_plan import Plan
from equipoise.evaluation.settings import Connection


def run(plan: Plan, out: Path, connection: Connection, *, as_json: bool) -> None:
    """Makes a recording and prints its summary: a table, or JSON alone on stdout.

    Raises:
        ModelCallError: every call failed.
        typer.Exit: with 1 if some calls failed or an executor never said anything, with 130 if stopped.
    """
    done = called(plan, out, connection)
    if as_json:
        print(json.dumps(done.as_json(), indent=2, ensure_ascii=False))
    else:
        _show(done, Console())
    for cause, count in done.ungraded:
        complain(f"{count} responses are kept without a grade: {cause}")
    tell_failures("calls", done.causes, of=done.answered + done.failed, silent=done.silent)


def called(plan: Plan, out: Path, connection: Connection) -> Recorded:
    """The account of a recording, after the calls that were still to make; progress is on stderr.

    Raises:
        ModelCallError: every call failed.
        typer.Exit: with 130 if stopped.
    """
    try:
        with redirect_stdout(sys.stderr), Bar("calls") as bar:
            done = record(plan, out, connection=connection, begin=_beginning(bar), tell=_say)
    except KeyboardInterrupt:
        complain(f"stopped. What had come back is in '{out}'; the same command goes on from there.")
        raise typer.Exit(130) from None
    raise_if_nothing_answered(done)
    return done


def _say(message: str) -> None:
    typer.echo(message, err=True)


def _beginning(bar: Bar) -> Begin:
    def begin(total: int, done: int) -> Progress:
        bar.begin(total, done)
        return step

    def step(answered: bool, tally: Tally) -> None:
        bar(answered, _spent(tally.input_tokens, tally.output_tokens, tally.cost_usd))

    return begin


def _spent(input_tokens: int, output_tokens: int, cost_usd: float) -> str:
    cost = f", {cost_usd:.4f} USD" if cost_usd else ""
    return f"{input_tokens:,} tokens in, {output_tokens:,} out{cost}"


def _show(done: Recorded, console: Console) -> None:
    priced = any(column.cost_usd for column in done.columns)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("column", overflow="fold")
    for name in ("n", "accuracy % [95 %]", "no ans.", "tokens in", "out", *(["USD"] if priced else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for column in done.columns:
        cost = [f"{column.cost_usd:.4f}"] if priced else []
        tokens = (f"{column.input_tokens:,.1f}", f"{column.output_tokens:,.1f}")
        cells = (str(column.responses), _percent(column.accuracy), str(column.no_answer), *tokens, *cost)
        table.add_row(Text(column.column), *cells)
    console.print(table)
    spent = _spent(done.input_tokens, done.output_tokens, done.cost_usd)
    told = f"{done.held} of {done.wanted} calls recorded; this time {done.answered} answered, {done.failed} failed"
    console.print(f"{told}, {spent}.", markup=False, highlight=False, soft_wrap=True)


def _percent(value: Interval | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value.mean:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"

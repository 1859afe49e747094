"""`equipoise frontier`: what each way of coordinating would have bought, from a recording alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equipoise.cli.threads import one_thread
from equipoise.errors import InputError

if TYPE_CHECKING:
    from equipoise.cli.progress import Bar
    from equipoise.frontier.outcomes import Frontier

EPILOG = """Examples:

equipoise frontier team.jsonl.gz

equipoise frontier team.jsonl.gz --columns "mini|step_by_step,local|direct" --html frontier.html

equipoise frontier runs/gsm8k/logs/vote.eval --methods "single,cascade,cascade(price=2e-5)" --all

equipoise frontier team.jsonl.gz --price prices.toml --json - > frontier.json

Make a recording first: equipoise record gsm8k --team team.toml --out team.jsonl.gz
"""

TOKENS, STDOUT = "tokens", "-"


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("frontier", epilog=EPILOG)(frontier)


def frontier(  # noqa: PLR0913, PLR0917  (one parameter per option)
    recording: Annotated[Path, typer.Argument(help="A .jsonl, .jsonl.gz or .eval file.")],
    columns: Annotated[
        str | None, typer.Option("--columns", "-c", help='"agent|strategy,…", the strongest first. [default: all]')
    ] = None,
    methods: Annotated[
        str | None, typer.Option("--methods", "-m", help="Methods, separated by commas. [default: all that choose]")
    ] = None,
    train: Annotated[float, typer.Option(help="Share of the questions to learn from; the others judge.")] = 0.4,
    splits: Annotated[int, typer.Option(min=1, max=1000, help="How often the questions are split.")] = 5,
    price: Annotated[
        str, typer.Option(help="What a call costs: tokens, or a TOML or JSON file of USD per million tokens by agent.")
    ] = TOKENS,
    seed: Annotated[int, typer.Option(help="Of the split.")] = 0,
    every_point: Annotated[bool, typer.Option("--all", help="Show every price, not only each method's own.")] = False,
    permute_labels: Annotated[
        bool,
        typer.Option("--permute-labels", help="Learn from permuted labels: then nothing may beat the vote."),
    ] = False,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write JSON; - prints it alone.")] = None,
    html_out: Annotated[Path | None, typer.Option("--html", help="Write one self-contained page.")] = None,
) -> None:
    """Judge methods on recorded answers, calling no model: accuracy over tokens, on questions not learned from.

    Always beside the plain vote of all columns and the best single one.
    """
    if not 0 < train < 1:
        raise InputError(f"--train must lie between 0 and 1, and is {train:g}. The default is 0.4.")
    files = [file for file in (json_out, html_out) if file is not None and str(file) != STDOUT]
    _check_folders(files)
    one_thread()
    from equipoise.cli.main import complain
    from equipoise.cli.progress import Bar
    from equipoise.cli.reading import split_columns, split_methods
    from equipoise.frontier.contenders import contenders
    from equipoise.frontier.judging import Terms, judge
    from equipoise.frontier.pool import pool_of
    from equipoise.frontier.prices import read_prices

    try:
        chosen = contenders(split_methods(methods) if methods is not None else None)
        prices = None if price == TOKENS else read_prices(Path(price))
        pool = pool_of(recording, split_columns(columns), prices)
        terms = Terms(train=train, splits=splits, seed=seed, permute=permute_labels)
        with Bar("plays") as bar:
            found = judge(pool, chosen, terms, lambda done, total, method: _count(bar, done, total, method))
        _tell(found, json_out, html_out, every_point=every_point)
    except KeyboardInterrupt:
        complain("stopped; nothing was written.")
        raise typer.Exit(130) from None


def _count(bar: Bar, done: int, total: int, method: str) -> None:
    if done == 0:
        bar.begin(total)
    else:
        bar(True, f"now {method}")


def _tell(found: Frontier, json_out: Path | None, html_out: Path | None, *, every_point: bool) -> None:
    """Writes what was asked for and prints a table, or JSON alone."""
    import json

    from rich.console import Console

    from equipoise.cli.output import write
    from equipoise.reports.frontier_table import show

    text = json.dumps(found.as_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if html_out is not None:
        from equipoise.reports.frontier_page import page

        write(html_out, page(found))
    if json_out is not None and str(json_out) != STDOUT:
        write(json_out, text)
    if str(json_out) == STDOUT:
        print(text, end="")
        return
    console = Console()
    show(found, console, every_point=every_point)
    for what, file in (("JSON", json_out), ("Page", html_out)):
        if file is not None:
            console.print(f"{what}: {file}", markup=False, highlight=False, soft_wrap=True)


def _check_folders(files: list[Path]) -> None:
    """Raises an InputError if a file cannot be written where it should go: before the work rather than after."""
    for file in files:
        if file.is_dir() or not file.parent.is_dir():
            raise InputError(f"cannot write '{file}': its folder does not exist, or it is one. Name a file elsewhere.")

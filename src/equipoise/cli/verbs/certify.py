"""`equipoise certify`: whether a game has one quantal response equilibrium only, proved without solving it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from equipoise.cli.game_files import AsJson, Continuation, EntryName, GameSource, Temperatures, read_game
from equipoise.cli.threads import one_thread

if TYPE_CHECKING:
    from equipoise.games import Certification

EPILOG = """Examples:

equipoise certify library:pure_coordination --temperature 0.6

equipoise certify library:matching_pennies --temperature 0.3,1.7 --json

equipoise certify game.json

equipoise certify games.json --entry two_state_markov_plain

A game is a .json, .nfg or .npz file, library:NAME or openspiel:NAME; see equipoise solve --help.

What the certificates compare:

small_gain: how strongly actions interact, against every agent's own temperature. It also proves that damped updates
converge, and how fast.

symmetrised: the same for weighted sums of the agents' payoffs: opposed interests cancel, as in zero-sum games.

markov: small gain for games that go on, with a price on moving the future.

paper_margin: the coldest agent's temperature less the coupling of the whole game, as in the DICE paper.

Any one suffices. None is necessary: where none holds there may still be one equilibrium only; search for others with
equipoise solve FILE --all.

"times" is what all temperatures must be multiplied by, and a little more, for a certificate to hold.
"""

LONGEST = 120
"""Most characters of the least temperatures in the table."""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("certify", epilog=EPILOG)(certify)


def certify(
    file: GameSource,
    temperature: Temperatures = None,
    continuation: Continuation = None,
    entry: EntryName = None,
    as_json: AsJson = False,
) -> None:
    """Prove, where it can be proved, that a game has one quantal response equilibrium only; say what would prove it.

    Nothing is solved. Hot enough, every one-shot game has one equilibrium; a certificate says how hot is enough.
    """
    one_thread()
    from equipoise import games

    read = read_game(file, entry=entry, temperature=temperature, continuation=continuation)
    found = games.certify(read.game, read.temperatures, continuation=read.continuation)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, allow_nan=False))
    else:
        _show(found)


def _show(found: Certification) -> None:
    """Prints the verdict, a line per certificate, and what keeps some from speaking or being exact."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(found.sentence, style="bold"))
    console.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, numeric in (
        ("certificate", False),
        ("holds", False),
        ("bound", True),
        ("limit", True),
        ("times", True),
    ):
        table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
    table.add_column("least temperatures", overflow="fold")
    speaking = [certificate for certificate in found.certificates if certificate.bound is not None]
    for certificate in speaking:
        told = certificate.as_json()
        least = _rounded(told["least_temperatures"])
        least = least if len(least) <= LONGEST else "see --json"
        holds = "yes" if certificate.holds else "no"
        numbers = [_rounded(told[key]) for key in ("bound", "limit", "factor")]
        table.add_row(certificate.name, holds, *numbers, Text(least))
    console.print(table)
    console.print()
    for certificate in found.certificates:
        text = certificate.proves if certificate.holds else ""
        if certificate.bound is None:
            text = f"does not apply: {certificate.reason}"
        elif certificate.reason:
            text = f"{text} Not exact: {certificate.reason}".strip()
        if text:
            console.print(Text.assemble((certificate.name, "bold"), f": {text}"))


def _rounded(number: object) -> str:
    """Numbers, and lists of them, with six digits."""
    if isinstance(number, list):
        return f"[{', '.join(_rounded(item) for item in number)}]"
    return "none" if number is None else f"{number:.6g}"

"""Certificates of uniqueness in the terminal: the verdict, a line each, and what keeps some from speaking."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from equipoise.games import Certification

LONGEST = 120
"""Most characters of the least temperatures in the table."""


def show(found: Certification) -> None:
    """Prints the verdict, a line per certificate, and what keeps some from speaking or being exact."""
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

"""Lists of plug-ins for the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text


def first_sentence(docstring: str | None) -> str:
    """The first sentence of a docstring, without its full stop."""
    return " ".join((docstring or "").split("\n\n")[0].split()).split(". ")[0].removesuffix(".")


def show(items: list[tuple[str, str, str]]) -> None:
    """Prints names, what they are, and their parameters."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "what it is", "parameters"):
        table.add_column(column, no_wrap=column == "name", overflow="fold")
    for name, about, parameters in items:
        table.add_row(Text(name, style="bold"), Text(about), Text(parameters, style="dim"))
    Console().print(table)

"""Training that goes on from its folder: a bar while it runs, and a word when it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from equipoise.cli.progress import Bar


@contextmanager
def resumable(out: Path, unit: str) -> Iterator[Bar]:
    """A block with a bar; Ctrl-C in it says that nothing is lost, and exits with 130.

    Args:
        out: the run's folder.
        unit: what the bar counts, in the plural.
    """
    from equipoise.cli.main import complain

    try:
        with Bar(unit) as bar:
            yield bar
    except KeyboardInterrupt:
        complain(f"stopped. The same command goes on from what is in '{out}'.")
        raise typer.Exit(130) from None

"""`equipoise export`: the adapters of a training folder in PEFT's format, and how a team plays them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from equipoise.errors import InputError, MissingExtra, WriteError

EPILOG = """Examples:

equipoise export runs/mirror --out adapters

equipoise export runs/mirror --out adapters --json

Each adapter gets a folder with adapter_config.json, adapter_model.safetensors and a card, README.md, that names base,
task and numbers. A team plays it with adapter = "adapters/NAME" under its [[executor]], anything that reads PEFT's
format with the base that the card names. No base model is loaded, and nothing is trained.
"""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("export", epilog=EPILOG)(export)


def export(
    run: Annotated[Path, typer.Argument(help="A folder that equipoise train mirror wrote.")],
    out: Annotated[Path, typer.Option(help="Folder for the adapters, one folder each.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the adapters of a training run in PEFT's format, with a card each, for a team to play."""
    from equipoise.cli.output import make_folder

    try:
        from equipoise.learning.mirror.exporting import export_run
    except ImportError:
        raise MissingExtra("adapters", "local") from None
    if not run.is_dir():
        raise InputError(f"no folder '{run}'. Name one that was written by: equipoise train mirror")
    make_folder(out)
    try:
        done = export_run(run, out)
    except OSError as error:
        raise WriteError(f"cannot write into '{out}': {error.strerror or error}. Name another folder.") from None
    if as_json:
        told = [{"name": one.name, "base": one.base, "adapter": str(one.folder)} for one in done]
        print(json.dumps({"adapters": told}, indent=2, ensure_ascii=False))
        return
    typer.echo("Add one line to each executor in the team file (paths start at that file):")
    for one in done:
        typer.echo(f"  {one.name} ({one.base}): adapter = {json.dumps(str(one.folder), ensure_ascii=False)}")

"""`equipoise methods`: the ways to coordinate."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

EPILOG = """Parameters go in parentheses: equipoise eval gsm8k --team team.toml --methods "debate(rounds=3)" """


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("methods", epilog=EPILOG)(methods)


def methods(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the methods, with their parameters."""
    from dataclasses import MISSING, fields

    from equipoise.cli.listing import first_sentence, show
    from equipoise.methods.method import available, method_type

    found = []
    for name in available():
        cls = method_type(name)
        defaults = {f.name: None if f.default is MISSING else f.default for f in fields(cls)}
        about = first_sentence(sys.modules[cls.__module__].__doc__)
        found.append({"name": name, "about": about, "parameters": defaults, "reference": cls.reference})
    if as_json:
        print(json.dumps(found, indent=2))
        return
    show([(f["name"], f["about"], ", ".join(f"{k}={v!r}" for k, v in f["parameters"].items())) for f in found])

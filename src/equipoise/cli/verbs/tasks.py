"""`equipoise tasks`: the benchmarks."""

from __future__ import annotations

import json
from typing import Annotated

import typer

EPILOG = """Arguments are given as --task-arg name=value, and data as --data FILE:
equipoise eval gsm8k --data gsm8k_test.jsonl.gz --team team.toml"""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("tasks", epilog=EPILOG)(tasks)


def tasks(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the tasks, with their arguments."""
    from inspect import Parameter, signature

    from equipoise.cli.listing import first_sentence, show
    from equipoise.tasks.task import available, load

    found = []
    for name in available():
        function = load(name)
        given = {
            p.name: None if p.default is Parameter.empty else p.default for p in signature(function).parameters.values()
        }
        found.append({"name": name, "about": first_sentence(function.__doc__), "parameters": given})
    if as_json:
        print(json.dumps(found, indent=2))
        return
    show([(f["name"], f["about"], ", ".join(f"{k}={v!r}" for k, v in f["parameters"].items())) for f in found])

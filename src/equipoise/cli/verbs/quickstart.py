"""`equipoise quickstart`: the embedded team on held-out puzzles, with every method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

METHODS = (
    "single",
    "single(strategy=direct,executor=abacus)",
    "single(strategy=few_shot,executor=abacus)",
    "self_consistency",
    "best_of_n(selector=verifier)",
    "best_of_n(selector=scorer)",
    "best_of_n(selector=judge)",
    "majority_vote",
    "fixed_control",
    "debate",
    "debate_judge",
    "role_play",
    "mixture_of_agents",
    "tree_of_thoughts",
)

QUESTIONS = 20
"""Of each family; the run then ends within 4 minutes on two cores."""

EPILOG = """Example: equipoise quickstart --out runs/quickstart"""

NEXT = """
Next:
  open {out}/report.html                          the same, with every word that was said
  equipoise methods                               what the methods are
  equipoise team new --out team.toml              a team of your own models
  equipoise eval gsm8k --team team.toml --methods single,debate --limit 50
"""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("quickstart", epilog=EPILOG)(quickstart)


def quickstart(
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("runs/quickstart"),
    questions: Annotated[int, typer.Option(min=1, help="Questions of each family of puzzles.")] = QUESTIONS,
    seed: Annotated[int, typer.Option(help="Other questions and other samples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """See a team of three small models play every method; no key, no GPU, no download."""
    from equipoise import models
    from equipoise.cli.running import run
    from equipoise.evaluation.settings import Connection, Grid, TaskSpec
    from equipoise.methods.method import parse
    from equipoise.team.team import Team

    assert models.__file__ is not None
    grid = Grid(
        tasks=(TaskSpec(name="embedded", args={"n_per_family": questions, "seed": seed}),),
        team=Team.from_toml(Path(models.__file__).parent / "embedded_team.toml"),
        methods=tuple(parse(text) for text in METHODS),
        seed=seed,
    )
    run(grid, out, Connection(timeout_s=None, max_retries=0, max_connections=64), as_json=as_json)
    if not as_json:
        typer.echo(NEXT.format(out=out))

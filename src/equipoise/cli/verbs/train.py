"""`equipoise train`: finds the trainers, one file each in the folder `training`."""

from __future__ import annotations

import typer

from equipoise import plugins
from equipoise.cli import training

HELP = "Learn how a team is asked; the policy is a folder that `equipoise eval` plays."


def add_to(app: typer.Typer) -> None:
    """Adds the verb, with a sub-command per file: `prompt_control.py` is `train prompt-control`."""
    group = typer.Typer(help=HELP, no_args_is_help=True)
    for name in plugins.names(training):
        trainer = plugins.load(training, name, what="trainer")
        group.command(name.replace("_", "-"), epilog=trainer.EPILOG)(getattr(trainer, name))
    app.add_typer(group, name="train")

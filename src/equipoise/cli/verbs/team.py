"""`equipoise team`: show a team file, or write one to begin with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from equipoise.errors import InputError

EPILOG = """Examples:

equipoise team new --out team.toml

equipoise team new --out recorded.toml --recording gsm8k.jsonl.gz --columns "gpt-4|cot,claude-3|cot"

equipoise team show team.toml
"""


def add_to(app: typer.Typer) -> None:
    """Adds the verb with its two parts."""
    part = typer.Typer(help="Show a team file, or write one.", no_args_is_help=True, epilog=EPILOG)
    part.command("show")(show)
    part.command("new")(new)
    app.add_typer(part, name="team")


def show(
    file: Annotated[Path, typer.Argument(help="The team's TOML file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read a team file and print what it means, defaults included."""
    from equipoise.cli.listing import show as show_list
    from equipoise.team.team import Team

    team = Team.from_toml(file)
    if as_json:
        print(json.dumps(team.model_dump(mode="json"), indent=2))
        return
    agents = [(a.name, a.model, f"in {a.price.input} out {a.price.output} USD per million tokens") for a in team.agents]
    strategies = ", ".join(str(control) for control in team.controls) + (", abstain" if team.controls.abstain else "")
    rules = [("aggregation", team.aggregation, ""), ("controls", strategies, "")]
    budget = str(team.max_tokens_per_question or "unlimited")
    caps = [("tokens", f"{team.message_cap} per plan, {team.max_tokens} per response, {budget} per question", "")]
    show_list([("team", team.name, ""), *agents, *rules, *caps])


def new(
    out: Annotated[Path, typer.Option(help="The file to write; it must not exist yet.")],
    recording: Annotated[Path | None, typer.Option(help="Recorded outputs, as .jsonl or .jsonl.gz.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Recorded columns as 'agent|strategy', separated by commas.")
    ] = None,
) -> None:
    """Write a team file: one to fill in, or one that replays recorded models."""
    from equipoise.cli.writing import blank_team, recorded_team

    if out.exists():
        raise InputError(f"'{out}' exists already. Give another file with --out, or remove it.")
    if (recording is None) != (columns is None):
        raise InputError("--recording and --columns belong together: which file, and which 'agent|strategy' of it.")
    if recording is None or columns is None:
        text = blank_team(out.stem)
    else:
        chosen = [column.strip() for column in columns.split(",")]
        text = recorded_team(out.stem, recording, chosen, folder=out.parent)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write '{out}': {error}. Give another file with --out.") from None
    typer.echo(f"Wrote {out}. Next: equipoise team show {out}")

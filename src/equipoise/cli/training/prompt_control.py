"""`equipoise train prompt-control`: whom to ask under which control, when to stop, and whether the team settled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from equipoise.cli.reading import split_columns, task_args
from equipoise.cli.threads import one_thread
from equipoise.errors import InputError

if TYPE_CHECKING:
    from equipoise.cli.progress import Bar
    from equipoise.cli.training._replay import Asked
    from equipoise.learning.prompt_control_settings import Progress, PromptControlSettings
    from equipoise.learning.prompt_control_telling import Update

    Learn = Callable[[Progress], dict[str, Any]]

EPILOG = """Examples:

equipoise train prompt-control gsm8k --team team.toml --limit 200 --out policy

equipoise eval gsm8k --skip 200 --team team.toml --methods "majority_vote,dice_pc(policy=policy)"

equipoise train prompt-control team.jsonl.gz --columns "mini|step_by_step,local|direct" --out policy --json

equipoise train prompt-control team.jsonl.gz --mode bandit --form two_rounds --out policy

equipoise certify policy

A task is asked first: every executor once under each of its controls. That is all that is ever called, and kept in
the folder; the same command again asks only what is missing, after Ctrl-C, a crash or failed calls.
"""

REPORT = "report.html"
LINES = (0, 1, 2, 5, 10, 20)
"""Updates that are told; most happens in the first."""


def prompt_control(  # noqa: PLR0913, PLR0917  (one parameter per option)
    source: Annotated[str, typer.Argument(help="A task, or a recording: a .jsonl, .jsonl.gz or .eval file.")],
    out: Annotated[Path, typer.Option(help="Folder of the policy, its report and the answers it learned from.")],
    team: Annotated[Path | None, typer.Option("--team", "-t", help="The team's TOML file.")] = None,
    columns: Annotated[str | None, typer.Option("--columns", "-c", help='"agent|strategy,…". [default: all]')] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Questions to learn from; all without it.")] = None,
    skip: Annotated[int, typer.Option(min=0, help="Questions to leave out at the start.")] = 0,
    data: Annotated[Path | None, typer.Option(help="A local file of JSON lines for the task.")] = None,
    task_arg: Annotated[list[str] | None, typer.Option(help="name=value for the task; may be repeated.")] = None,
    mode: Annotated[Literal["replay", "bandit"], typer.Option(help="A bandit is for comparison.")] = "replay",
    form: Annotated[
        Literal["one_at_a_time", "two_rounds", "simultaneous"] | None,
        typer.Option(help="How often the team looks at its answers. [default: one_at_a_time; bandit: simultaneous]"),
    ] = None,
    price: Annotated[float | None, typer.Option(help="Accuracy that an output token must be worth.")] = None,
    schedule: Annotated[
        Literal["homogeneous", "entropy", "certified", "unregularised"], typer.Option(help="Of the temperatures.")
    ] = "homogeneous",
    temperature: Annotated[float, typer.Option(help="τ of the executors' game, in units of accuracy.")] = 0.02,
    multiplier: Annotated[float, typer.Option(help="κ, of all temperatures.")] = 1.0,
    damping: Annotated[float, typer.Option(help="Of updates, in (0, 1].")] = 0.3,
    tilt: Annotated[float, typer.Option(help="Logits by which clones prefer different prompts.")] = 0.75,
    states: Annotated[int, typer.Option(min=1, help="Cells of questions by length.")] = 1,
    anchor: Annotated[bool, typer.Option(help="Call somebody where all would abstain.")] = True,
    verify: Annotated[bool, typer.Option(help="Use the task's exact check, where it has one.")] = True,
    informed: Annotated[bool, typer.Option(help="Look at lengths of answers, where that pays.")] = True,
    compare: Annotated[bool, typer.Option(help="Play the best profile found where it earns more.")] = True,
    sampled: Annotated[bool, typer.Option("--sampled", help="Play samples of the equilibrium, not its mode.")] = False,
    fixed: Annotated[bool, typer.Option("--fixed", help="Bandit: keep the first controls, and learn nothing.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Bandit: ask the team in every rollout.")] = False,
    iterations: Annotated[int, typer.Option(min=1, help="Most of the bandit's iterations.")] = 200,
    fewest: Annotated[int, typer.Option(min=1, help="Iterations before a regret below 0.1 ends it.")] = 200,
    seed: Annotated[int, typer.Option(help="Of calls, samples and the bandit.")] = 0,
    max_connections: Annotated[int | None, typer.Option(min=1, help="Calls in flight per executor.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a summary.")] = False,
) -> None:
    """Learn whom to ask under which control, when to stop and whom to believe; and say whether the team settled."""
    one_thread()
    from equipoise.beliefs.control_temperatures import ControlSettings
    from equipoise.beliefs.controlling import ControlRules
    from equipoise.cli.training._replay import Asked
    from equipoise.learning.prompt_control_settings import PromptControlSettings

    game = ControlSettings(
        schedule=schedule,
        temperature=temperature,
        multiplier=multiplier,
        damping=damping,
        tilt=tilt,
        readout="sample" if sampled else "mode",
        compare=compare,
        seed=seed,
    )
    form = form or ("simultaneous" if mode == "bandit" else "one_at_a_time")
    rules = ControlRules(form=form, verify=verify, informed=informed, anchor=anchor, states=states, settings=game)
    settings = PromptControlSettings(
        mode=mode, rules=rules, price=price, iterations=iterations, fewest=fewest, fixed=fixed, seed=seed
    )
    asked = Asked(
        source=source,
        team=team,
        columns=split_columns(columns),
        limit=limit,
        skip=skip,
        data=data,
        task_args=task_args(task_arg or []),
        seed=seed,
        max_connections=max_connections,
    )
    if live and (mode != "bandit" or columns is not None):
        raise InputError("--live belongs to --mode bandit, and plays all columns of the team. Leave out --columns.")
    _train(asked, settings, out, live=live, as_json=as_json)


def _train(asked: Asked, settings: PromptControlSettings, out: Path, *, live: bool, as_json: bool) -> None:
    from equipoise.cli.output import make_folder, write
    from equipoise.cli.training._resuming import resumable
    from equipoise.evaluation.settings import versions
    from equipoise.reports.policy_page import page, summary

    if out.exists() and not out.is_dir():
        raise InputError(f"'{out}' is a file, and a policy is a folder. Name another one with --out.")
    config = {"limit": asked.limit, "skip": asked.skip, "live": live, "versions": versions()}
    learn = (_from_play if live else _from_recording)(asked, settings, out, config)
    make_folder(out)  # before learning rather than after
    with resumable(out, "iterations") as bar:
        told = learn(_told(bar, settings))
    write(out / REPORT, page(told, name=out.name))
    if as_json:
        print(json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in summary(told):
        typer.echo(line)
    typer.echo(f"Report: {out / REPORT}")
    typer.echo(f'Play:   equipoise eval … --methods "dice_pc(policy={out})"')


def _from_recording(asked: Asked, settings: PromptControlSettings, out: Path, config: dict[str, Any]) -> Learn:
    """Learning from recorded answers, after they were recorded."""
    from equipoise.cli.training._replay import replay_of
    from equipoise.learning.prompt_control import train

    replay = replay_of(asked, out)
    return lambda progress: train(replay, settings, out, config=config, progress=progress)


def _from_play(asked: Asked, settings: PromptControlSettings, out: Path, config: dict[str, Any]) -> Learn:
    """Learning from a team that is asked in every rollout."""
    from equipoise.cli.training._replay import team_of
    from equipoise.learning.prompt_control import bandit

    train_live = bandit().train_live
    from equipoise.learning.belief_questions import questions_of

    team = team_of(asked)
    questions = questions_of(asked.source, asked.task.args, skip=asked.skip, limit=asked.limit)
    data = {"task": asked.source, "args": dict(asked.task_args)}
    return lambda progress: train_live(team, questions, settings, out, config=config, data=data, progress=progress)


def _told(bar: Bar, settings: PromptControlSettings) -> Progress:
    """Tells iterations of a bandit with a bar; the updates of replay, which take no time, by some lines."""

    def progress(update: Update, total: int) -> None:
        margin = "unknown" if update.margin is None else f"{update.margin:.4f}"
        told = f"reward {update.reward:.4f}, margin {margin}, ABR {update.abr:.4f}, entropy {update.entropy:.3f}"
        if settings.mode == "replay":
            if update.update in LINES or update.update == total:
                typer.echo(f"update {update.update}: {told}", err=True)
            return
        bar.reached(update.update, total, told)

    return progress

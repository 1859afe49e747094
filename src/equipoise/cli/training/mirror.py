"""`equipoise train mirror`: LoRA adapters for a team's own executors, learned from joint rollouts (DICE-FT)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.reading import task_args
from equipoise.cli.threads import one_thread
from equipoise.errors import InputError, MissingExtra
from equipoise.learning.mirror.settings import BASELINES, MirrorSettings, baseline, from_json, to_json

if TYPE_CHECKING:
    from equipoise.evaluation.settings import Connection
    from equipoise.learning.mirror_finetuning import MirrorConfig

EPILOG = """Examples:

equipoise train mirror embedded --task-arg split=validation --team team.toml --out runs/mirror --lr 1e-3

equipoise train mirror gsm8k --data gsm8k.jsonl.gz --team local.toml --out runs/mirror --device cuda --dtype bfloat16

equipoise train mirror embedded --team team.toml --out runs/grpo --baseline single_agent_grpo

The same command again goes on from where it was stopped. Adapters: OUT/best and OUT/last.
"""


def mirror(  # noqa: PLR0913, PLR0917  (one parameter per option)
    task: Annotated[str, typer.Argument(help="A task; see `equipoise tasks`.")],
    team: Annotated[Path, typer.Option("--team", "-t", help="The team's TOML file; its executors are local models.")],
    out: Annotated[Path, typer.Option(help="Folder of the adapters, the splits and the run's state.")],
    iterations: Annotated[int, typer.Option(min=0, help="Iterations; more of them make a longer run of it.")] = 20,
    prompts: Annotated[int, typer.Option(min=1, help="Questions an iteration.")] = 8,
    group: Annotated[int, typer.Option(min=1, help="Joint rollouts of a question.")] = 8,
    max_tokens: Annotated[int | None, typer.Option(help="Of an answer; the team file's without it.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over an iteration's rollouts.")] = 2,
    minibatches: Annotated[int, typer.Option(min=1, help="Optimiser steps a pass.")] = 1,
    lr: Annotated[float, typer.Option(help="Rate of the adapters; small models take 1e-3.")] = 1e-5,
    seed: Annotated[int, typer.Option(min=0, help="Other weights, rollouts and order of questions.")] = 0,
    baseline: Annotated[str | None, typer.Option(help=f"Under the same budget: {', '.join(BASELINES)}.")] = None,
    partition: Annotated[
        str | None, typer.Option(help="Hot tokens: entropy, uniform, random, gradient_norm or homogeneous.")
    ] = None,
    temperatures: Annotated[str | None, typer.Option(help='The two temperatures, as "0.1,0.01".')] = None,
    eta: Annotated[float, typer.Option(help="Step of the mirror map, in (0, 1]; below 1 adds a KL term.")] = 1.0,
    prox: Annotated[float, typer.Option(help="Weight of the KL term to the policy that played.")] = 0.0,
    device: Annotated[str, typer.Option(help='Such as "cpu" or "cuda".')] = "cpu",
    dtype: Annotated[str, typer.Option(help="Of the frozen bases: float32, bfloat16 or float64.")] = "float32",
    validation: Annotated[int, typer.Option(min=0, help="Questions, held apart, that choose the adapters.")] = 32,
    look_every: Annotated[int, typer.Option(min=1, help="Iterations between looks at them.")] = 5,
    batch_tokens: Annotated[int, typer.Option(min=1, help="Tokens, padding included, in the model at once.")] = 2048,
    accumulate: Annotated[int, typer.Option(min=1, help="Fewest parts of a step; gradients add up.")] = 1,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory for a third more time.")
    ] = False,
    raise_group: Annotated[
        bool, typer.Option("--raise-group", help="Twice as many rollouts where returns differ most.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Executors see the Coordinator's plan.")] = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="name=value for any other setting; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Questions of the task; all without it.")] = None,
    skip: Annotated[int, typer.Option(help="Questions of the task to leave out at the start.")] = 0,
    data: Annotated[Path | None, typer.Option(help="A local file of JSON lines for the task.")] = None,
    task_arg: Annotated[list[str] | None, typer.Option(help="name=value for the task; may be repeated.")] = None,
    max_retries: Annotated[int, typer.Option(min=0, help="Of a plan's call that timed out, or met 429 or 5xx.")] = 5,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that one attempt of such a call may take.")] = 300,
    max_connections: Annotated[int | None, typer.Option(min=1, help="Such calls in flight.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a summary.")] = False,
) -> None:
    """Fine-tune LoRA adapters of a team's local executors on joint rollouts: mirror descent on the team's game."""
    one_thread()
    _need_packages()
    from equipoise.evaluation.settings import Connection
    from equipoise.learning.mirror_finetuning import MirrorConfig
    from equipoise.team.team import Team

    named = MirrorSettings(
        iterations=iterations,
        prompts=prompts,
        group=group,
        max_tokens=max_tokens,
        epochs=epochs,
        minibatches=minibatches,
        lr=lr,
        seed=seed,
        eta=eta,
        prox=prox,
        device=device,
        dtype=dtype,
        validation=validation,
        look_every=look_every,
        batch_tokens=batch_tokens,
        accumulate=accumulate,
        gradient_checkpointing=gradient_checkpointing,
        raise_group=raise_group,
    )
    others = {**task_args(set_ or []), **_heat(temperatures), **({"partition": partition} if partition else {})}
    config = MirrorConfig(
        task=task,
        task_args=task_args(task_arg or []) | ({"data": str(data.resolve())} if data else {}),
        team=Team.from_toml(team),
        skip=skip,
        limit=limit,
        plan=plan,
        settings=_settings(named, others, baseline),
    )
    connection = Connection(max_retries=max_retries, timeout_s=timeout, max_connections=max_connections)
    _train(config, out, connection, as_json=as_json)


def _need_packages() -> None:
    if any(find_spec(name) is None for name in ("torch", "transformers", "peft", "safetensors")):
        raise MissingExtra("adapters", "local")


def _heat(written: str | None) -> dict[str, Any]:
    """The two temperatures as settings.

    Raises:
        InputError: not two numbers.
    """
    if written is None:
        return {}
    try:
        high, low = (float(part) for part in written.split(","))
    except ValueError:
        raise InputError(f"cannot read the temperatures '{written}'. Write high and low: 0.1,0.01") from None
    return {"alpha_high": high, "alpha_low": low}


def _settings(named: MirrorSettings, others: Mapping[str, Any], name: str | None) -> MirrorSettings:
    """All settings; a baseline's own may not be written otherwise.

    Raises:
        UnknownName: no such setting or baseline.
        InputError: a setting that the baseline fixes.
    """
    from_json(others)  # so that an unknown name is an error here, and not one of dataclasses
    asked = replace(named, **others)
    found = baseline(asked, name)
    fixed = [key for key in others if to_json(found)[key] != to_json(asked)[key]]
    if fixed:
        raise InputError(f"the baseline '{name}' fixes {', '.join(fixed)}. Leave the baseline or the setting out.")
    return found


def _train(config: MirrorConfig, out: Path, connection: Connection, *, as_json: bool) -> None:
    from equipoise.cli.output import make_folder
    from equipoise.cli.training._resuming import resumable
    from equipoise.evaluation.grid import ready
    from equipoise.learning.mirror_finetuning import RESULT, train_mirror

    if config.plan and config.team.coordinator:
        ready(config.team.coordinator, connection)
    make_folder(out)  # before models are loaded rather than after
    with resumable(out, "iterations") as bar:
        trained = train_mirror(config, out, bar.reached)
    for remark in trained.remarks:
        typer.echo(remark, err=True)
    if as_json:
        print((out / RESULT).read_text(encoding="utf-8"), end="")
        return
    typer.echo(f"Iterations: {trained.iterations}")
    if trained.looks:
        first, best = trained.looks[0], max(trained.looks, key=lambda look: look["team"])
        typer.echo(
            f"Validation, votes right: {first['team']:.1%} at first, {best['team']:.1%} at best, after iteration "
            f"{best['iteration']}."
        )
    typer.echo(f"Adapters, a folder per executor: {trained.best}")
    typer.echo(f"To play them anywhere: equipoise export {out} --out adapters")

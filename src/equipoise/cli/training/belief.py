"""`equipoise train belief`: what an ECON team has to learn before it coordinates."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from equipoise.cli.reading import task_args
from equipoise.cli.threads import one_thread
from equipoise.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from equipoise.evaluation.settings import Connection
    from equipoise.learning.belief import BeliefConfig

EPILOG = """Examples:

equipoise train belief gsm8k --data gsm8k.jsonl.gz --limit 400 --team team.toml --out runs/econ

equipoise eval gsm8k --data gsm8k.jsonl.gz --skip 400 --team team.toml --methods "econ(policy='runs/econ/policy')"

equipoise train belief gsm8k --data gsm8k.jsonl.gz --limit 400 --team larger.toml --grow-from runs/econ/policy
--out runs/econ-4

The same command again goes on from where it was stopped.
"""


def belief(  # noqa: PLR0913, PLR0917  (one parameter per option)
    task: Annotated[str, typer.Argument(help="A task; see `equipoise tasks`.")],
    team: Annotated[Path, typer.Option("--team", "-t", help="The team's TOML file.")],
    out: Annotated[Path, typer.Option(help="Folder of the policy, the splits and the run's state.")],
    episodes: Annotated[int, typer.Option(min=1, help="Most episodes; one costs 2 calls of every executor.")] = 640,
    rounds: Annotated[int, typer.Option(min=0, help="Extra rounds after stage 1.")] = 1,
    limit: Annotated[int | None, typer.Option(help="Questions of the task; all without it.")] = None,
    skip: Annotated[int, typer.Option(help="Questions of the task to leave out at the start.")] = 0,
    seed: Annotated[int, typer.Option(help="Other weights, exploration and order.")] = 0,
    commitment: Annotated[
        Literal["vote", "value", "coordinator"], typer.Option(help="How answers become one; coordinator costs calls.")
    ] = "vote",
    no_coordinator: Annotated[bool, typer.Option("--no-coordinator", help="Leave out the strategy.")] = False,
    fixed_alpha: Annotated[bool, typer.Option("--fixed-alpha", help="Keep the weights of the rewards.")] = False,
    no_cc: Annotated[bool, typer.Option("--no-cc", help="Leave out the reward for coordination.")] = False,
    width: Annotated[int, typer.Option(help="Of the belief networks, a multiple of 4.")] = 256,
    embedder: Annotated[str | None, typer.Option(help="A local model that embeds texts; mason if none.")] = None,
    grow_from: Annotated[Path | None, typer.Option(help="A policy; only executors new to it learn.")] = None,
    data: Annotated[Path | None, typer.Option(help="A local file of JSON lines for the task.")] = None,
    task_arg: Annotated[list[str] | None, typer.Option(help="name=value for the task; may be repeated.")] = None,
    max_retries: Annotated[int, typer.Option(min=0, help="Of a call that timed out, or met 429 or 5xx.")] = 5,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that one attempt of a call may take.")] = 300,
    max_connections: Annotated[int | None, typer.Option(min=1, help="Calls in flight per model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a summary.")] = False,
) -> None:
    """Train the belief networks of the method econ: what each executor's [T, p] should be on which question."""
    if width < 4 or width % 4:
        raise InputError(f"--width is {width}. Give a multiple of 4.")
    one_thread()
    _need_torch()
    from equipoise.evaluation.settings import Connection
    from equipoise.learning.belief import BeliefConfig
    from equipoise.learning.belief_settings import TrainingSettings
    from equipoise.learning.belief_updates import UpdateSettings
    from equipoise.learning.belief_weights import RATE
    from equipoise.networks.belief_network import BeliefNetworkSettings
    from equipoise.networks.text_embedding import DEFAULT
    from equipoise.team.team import Team

    updates = UpdateSettings(alpha_rate=0.0 if fixed_alpha else RATE, coordination=not no_cc)
    network = BeliefNetworkSettings(width=width, feedforward=width)
    config = BeliefConfig(
        task=task,
        task_args=task_args(task_arg or []) | ({"data": str(data.resolve())} if data else {}),
        team=Team.from_toml(team),
        skip=skip,
        limit=limit,
        embedder=embedder or DEFAULT,
        commitment=commitment,
        coordinator=not no_coordinator,
        grow_from=grow_from,
        training=TrainingSettings(episodes=episodes, rounds=rounds, seed=seed, network=network, updates=updates),
    )
    connection = Connection(max_retries=max_retries, timeout_s=timeout, max_connections=max_connections)
    _train(config, out, connection, as_json=as_json)


def _need_torch() -> None:
    if any(find_spec(name) is None for name in ("torch", "transformers", "safetensors")):
        raise MissingExtra("belief networks", "local")


def _train(config: BeliefConfig, out: Path, connection: Connection, *, as_json: bool) -> None:
    from equipoise.cli.training._resuming import resumable
    from equipoise.evaluation.grid import ready
    from equipoise.learning.belief import POLICY, QUESTIONS, RESULT, train_belief

    for agent in config.team.agents:
        ready(agent, connection)
    every = config.training.every
    with resumable(out, "updates") as bar:
        trained = train_belief(
            config, out, lambda done, total, note: bar.reached(done // every, -(-total // every), note)
        )
    told = (out / RESULT).read_text(encoding="utf-8")
    for remark in json.loads(told)["remarks"]:
        typer.echo(remark, err=True)
    if as_json:
        print(told, end="")
        return
    last, best = trained.looks[-1], max(trained.looks, key=lambda look: look.reward)
    typer.echo(f"{last.episodes} episodes; stopped by {trained.stop}.")
    typer.echo(f"Best on validation questions: reward {best.reward:.3f}, {best.right:.0%} of commitments right.")
    typer.echo(f"Best-response gap under the last critics: {trained.gap[0]:.4f} at first, {trained.gap[1]:.4f} now.")
    typer.echo(f"Policy: {out / POLICY}    Questions that it has never seen: 'test' in {out / QUESTIONS}")

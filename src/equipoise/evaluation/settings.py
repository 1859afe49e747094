"""What an evaluation is: its settings, resolved and written beside its logs, so that no two are ever mixed up."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import equipoise
from equipoise.errors import InputError
from equipoise.methods.method import Method
from equipoise.models.adapters import digest
from equipoise.team.team import Team

CONFIG = "config.json"
LOGS = "logs"


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """A task to run.

    Attributes:
        name: of one of our tasks, or of any registered Inspect task, such as "inspect_evals/gsm8k".
        args: arguments of the task function.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Tasks × methods × seeds for one team.

    Attributes:
        limit: questions of each task; all when None.
        skip: questions of each task to leave out at its start, such as those that something was learned on.
        seeds: how often each question is played, at least 1; the same seeds for every method, so that they pair.
        seed: shifts all seeds.
        max_tokens_per_question: budget of input and output tokens of one episode; the team's own when None.
    """

    tasks: tuple[TaskSpec, ...]
    team: Team
    methods: tuple[Method, ...]
    limit: int | None = None
    skip: int = 0
    seeds: int = 1
    seed: int = 0
    max_tokens_per_question: int | None = None

    def __post_init__(self) -> None:
        at_least("limit", self.limit, 1)
        at_least("skip", self.skip, 0)
        at_least("seeds", self.seeds, 1)
        for what, items in (("task", self.tasks), ("method", self.methods)):
            if not items:
                raise InputError(f"no {what} was given. Name at least one.")
        refuse_keys(self.team)

    @property
    def players(self) -> Team:
        """The team with the budget of this evaluation."""
        if self.max_tokens_per_question is None:
            return self.team
        return self.team.model_copy(update={"max_tokens_per_question": self.max_tokens_per_question})

    def variants(self) -> list[Method]:
        """The runs of each task: every method, with `single` once per executor; each name once.

        Raises:
            UnknownName: a method names a strategy or an executor that the team does not have.
        """
        found: dict[str, Method] = {}
        for method in self.methods:
            for variant in method.variants(self.players):
                variant.calls(self.players)
                found.setdefault(variant.name, variant)
        return list(found.values())


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How endpoints are called; changes no result, so it may differ when an evaluation is resumed.

    Attributes:
        max_retries: of a call that timed out, was refused for its rate (429) or met a server error (5xx); ≥ 0.
        timeout_s: of one attempt; the provider's own when None.
        at_once: questions of one run in flight at the same time.
        max_connections: calls in flight per model; the provider's own when None.
    """

    max_retries: int = 5
    timeout_s: int | None = 300
    at_once: int = 64
    max_connections: int | None = None


def at_least(name: str, value: int | None, least: int) -> None:
    """Does nothing if a setting is None or large enough.

    Raises:
        InputError: it is smaller.
    """
    if value is not None and value < least:
        raise InputError(f"{name} is {value}. Give {least} or more.")


def refuse_keys(team: Team) -> None:
    """Does nothing if no agent's settings hold a key: they are written beside the results.

    Raises:
        InputError: one does.
    """
    for agent in team.agents:
        if "api_key" in agent.model_args:
            raise InputError(
                f"agent '{agent.name}' has an api_key in the team file, and logs hold the team. "
                "Put the key into the provider's environment variable instead."
            )


def versions() -> dict[str, str]:
    """What runs: versions, and the kind of machine."""
    return {
        "equipoise": equipoise.__version__,
        "inspect_ai": version("inspect_ai"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def resolved(grid: Grid) -> dict[str, Any]:
    """The settings that decide results, and the versions that ran, as a JSON object."""
    return {
        "tasks": [{"name": task.name, "args": dict(task.args), "files": digests(task.args)} for task in grid.tasks],
        "team": grid.team.model_dump(mode="json"),
        # Known by what they hold, as data files are: training goes on in the same folders.
        "adapters": {agent.name: digest(agent.adapter) for agent in grid.team.agents if agent.adapter},
        "methods": [method.name for method in grid.variants()],
        "limit": grid.limit,
        "skip": grid.skip,
        "seeds": grid.seeds,
        "seed": grid.seed,
        "max_tokens_per_question": grid.max_tokens_per_question,
        "versions": versions(),
    }


def claim(out: Path, grid: Grid) -> None:
    """Makes a folder this evaluation's own: writes its settings, or checks that they are the ones it was begun with.

    Raises:
        InputError: the folder holds another evaluation, or cannot be written.
    """
    now = json.loads(json.dumps(resolved(grid)))
    file = out / CONFIG
    try:
        if file.exists():
            _same(json.loads(file.read_text(encoding="utf-8")), now, out)
            return
        if any((out / LOGS).glob("*.eval")):
            raise InputError(f"'{out / LOGS}' holds logs of another run. Give another folder with --out.")
        (out / LOGS).mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    except json.JSONDecodeError:
        raise InputError(f"'{file}' is damaged. Remove it with its logs, or give another folder with --out.") from None
    except OSError as error:
        raise InputError(f"cannot use the folder '{out}': {error}. Give another one with --out.") from None


def _same(before: dict[str, Any], now: dict[str, Any], out: Path) -> None:
    changed = differences(before, now)
    if changed:
        raise InputError(
            f"'{out}' holds an evaluation with other settings: {changed}. "
            "Repeat them to resume it, or give another folder with --out."
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two settings, for a message; empty if nothing does. Versions may differ."""
    changed = [key for key in now if key != "versions" and before.get(key) != now[key]]
    return "; ".join(f"{key} was {_short(before.get(key))}, now {_short(now[key])}" for key in changed)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}…"


def digests(args: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each file among a task's arguments: the same name with other questions is another evaluation."""
    files = {key: Path(value) for key, value in args.items() if isinstance(value, str) and key == "data"}
    return {key: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for key, file in files.items() if file.is_file()}

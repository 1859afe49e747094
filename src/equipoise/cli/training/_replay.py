"""Counterfactual replay for a trainer: a recording that exists, or one made first, once and for all learning.

Questions come in the order of the task or of the file, whatever order their answers came back in: a run that was
interrupted learns what an uninterrupted one does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equipoise.cli.main import complain
from equipoise.cli.recording import called
from equipoise.errors import InputError, UnknownName
from equipoise.evaluation.grid import chosen, task_of
from equipoise.evaluation.recording_plan import Plan
from equipoise.evaluation.settings import Connection, TaskSpec
from equipoise.frontier.pool import COVERED, Pool, pool_of
from equipoise.learning.prompt_control_settings import Replay
from equipoise.recordings import Recording, read
from equipoise.team.team import Team

FILE = "replay.jsonl.gz"
SUFFIXES = (".jsonl", ".jsonl.gz", ".eval")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a trainer was asked to learn from, as on the command line.

    Attributes:
        source: a task, or a recording's file.
        team: a TOML file; None chooses columns of a recording otherwise.
        columns: of the recording or team to learn over; all when None.
        limit, skip: of the questions.
        data, task_args: of the task.
        seed: shifts all seeds of calls.
        max_connections: calls in flight per executor.
    """

    source: str
    team: Path | None = None
    columns: Sequence[str] | None = None
    limit: int | None = None
    skip: int = 0
    data: Path | None = None
    task_args: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    max_connections: int | None = None

    @property
    def task(self) -> TaskSpec:
        """The task with its arguments."""
        data = {"data": str(self.data.resolve())} if self.data else {}
        return TaskSpec(name=self.source, args={**self.task_args, **data})


def replay_of(asked: Asked, out: Path) -> Replay:
    """What is learned from; for a task, after every executor answered every question under every control.

    Args:
        asked: what.
        out: the policy's folder, where the recording of a task is kept.

    Raises:
        InputError: nothing can be learned from it; says why.
        ModelCallError: every call failed.
        typer.Exit: with 130 if stopped.
    """
    if asked.source.endswith(SUFFIXES):
        return _recorded(asked)
    return _live(asked, team_of(asked), out)


def team_of(asked: Asked) -> Team:
    """The team that a task is put to.

    Raises:
        InputError: none was named, or it lacks a column that was.
    """
    if asked.team is None:
        raise InputError(
            f"the task '{asked.source}' needs a team to ask: --team team.toml. "
            f"To learn from a recording instead, name its file: {', '.join(SUFFIXES)}."
        )
    team = Team.from_toml(asked.team)
    for name in asked.columns or ():
        if name not in team.columns():
            raise UnknownName("column of the team", name, team.columns())
    return team


def _recorded(asked: Asked) -> Replay:
    if asked.data is not None or asked.task_args:
        raise InputError(f"--data and --task-arg belong to a task; '{asked.source}' is a recording. Drop them.")
    file, columns = Path(asked.source), asked.columns
    if columns is None and asked.team is not None:
        columns = list(Team.from_toml(asked.team).columns())
    pool = pool_of(file, columns, fewest=1)
    places = range(len(pool.qids))[asked.skip :][: asked.limit]
    if not places:
        raise InputError(f"'{file}' has {len(pool.qids)} questions, and skip={asked.skip} leaves none. Skip fewer.")
    return _replay(pool, list(places), {"name": file.name, "sha256": _digest(file)})


def _live(asked: Asked, team: Team, out: Path) -> Replay:
    spec = asked.task
    plan = Plan(task=spec, team=team, limit=asked.limit, skip=asked.skip, seed=asked.seed)
    task = task_of(spec)
    wanted = chosen(task, skip=asked.skip, limit=asked.limit)
    ids = [str(name if (name := task.dataset[place].id) is not None else place + 1) for place in wanted]
    file = out / FILE
    done = called(plan, file, Connection(max_connections=asked.max_connections))
    for cause, count in done.causes:
        complain(f"{count} calls failed, and are learned without: {cause}")
    recording = read(file)
    names = list(asked.columns or team.columns())
    columns, notices = _covered(recording, names)
    pool = pool_of(file, columns, fewest=1)
    place = {qid: i for i, qid in enumerate(pool.qids)}
    notices += [f"{count} calls failed: {cause}" for cause, count in done.causes]
    places = [place[qid] for qid in ids if qid in place]
    if not places:
        raise InputError("no question was answered by every column that is left. Run the same command again.")
    told = {"name": file.name, "sha256": _digest(file), "task": spec.name, "args": dict(asked.task_args)}
    return _replay(pool, places, told, notices)


def _covered(recording: Recording, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The columns that answered nearly every question that anybody did, and sentences on the others.

    Raises:
        InputError: there is none.
    """
    known, count = set(recording.columns()), len(recording.qids)
    answered = {
        name: sum(recording.samples(qid, *recording.parse_column(name)) > 0 for qid in recording.qids)
        if name in known
        else 0
        for name in names
    }
    kept = [name for name in names if answered[name] >= COVERED * count]
    if not kept:
        raise InputError(f"no column answered {100 * COVERED:g} % of the questions. Run the same command again.")
    lost = [name for name in names if name not in kept]
    return kept, [f"{name} answered {answered[name]} of {count} questions, so it is left out." for name in lost]


def _replay(pool: Pool, places: list[int], data: Mapping[str, Any], notices: Sequence[str] = ()) -> Replay:
    return Replay(
        ballots=pool.ballots.at(places),
        ids=tuple(pool.qids[place] for place in places),
        data={**data, "benchmarks": list(pool.benchmarks)},
        notices=(*notices, *pool.notices),
    )


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

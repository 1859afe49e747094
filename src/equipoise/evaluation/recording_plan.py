"""What to record: which calls make up a recording, and the settings beside its file.

A call is (question, column, sample); see `team.column` for what columns are called.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equipoise.errors import InputError
from equipoise.evaluation.settings import TaskSpec, at_least, differences, digests, refuse_keys, versions
from equipoise.models.adapters import digest
from equipoise.team.column import Column
from equipoise.team.team import Team
from equipoise.whole_files import replace


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A recording to make.

    Attributes:
        task: whose questions.
        team: whose executors are asked, each under each of its controls.
        limit: questions to ask; all when None.
        skip: questions to leave out at the start.
        samples: how often each column is asked each question, with other seeds each time.
        seed: shifts all seeds.

    Raises:
        InputError: a number is out of range, or the team holds a key.
    """

    task: TaskSpec
    team: Team
    limit: int | None = None
    skip: int = 0
    samples: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        at_least("limit", self.limit, 1)
        at_least("skip", self.skip, 0)
        at_least("samples", self.samples, 1)
        refuse_keys(self.team)


def settings_file(out: Path) -> Path:
    """Where the settings of a recording lie."""
    return out.with_name(f"{out.name}.config.json")


def claim(plan: Plan, *, out: Path, begun: bool) -> None:
    """Makes a recording this plan's own: writes its settings, or checks them against those it was begun with.

    Other questions, more samples and new columns may be added to a recording; what a column stands for may not change,
    nor the task, nor the seed.

    Args:
        plan: what is to be recorded.
        out: the recording.
        begun: whether it holds responses already.

    Raises:
        InputError: it was begun with other settings, which are named, or nobody knows with which.
        WriteError: the settings cannot be written.
    """
    file = settings_file(out)
    now = json.loads(json.dumps(_settings(plan)))
    if begun:
        before = _before(file)
        columns = before.get("columns", {})
        changed = [differences(before, {key: now[key] for key in ("task", "seed")})]
        for name in sorted(now["columns"].keys() & columns.keys()):
            differs = differences(columns[name], now["columns"][name])
            changed.append(f"column '{name}': {differs}" if differs else "")
        told = "; ".join(filter(None, changed))
        if told:
            raise InputError(
                f"'{out}' was recorded with other settings: {told}. "
                "Repeat them to go on, give the executor another name, or record to another file with --out."
            )
        now["columns"] = columns | now["columns"]
    _write(file, now)


def _settings(plan: Plan) -> dict[str, Any]:
    args = dict(plan.task.args)
    files = digests(args)
    # A data file is known by what it holds, so that it may be moved.
    kept = {key: value for key, value in args.items() if key not in files}
    return {
        "task": {"name": plan.task.name, "args": kept, "files": files},
        "seed": plan.seed,
        "columns": {column.name: _described(column, plan.team) for column in plan.team.columns().values()},
        "versions": versions(),
    }


def _described(column: Column, team: Team) -> dict[str, Any]:
    """All that decides a column's responses; a price does not."""
    executor = column.executor
    described = executor.model_dump(mode="json", include={"model", "base_url", "model_args", "instructions"}) | {
        "max_tokens": executor.max_tokens or team.max_tokens,
        "task_line": team.strategy_text(column.control.strategy),
        "control": column.control.model_dump(mode="json"),
    }
    # An adapter is known by what it holds, as a data file is.
    return described | ({"adapter": digest(executor.adapter)} if executor.adapter else {})


def _before(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        told = f"'{file}' is missing, so nobody knows with which settings the recording beside it was made"
    except (OSError, ValueError) as error:
        told = f"'{file}' cannot be read ({error}), and it says with which settings the recording beside it was made"
    raise InputError(f"{told}. Record to another file with --out.")


def _write(file: Path, settings: dict[str, Any]) -> None:
    """Replaces the settings at once, so that a kill leaves the old ones or the new ones."""
    replace(file, (json.dumps(settings, indent=2, ensure_ascii=False) + "\n").encode())

"""Results read back from Inspect logs: rows for the analysis, plays for the explorer. Reads logs and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log
from inspect_ai.scorer import Score

from equipoise.analysis.rows import OUTCOMES, Outcome, Row
from equipoise.errors import InputError
from equipoise.evaluation.grid import RUN, plain
from equipoise.evaluation.settings import LOGS
from equipoise.recordings.inspect_log import EPISODE

UNREAD = {"events", "messages", "attachments"}
"""What a log holds and results do not need; leaving it out makes reading several times as fast."""

VALUES: dict[Any, Outcome] = {"C": "correct", "I": "wrong", "N": "no_answer", "P": "wrong"}
"""Outcomes of scores that other tasks' scorers give."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """A row with what was said.

    Attributes:
        row: the result.
        text: the question.
        gold: the answer key.
        answer: the team's answer; None for none.
        turns: who said what, as `Turn` objects without their prompts, in the order of completion.
    """

    row: Row
    text: str = ""
    gold: str = ""
    answer: str | None = None
    turns: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Results:
    """All plays of an evaluation.

    Attributes:
        plays: each play of each question by each method once, in the order of the runs and questions.
        environment: versions, models and times, for the page.
    """

    plays: list[Play]
    environment: dict[str, str]

    @property
    def rows(self) -> list[Row]:
        """The plays without what was said."""
        return [play.row for play in self.plays]

    @property
    def silent(self) -> dict[str, int]:
        """Agents, as "name (model)", that wrote nothing in any of their calls, each with how many there were."""
        calls: Counter[str] = Counter()
        spoke: set[str] = set()
        for turn in (turn for play in self.plays for turn in play.turns):
            agent = f"{turn['agent']} ({turn['model']})"
            calls[agent] += 1
            if turn["response"].strip() or turn["refused"]:
                spoke.add(agent)
        return {agent: count for agent, count in calls.items() if agent not in spoke}


def read(out: Path) -> Results:
    """The results in an evaluation's folder, or in any folder of Inspect logs.

    A question that was played again after a failure counts once, as it went last.

    Raises:
        InputError: there is no log, or one cannot be read.
    """
    folder = out / LOGS if (out / LOGS).is_dir() else out
    found = sorted(list_eval_logs(str(folder)), key=lambda info: info.mtime or 0.0) if folder.is_dir() else []
    if not found:
        raise InputError(
            f"'{out}' holds no logs. Give a folder that `equipoise eval --out` has written; `equipoise report` also "
            "takes that of `equipoise train mirror --out`."
        )
    logs = [_log(info.name) for info in found]
    plays: dict[tuple[str, str, str, int], Play] = {}
    for log in logs:
        for play in _plays(log):
            row = play.row
            key = (row.task, row.method, row.question, row.seed)
            if key not in plays or row.measured or not plays[key].row.measured:
                plays[key] = play
    places = {_named(log): (log.eval.metadata or {}).get(RUN, {}).get("place", 0) for log in logs}
    ordered = sorted(plays.values(), key=lambda play: _order(play.row, places))
    return Results(plays=ordered, environment=_environment(logs))


def _log(location: str) -> EvalLog:
    try:
        return read_eval_log(location, exclude_fields=UNREAD)
    except Exception as error:  # a damaged zip or JSON raises one of many
        raise InputError(f"cannot read the log '{location}': {type(error).__name__}: {str(error)[:200]}") from error


def _named(log: EvalLog) -> tuple[str, str]:
    """Task and method of a log; of one that we did not write, the task's and the solver's names."""
    run = (log.eval.metadata or {}).get(RUN)
    if run:
        return run["task"], run["method"]
    return log.eval.task, (log.eval.solver or "inspect").rsplit("/", 1)[-1]


def _order(row: Row, places: dict[tuple[str, str], int]) -> tuple[Any, ...]:
    """Runs as they were asked for, questions by id with numbers as numbers."""
    parts = [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", row.question)]
    return row.task, places[row.task, row.method], row.method, parts, row.seed


def _plays(log: EvalLog) -> Iterator[Play]:
    task, method = _named(log)
    for sample in log.samples or []:
        episode: dict[str, Any] | None = sample.store.get(EPISODE)
        row = Row(
            task=task,
            method=method,
            family=str(sample.metadata.get("family", "")),
            question=str(sample.id),
            seed=sample.epoch,
            outcome=_outcome(sample),
            stop=episode["stop"] if episode else "",
            cause=plain(sample.error.message) if sample.error else "",
            belief=episode["beliefs"].get(episode["answer"]) if episode else None,
            **_spent(sample, episode),
        )
        yield Play(
            row=row,
            text=sample.input if isinstance(sample.input, str) else sample.input[-1].text,
            gold=sample.target if isinstance(sample.target, str) else ", ".join(sample.target),
            answer=episode["answer"] if episode else None,
            turns=episode["turns"] if episode else [],
        )


def _spent(sample: EvalSample, episode: dict[str, Any] | None) -> dict[str, Any]:
    """Tokens, calls, seconds and cost; of a failed question what its calls used up to the failure."""
    if episode is None:
        usage = sample.model_usage.values()
        return {
            "input_tokens": sum(used.input_tokens for used in usage),
            "output_tokens": sum(used.output_tokens for used in usage),
            "seconds": sample.total_time or 0.0,
        }
    turns = episode["turns"]
    return {
        "input_tokens": sum(turn["input_tokens"] for turn in turns),
        "output_tokens": sum(turn["output_tokens"] for turn in turns),
        "calls": len(turns),
        "seconds": episode["seconds"],
        "cost_usd": sum(turn["cost_usd"] for turn in turns),
    }


def _outcome(sample: EvalSample) -> Outcome:
    if sample.error is not None or not sample.scores:
        return "failed"
    return outcome_of(next(iter(sample.scores.values())))


def outcome_of(score: Score) -> Outcome:
    """What a scorer's score means: of one of our tasks, or of any other."""
    told = (score.metadata or {}).get("outcome")
    if told in OUTCOMES:
        return cast(Outcome, told)
    if isinstance(score.value, int | float):
        return "correct" if score.value >= 1 else "wrong"
    return VALUES.get(score.value, "wrong")


def _environment(logs: list[EvalLog]) -> dict[str, str]:
    first = logs[0].eval
    return {
        "started": min(log.eval.created for log in logs),
        "packages": ", ".join(f"{name} {version}" for name, version in sorted(first.packages.items())),
        "revision": f"{first.revision.commit}{' with changes' if first.revision.dirty else ''}"
        if first.revision
        else "",
        "logs": str(len(logs)),
    }

"""A recording as a pool: what its columns answered on questions that all of them cover, what it cost, who was right.

Reading is where honest numbers are lost, so whatever is left out or assumed is counted and told: questions that some
column lacks, responses of unknown correctness, input tokens that nobody recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from equipoise.beliefs.ballots import UNKNOWN, Ballots, Floats, ballots_of
from equipoise.errors import InputError
from equipoise.frontier.prices import cost_usd
from equipoise.recordings import Recording, Row, read
from equipoise.tasks import graders
from equipoise.tasks.task import CHECKED_KINDS, kind_of
from equipoise.team.agent import Price
from equipoise.team.problem import Problem

MOST_COLUMNS = 16
"""Columns that are taken without being named: more are rarely one team, and all that they cost would be asked."""

COVERED = 0.9
"""Below this share of questions that every column covers, the column to blame is named."""

UNLABELLED = 0.01
"""Up to this share of responses of unknown correctness counts as wrong; with more, nothing is said of accuracy."""

VERIFIED = "verified"
"""Field of a row of any source: whether the answer passed an exact check."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What is judged.

    Attributes:
        source: the recording's file.
        benchmarks: names of the question sets in it.
        ballots: [questions, columns]; `cost` in tokens or USD.
        qids: [questions] their ids.
        tokens: [questions, columns] output tokens.
        left_out: questions that not every column covers.
        notices: sentences about what was left out or assumed.
        usd: whether `cost` is in USD.
    """

    source: str
    benchmarks: tuple[str, ...]
    ballots: Ballots
    qids: tuple[str, ...]
    tokens: Floats
    left_out: int
    notices: tuple[str, ...]
    usd: bool


def pool_of(
    path: Path,
    columns: Sequence[str] | None = None,
    prices: Mapping[str, Price] | None = None,
    *,
    fewest: int = 2,
) -> Pool:
    """The pool of a recording.

    Args:
        path: a `.jsonl`, `.jsonl.gz` or `.eval` file.
        columns: "agent|strategy" each, the strongest first; all when None.
        prices: by agent; the cost is output tokens when None.
        fewest: columns that a pool needs.

    Raises:
        RecordingError: the file cannot be read, or no question is covered by all columns.
        InputError: there are too many columns to take all, or too few, or one is unknown, or has no price.
    """
    recording = read(path, columns)
    names = list(columns) if columns is not None else recording.columns()
    _check(names, chosen=columns is not None, source=recording.source, fewest=fewest)
    table = recording.complete(names)
    notices = [told for told in (_coverage(recording, names, len(table)),) if told]
    table, told = _graded(table)
    notices += told
    ballots = ballots_of(table)
    if ballots.correct is not None and _unknown(table) > UNLABELLED * ballots.answers.size:
        ballots = replace(ballots, correct=None)
    ballots = replace(ballots, checks=_checks(table, ballots))
    tokens = ballots.cost
    if prices is not None:
        cost, read_known = cost_usd(table, prices)
        ballots = replace(ballots, cost=cost)
        if not read_known:
            notices.append("Input tokens are not recorded throughout, so the cost is that of the output alone.")
    return Pool(
        source=recording.source,
        benchmarks=tuple(dict.fromkeys(row.benchmark for rows in table for row in rows)),
        ballots=ballots,
        qids=tuple(rows[0].qid for rows in table),
        tokens=tokens,
        left_out=len(recording.qids) - len(table),
        notices=tuple(notices),
        usd=prices is not None,
    )


def _check(names: Sequence[str], *, chosen: bool, source: str, fewest: int) -> None:
    if not chosen and len(names) > MOST_COLUMNS:
        raise InputError(
            f"{source} has {len(names)} columns, and a team of all of them is rarely meant. Name those to judge, the "
            f'strongest first: --columns "{",".join(names[:3])}". It has:\n  ' + "\n  ".join(names)
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the column '{twice}' is named twice. Name each one once.")
    if len(names) < fewest:
        raise InputError(f"{source}: a team needs two columns, and there is one: {', '.join(names)}. Record another.")


def _coverage(recording: Recording, names: Sequence[str], complete: int) -> str | None:
    """A sentence on the questions that are left out, and on whom to blame if they are many; None if there are none."""
    held = len(recording.qids)
    if complete == held:
        return None
    told = f"{held - complete} of {held} questions are left out: not every column covers them."
    if complete >= COVERED * held:
        return told
    pairs = [recording.parse_column(name) for name in names]
    covered = np.array([[recording.samples(qid, *pair) > 0 for pair in pairs] for qid in recording.qids])
    missing = ~covered
    without = [int((missing.sum(axis=1) - missing[:, j] == 0).sum()) for j in range(len(names))]
    worst = int(np.argmax(without))
    return (
        f"{told} '{names[worst]}' covers {int(covered[:, worst].sum())} of them; without it, {without[worst]} "
        "questions would remain."
    )


def _graded(table: list[list[Row]]) -> tuple[list[list[Row]], list[str]]:
    """The table with unknown correctness graded where the task's answer kind needs no more than the answer key."""
    if not _unknown(table):
        return table, []
    graded = [[_with_grade(row) for row in rows] for rows in table]
    left, all_rows = _unknown(graded), sum(map(len, graded))
    if left == all_rows:
        return graded, ["No response says whether it is right, so accuracy cannot be told; tokens can."]
    if left > UNLABELLED * all_rows:
        told = f"Of {left} of {all_rows} responses it is unknown whether they are right, so accuracy cannot be told."
        return graded, [f"{told} Record them with their correctness (field `correct`)."]
    return graded, [f"Of {left} of {all_rows} responses it is unknown whether they are right; they count as wrong."] * (
        left > 0
    )


def _with_grade(row: Row) -> Row:
    kind = kind_of(row.benchmark) if row.correct is None else None
    if kind is None or kind in CHECKED_KINDS or not row.gold:
        return row
    grader = graders.grader(kind)
    problem = Problem(id=row.qid, question=row.question, kind=grader)
    return row.model_copy(update={"correct": row.key is not None and grader.grade(row.key, row.gold, problem)})


def _unknown(table: Sequence[Sequence[Row]]) -> int:
    return sum(row.correct is None for rows in table for row in rows)


def _checks(table: Sequence[Sequence[Row]], ballots: Ballots) -> np.ndarray | None:
    """[questions, columns] what an exact check says: the field `verified`, or the label where right is what passes."""
    told = [[(row.model_extra or {}).get(VERIFIED) for row in rows] for rows in table]
    if any(isinstance(check, bool) for checks in told for check in checks):
        known = [[int(check) if isinstance(check, bool) else UNKNOWN for check in checks] for checks in told]
        return np.array(known, dtype=np.int8)
    if ballots.correct is not None and all(
        kind_of(name) in CHECKED_KINDS for name in {row.benchmark for rows in table for row in rows}
    ):
        return ballots.correct.astype(np.int8)
    return None

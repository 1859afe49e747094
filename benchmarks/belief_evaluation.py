"""The part of `benchmarks/belief.py` that plays ECON beside other methods on test puzzles.

Self-consistency is played at several budgets, so that every other method is compared with it at that method's own
tokens (`equipoise.analysis.matched`): interpolated between the budgets just below and above, on the same questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from equipoise.analysis import intervals
from equipoise.analysis.matched import Matched, OutOfRange, at_matched_tokens
from equipoise.analysis.resampling import percentile
from equipoise.analysis.rows import Row
from equipoise.evaluation.grid import evaluate
from equipoise.evaluation.recorder import record
from equipoise.evaluation.recording_plan import Plan
from equipoise.evaluation.results import read
from equipoise.evaluation.settings import Connection, Grid, TaskSpec
from equipoise.methods.method import available, parse
from equipoise.team.team import Team

RECORDED = 30
"""Training-side puzzles of each family that dice_pc learns from."""

LADDER = tuple(f"self_consistency(samples={samples})" for samples in (1, 3, 5, 10, 15, 30))
"""Budgets of self-consistency; the last costs as much as the debate."""

CONNECTION = Connection(timeout_s=None, max_retries=0, max_connections=64)


def evaluated(team: Team, policies: Sequence[Path], families: str, puzzles: int, out: Path) -> dict[str, Any]:
    """Accuracy and tokens of every method on test puzzles, and tokens saved against debate.

    Args:
        team: who plays.
        policies: of ECON, one per seed; its rows hold the plays of all of them.
        families: of the puzzles.
        puzzles: of each family.
        out: where logs and the recording lie.
    """
    folders = [str(policy.resolve()) for policy in policies]
    named = {f"econ(policy='{folder}')": "econ" for folder in folders}
    named |= {
        **{f"econ(policy='{folder}',commitment=vote)": "econ(commitment=vote)" for folder in folders[:1]},
        **{f"econ(policy='{folder}',commitment=value)": "econ(commitment=value)" for folder in folders},
        "econ(decoding=random)": "econ(decoding=random)",
        "econ(decoding=fixed)": "econ(decoding=fixed)",
        "debate": "debate",
        **{name: name for name in LADDER},
    }
    if "dice_pc" in available():
        named[f"dice_pc(recording='{recorded(team, families, out)}')"] = "dice_pc"
    grid = Grid(
        tasks=(TaskSpec(name="embedded", args={"families": families, "n_per_family": puzzles}),),
        team=team,
        methods=tuple(parse(text) for text in named),
    )
    evaluate(grid, out / "eval", connection=CONNECTION)
    labels = {parse(text).name: label for text, label in named.items()}
    rows: dict[str, list[Row]] = {}
    for row in read(out / "eval").rows:
        rows.setdefault(labels[row.method], []).append(row)
    return compared(rows)


def compared(rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Accuracy and tokens of every method, all against self-consistency at equal tokens, and ECON's against debate's.

    Args:
        rows: of each method by its label, on the same puzzles.
    """
    ladder = {name: rows[name] for name in LADDER}
    others = [label for label in rows if label not in ladder]
    return {
        "evaluation": {label: summary(found) for label, found in rows.items()},
        "at_matched_tokens": {label: beside(rows[label], ladder) for label in others},
        "tokens_saved_against_debate": saved(rows["econ"], rows["debate"]),
        "test_puzzles": len({row.question for row in rows["econ"]}),
    }


def beside(method: Sequence[Row], ladder: Mapping[str, Sequence[Row]]) -> dict[str, Any] | None:
    """A method minus self-consistency at the method's tokens, or the budget that comes nearest; None without either."""
    found = at_matched_tokens(method, "self_consistency", ladder)
    if isinstance(found, Matched):
        at = found.difference
        return {
            "between": list(found.between),
            "self_consistency": round(found.baseline, 4),
            "difference": [round(at.mean, 4), round(at.low, 4), round(at.high, 4)],
        }
    if isinstance(found, OutOfRange):
        return {"nearest": found.nearest, "nearest_tokens": round(found.nearest_tokens, 1)}
    return None


def recorded(team: Team, families: str, out: Path) -> Path:
    """A recording of training-side puzzles under every control, which dice_pc learns from."""
    file = out / "recording.jsonl.gz"
    task = TaskSpec(name="embedded", args={"families": families, "n_per_family": RECORDED, "split": "validation"})
    record(Plan(task=task, team=team), file, connection=CONNECTION)
    return file.resolve()


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Accuracy with its interval, clustered by question, and mean tokens."""
    plays: dict[str, list[float]] = {}
    for row in rows:
        plays.setdefault(row.question, []).append(row.correct)
    found = intervals.accuracy(plays)
    assert found is not None
    return {
        "accuracy": round(found.mean, 4),
        "lo": round(found.low, 4),
        "hi": round(found.high, 4),
        "tokens": round(float(np.mean([tokens(row) for row in rows])), 1),
    }


def saved(econ: Sequence[Row], debate: Sequence[Row]) -> list[float]:
    """Share of debate's tokens that ECON saves, with its interval; both on the same questions."""
    spent: dict[str, tuple[list[int], list[int]]] = {}
    for place, rows in enumerate((econ, debate)):
        for row in rows:
            spent.setdefault(row.question, ([], []))[place].append(tokens(row))
    pairs = np.array([[np.mean(side) for side in both] for both in spent.values()])
    return resampled(pairs, lambda rows: 1 - rows[:, 0].sum() / rows[:, 1].sum())


def tokens(row: Row) -> int:
    """Read and written."""
    return row.input_tokens + row.output_tokens


def resampled(values: np.ndarray, statistic: Any) -> list[float]:
    """A statistic of rows and its 95 % percentile interval over them."""
    rng = np.random.default_rng(0)
    draws = np.array([statistic(values[rng.integers(0, len(values), len(values))]) for _ in range(2000)])
    found = percentile(float(statistic(values)), draws)
    return [round(found.mean, 4), round(found.low, 4), round(found.high, 4)]

"""The part of `benchmarks/belief.py` that plays ECON beside other methods on test puzzles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from equipoise.analysis import intervals
from equipoise.analysis.resampling import percentile
from equipoise.evaluation.grid import evaluate
from equipoise.evaluation.recorder import record
from equipoise.evaluation.recording_plan import Plan
from equipoise.evaluation.results import read
from equipoise.evaluation.settings import Connection, Grid, TaskSpec
from equipoise.methods.method import available, parse
from equipoise.team.team import Team

RECORDED = 30
"""Training-side puzzles of each family that dice_pc learns from."""

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
        "self_consistency(samples=3)": "self_consistency(samples=3)",
        "self_consistency(samples=10)": "self_consistency(samples=10)",
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
    plays: dict[str, dict[str, list[float]]] = {}
    tokens: dict[str, dict[str, list[float]]] = {}
    for row in read(out / "eval").rows:
        label = labels[row.method]
        plays.setdefault(label, {}).setdefault(row.question, []).append(row.correct)
        tokens.setdefault(label, {}).setdefault(row.question, []).append(row.input_tokens + row.output_tokens)
    return {
        "evaluation": {label: summary(plays[label], tokens[label]) for label in plays},
        "tokens_saved_against_debate": saved(tokens["econ"], tokens["debate"]),
        "test_puzzles": len(plays["econ"]),
    }


def recorded(team: Team, families: str, out: Path) -> Path:
    """A recording of training-side puzzles under every control, which dice_pc learns from."""
    file = out / "recording.jsonl.gz"
    task = TaskSpec(name="embedded", args={"families": families, "n_per_family": RECORDED, "split": "validation"})
    record(Plan(task=task, team=team), file, connection=CONNECTION)
    return file.resolve()


def summary(plays: Mapping[str, Sequence[float]], tokens: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Accuracy with its interval, clustered by question, and mean tokens."""
    found = intervals.accuracy(plays)
    assert found is not None
    spent = [value for values in tokens.values() for value in values]
    return {
        "accuracy": round(found.mean, 4),
        "lo": round(found.low, 4),
        "hi": round(found.high, 4),
        "tokens": round(float(np.mean(spent)), 1),
    }


def saved(econ: Mapping[str, Sequence[float]], debate: Mapping[str, Sequence[float]]) -> list[float]:
    """Share of debate's tokens that ECON saves, with its interval; both on the same questions."""
    pairs = np.array([(np.mean(econ[question]), np.mean(debate[question])) for question in econ])
    return resampled(pairs, lambda rows: 1 - rows[:, 0].sum() / rows[:, 1].sum())


def resampled(values: np.ndarray, statistic: Any) -> list[float]:
    """A statistic of rows and its 95 % percentile interval over them."""
    rng = np.random.default_rng(0)
    draws = np.array([statistic(values[rng.integers(0, len(values), len(values))]) for _ in range(2000)])
    found = percentile(float(statistic(values)), draws)
    return [round(found.mean, 4), round(found.low, 4), round(found.high, 4)]

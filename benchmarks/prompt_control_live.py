"""DICE-PC live, on the embedded team: learned from one recording of tuning puzzles, played on held-out ones.

    python benchmarks/prompt_control_live.py --out FOLDER [--seeds 5] [--questions 20] [--json OUT]

The team's executors answer tuning puzzles once under each of their controls (resumable); DICE-PC learns from that and
plays held-out puzzles beside the best single model, its resampling, the vote and the fixed-control team, over several
seeds, and with one switch turned at a time: forms, sampling, no anchor, a Coordinator's message at several caps, two
executors, and the debate that mirrors the team. Intervals are paired by question. Every answer is a real call of a real
model; a run that was stopped goes on. Some 10 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from equipoise import models
from equipoise.analysis.comparison import by_method, compare
from equipoise.analysis.rows import Row
from equipoise.evaluation import results
from equipoise.evaluation.grid import evaluate
from equipoise.evaluation.recorder import record
from equipoise.evaluation.recording_plan import Plan
from equipoise.evaluation.settings import Connection, Grid, TaskSpec
from equipoise.methods.method import parse
from equipoise.team.team import Team

TUNING = 50
"""Puzzles of each family that DICE-PC learns from."""

CONNECTION = Connection(timeout_s=None, max_retries=0, max_connections=64)

CAPS = (30, 50, 70, 100)
"""Tokens of the Coordinator's message."""

BASELINES = (
    "single(executor=abacus,strategy=few_shot)",
    "single(executor=mason,strategy=direct)",
    "single(executor=mason)",
    "single(executor=sage)",
    "self_consistency(executor=mason,strategy=direct,samples=2)",
    "self_consistency(executor=mason,strategy=direct)",
    "majority_vote",
    "fixed_control",
    "debate(rounds=3)",
)

SWITCHES = (
    "",
    "form=two_rounds",
    "form=simultaneous",
    "form=simultaneous,sampled=True,compare=False",
    "form=simultaneous,schedule=unregularised,compare=False",
    "form=simultaneous,schedule=certified,compare=False",
    "form=simultaneous,anchor=False,compare=False",
    "informed=False",
)


def main() -> None:
    """Plays everything and prints the tables."""
    args = _arguments()
    started = time.time()
    team = Team.from_toml(Path(str(models.__file__)).parent / "embedded_team.toml")
    args.out.mkdir(parents=True, exist_ok=True)
    tuning = args.out / "tuning.jsonl.gz"
    task = TaskSpec(name="embedded", args={"split": "validation", "n_per_family": TUNING})
    record(Plan(task=task, team=team), tuning, connection=CONNECTION)
    specs = [*BASELINES, *(_dice(tuning, switch) for switch in SWITCHES)]
    rows = play(team, specs, args.out / "as_it_is", args)
    told: dict[str, Any] = {"methods": table(rows, args.questions)}
    show("held-out puzzles", told["methods"])
    for cap in CAPS:
        capped = team.model_copy(update={"message_cap": cap})
        rows |= play(
            capped, [_dice(tuning, "message=True")], args.out / f"cap_{cap}", args, label=f"message of {cap} tokens"
        )
    two = team.model_copy(update={"executors": team.executors[:2]})
    rows |= play(two, [_dice(tuning, ""), "majority_vote"], args.out / "two", args, label="two executors")
    told["ablations"] = table(rows, args.questions, against=_dice(tuning, ""))
    show("the same, against dice_pc as it is", told["ablations"])
    told |= {"date": date.today().isoformat(), "machine": platform.platform(), "seeds": args.seeds}
    print(f"\n{time.time() - started:.0f} s; {told['machine']}")
    if args.json:
        args.json.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")


def play(
    team: Team, specs: Sequence[str], out: Path, args: argparse.Namespace, *, label: str = ""
) -> dict[str, list[Row]]:
    """The plays of some methods on held-out puzzles, by name."""
    grid = Grid(
        tasks=(TaskSpec(name="embedded", args={"n_per_family": args.questions}),),
        team=team,
        methods=tuple(parse(spec) for spec in specs),
        seeds=args.seeds,
    )
    evaluate(grid, out, connection=CONNECTION)
    found = by_method(results.read(out).rows, "embedded")
    return {_short(f"{name}, {label}" if label else name): rows for name, rows in found.items()}


def table(
    rows: Mapping[str, Sequence[Row]], questions: int, *, against: str | None = None
) -> dict[str, dict[str, Any]]:
    """A row per method: accuracy, tokens, and the difference to the best single model, the fixed team, or a method."""
    singles = {name: some for name, some in rows.items() if name.startswith("single")}
    best = max(singles, key=lambda name: _accuracy(singles[name]))
    baselines = (
        {"vs_single": best, "vs_fixed": "fixed_control"}
        if against is None
        else {"difference": _short(parse(against).name)}
    )
    told: dict[str, dict[str, Any]] = {}
    for name, mine in rows.items():
        row: dict[str, Any] = {"accuracy": 100 * _accuracy(mine), "plays": len(mine)}
        row["output_tokens"] = sum(r.output_tokens for r in mine) / len(mine)
        row["tokens"] = row["output_tokens"] + sum(r.input_tokens for r in mine) / len(mine)
        for key, baseline in baselines.items():
            found = compare(mine, rows[baseline])
            interval = (0.0, 0.0, 0.0) if found is None or baseline == name else tuple(vars(found.interval).values())
            row[key] = [100 * value for value in interval]
        told[name] = row
    return told


def show(title: str, told: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints a table."""
    print(f"\n{title}\n  {'':60} {'accuracy':>8} {'tokens':>7} {'out':>6}")
    for name, row in told.items():
        intervals = "  ".join(
            f"{key} {v[0]:+.1f} [{v[1]:+.1f}, {v[2]:+.1f}]" for key, v in row.items() if isinstance(v, list)
        )
        print(f"  {name:60} {row['accuracy']:8.1f} {row['tokens']:7.0f} {row['output_tokens']:6.1f}  {intervals}")


def _dice(tuning: Path, switch: str) -> str:
    return f"dice_pc(recording='{tuning}'{',' + switch if switch else ''})"


def _short(name: str) -> str:
    """A method's name without where the recording lies."""
    start = name.find("recording=")
    if start < 0:
        return name
    end = name.find(".gz'", start) + len(".gz'")
    return (name[:start] + name[end:].removeprefix(",")).replace("()", "")


def _accuracy(rows: Sequence[Row]) -> float:
    return sum(row.outcome == "correct" for row in rows) / len(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of recording and logs; a second run goes on there"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--questions", type=int, default=20, help="held-out puzzles of each family")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()

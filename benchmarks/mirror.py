"""DICE-FT on the embedded team: held-out accuracy before and after, beside six baselines at the same budget.

    python benchmarks/mirror.py [--quick] [--out FOLDER] [--jobs 2] [--json benchmarks/results/mirror.json]

Every run trains LoRA adapters of the three embedded models on puzzles of the training side, keeps those that did best
on validation puzzles, and is judged on test puzzles, answered at the team's own sampling temperature: a renamed puzzle
is never on both sides. The rate of the adapters is the one of `RATES` that does best on validation puzzles under a
seed of its own, and all baselines take it. Intervals are paired by puzzle, over all seeds.

A run lies in FOLDER and goes on where it was stopped. On two cores about an hour; `--quick` takes minutes and shows
that everything works, not that it helps.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.analysis.paired import difference_of
from equipoise.cli.threads import one_thread
from equipoise.learning.mirror.settings import BASELINES, MirrorSettings, baseline
from equipoise.team.team import Team
from mirror_throughput import memory, throughput

OURS = "dice_ft"
RATES = (3e-4, 1e-3, 3e-3)
RATE_SEED = 1000
"""Of the runs that choose the rate; no run that is judged has it."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Attributes:
        families: of the puzzles.
        puzzles: of each family, to train and to look at.
        tested: held-out puzzles of each family.
        samples: joint answers to each of them.
        seeds, baseline_seeds: of the method and of each baseline.
        settings: of every run.
    """

    families: tuple[str, ...]
    puzzles: int
    tested: int
    samples: int
    seeds: int
    baseline_seeds: int
    settings: MirrorSettings


FULL = Size(
    families=("arithmetic", "blocks", "drills", "ordering", "syllogisms", "tracking"),
    puzzles=200,
    tested=60,
    samples=4,
    seeds=5,
    baseline_seeds=3,
    settings=MirrorSettings(iterations=24, prompts=12, validation=96, look_every=6),
)
QUICK = replace(
    FULL,
    families=("blocks", "ordering"),
    puzzles=40,
    tested=10,
    samples=2,
    seeds=2,
    baseline_seeds=1,
    settings=MirrorSettings(iterations=2, prompts=4, group=4, validation=8, look_every=2),
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run to make: a method under a seed at a rate."""

    method: str
    seed: int
    lr: float

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.method}-{self.seed}-{self.lr:g}"


def main() -> None:
    """Prints the tables, and writes them as JSON."""
    args = _arguments()
    one_thread()
    size = QUICK if args.quick else FULL
    began = time.time()
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        chosen = list(pool.map(partial(trained, size=size, out=args.out), _rates(size)))
        rate = max(zip(chosen, RATES, strict=True), key=lambda pair: pair[0]["validation"])[1]
        looked = {f"{lr:g}": each["validation"] for each, lr in zip(chosen, RATES, strict=True)}
        print(f"rate {rate:g}; on validation questions: {looked}", flush=True)
        start = pool.submit(judged, None, size)
        runs = [Run(method=OURS, seed=seed, lr=rate) for seed in range(size.seeds)]
        runs += [Run(method=name, seed=seed, lr=rate) for name in BASELINES for seed in range(size.baseline_seeds)]
        found = [
            (run, told, scores)
            for run, (told, scores) in zip(
                runs, pool.map(partial(_trained_and_judged, size=size, out=args.out), runs), strict=True
            )
        ]
        before = start.result()
    told = {
        "seeds": size.seeds,
        **_compared([row for row in found if row[0].method == OURS], before, size),
        "throughput": throughput(team()),
        "memory": memory(team()),
        "rates": {
            "chosen": rate,
            "validation": {f"{lr:g}": c["validation"] for c, lr in zip(chosen, RATES, strict=True)},
        },
        "baselines": {
            name: _compared([row for row in found if row[0].method == name], before, size) for name in BASELINES
        },
        "settings": {"train": size.puzzles, "tested": size.tested, "samples": size.samples},
        "minutes": round((time.time() - began) / 60, 1),
        "date": date.today().isoformat(),
        "machine": platform.platform(),
        "python": platform.python_version(),
    }
    _show(told)
    if args.json:
        args.json.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")


def team() -> Team:
    """The embedded team."""
    from equipoise.models import embedded

    return Team.from_toml(Path(embedded.__file__).parent / "embedded_team.toml")


def trained(run: Run, *, size: Size, out: Path) -> dict[str, Any]:
    """What became of a run, made or gone on with: best validation accuracy, divergences, tokens, CPU seconds."""
    from equipoise.learning.mirror_finetuning import PROGRESS, MirrorConfig, train_mirror

    settings = baseline(size.settings, None if run.method == OURS else run.method)
    config = MirrorConfig(
        task="embedded",
        task_args={"families": ",".join(size.families), "split": "validation", "n_per_family": size.puzzles},
        team=team(),
        settings=replace(settings, lr=run.lr, seed=run.seed),
    )
    folder, began = out / run.name, time.process_time()
    found = train_mirror(config, folder)
    lines = [json.loads(line) for line in (folder / PROGRESS).read_text().splitlines()]
    steps = [step for line in lines for step in line["executors"]]
    return {
        "validation": max(look["team"] for look in found.looks),
        "validation_start": found.looks[0]["team"],
        "kl_ref_max": max(step["kl_ref"] for step in steps if not step["rejected"]),
        "rejected": sum(step["rejected"] for step in steps),
        "generated": sum(line["cost"]["generated"] for line in lines),
        "cpu_s": time.process_time() - began,
        "best": str(found.best),
    }


def judged(adapters: str | None, size: Size) -> dict[str, Floats]:
    """[puzzles] share of right votes on the test puzzles of each family; without adapters, at the start."""
    from equipoise.learning.belief_questions import questions_of
    from equipoise.learning.mirror.adapted_models import AdaptedModels
    from equipoise.learning.mirror.engine import GenerateEngine
    from equipoise.learning.mirror.frozen_bases import base_of
    from equipoise.learning.mirror.joint import JointPlay

    players = team()
    models = AdaptedModels([base_of(e) for e in players.executors], names=[e.name for e in players.executors])
    for i, executor in enumerate(players.executors):
        if adapters is not None:
            models.load(i, Path(adapters) / executor.name)
    scores = {}
    for family in size.families:
        asked = questions_of("embedded", {"families": family, "n_per_family": size.tested})
        play = JointPlay(models, GenerateEngine(models), players, asked)
        joint = play.play(range(len(asked)), group=size.samples, seed=0, as_played=True)
        scores[family] = joint.vote_right.double().reshape(len(asked), size.samples).mean(1).numpy()
    return scores


def _trained_and_judged(run: Run, *, size: Size, out: Path) -> tuple[dict[str, Any], dict[str, Floats]]:
    told = trained(run, size=size, out=out)
    return told, judged(told["best"], size)


def _rates(size: Size) -> list[Run]:
    return [Run(method=OURS, seed=RATE_SEED, lr=lr) for lr in RATES]


def _compared(
    found: Sequence[tuple[Run, Mapping[str, Any], Mapping[str, Floats]]], before: Mapping[str, Floats], size: Size
) -> dict[str, Any]:
    """Accuracy before and after in points, with the interval of the difference, and what the runs did."""
    families = {
        family: _row(before[family], np.mean([scores[family] for _, _, scores in found], axis=0))
        for family in size.families
    }
    everything = [np.concatenate([scores[family] for family in size.families]) for _, _, scores in found]
    return {
        "families": families,
        "all": _row(np.concatenate([before[family] for family in size.families]), np.mean(everything, axis=0)),
        "by_seed": [round(100 * float(scores.mean()), 2) for scores in everything],
        "kl_ref_max": max(told["kl_ref_max"] for _, told, _ in found),
        "rejected": sum(told["rejected"] for _, told, _ in found),
        "generated": [told["generated"] for _, told, _ in found],
        "cpu_minutes": [round(told["cpu_s"] / 60, 1) for _, told, _ in found],
    }


def _row(before: Floats, after: Floats) -> dict[str, float]:
    at = difference_of(after - before).interval
    shown = {"start": before.mean(), "end": after.mean(), "difference": at.mean, "lo": at.low, "hi": at.high}
    return {name: round(100 * float(value), 2) for name, value in shown.items()}


def _show(told: Mapping[str, Any]) -> None:
    for name, each in {OURS: told, **told["baselines"]}.items():
        print(
            f"\n{name}: KL from the reference at most {each['kl_ref_max']:.3f}, {each['rejected']} updates taken back"
        )
        for family, row in {**each["families"], "all": each["all"]}.items():
            difference = f"{row['difference']:+6.1f} [{row['lo']:+.1f}, {row['hi']:+.1f}]"
            print(f"  {family:12} {row['start']:6.1f} -> {row['end']:6.1f}  {difference}")
    print(f"\n{told['throughput']}\n{told['memory']}\n{told['minutes']} minutes")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="minutes instead of an hour")
    parser.add_argument("--out", type=Path, default=Path("runs/mirror-benchmark"), help="folder of the runs")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.out = args.out / ("quick" if args.quick else "full")
    return args


if __name__ == "__main__":
    main()

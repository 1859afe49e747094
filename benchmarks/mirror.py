"""DICE-FT on the embedded team: held-out accuracy before and after, beside baselines at the same budget.

    python benchmarks/mirror.py [--quick] [--out FOLDER] [--jobs 2] [--json benchmarks/results/mirror.json]
    python benchmarks/mirror.py --rates         validation accuracy by rate, from which RATE was chosen

Every run trains LoRA adapters of the three embedded models on puzzles of one family, of the training side, keeps those
that did best on validation puzzles, and is judged on test puzzles, answered at the team's own sampling temperature: a
renamed puzzle is never on both sides. The executor that does best on validation puzzles at the start is the team's
first, which wins ties, as a user would list them. Baselines differ in what they name and in nothing else. Intervals are
paired by puzzle, and drawn over puzzles and seeds at once.

A run lies in FOLDER and goes on where it was stopped. On two cores about two hours; `--quick` takes minutes and shows
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
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equipoise.analysis.paired import difference_of
from equipoise.cli.threads import one_thread
from equipoise.learning.mirror.settings import BASELINES, MirrorSettings, to_json
from equipoise.team.team import Team
from mirror_throughput import memory, throughput

if TYPE_CHECKING:
    from equipoise.learning.mirror.joint import JointRollouts

OURS = "dice_ft"
RATE = 1e-3
RATES = (5e-4, 1e-3, 2e-3)
RATE_SEED = 1000
"""Of the runs that choose the rate; no run that is judged has it."""

VARIANTS: Mapping[str, Mapping[str, Any]] = {**BASELINES, "team_return": {"group_return": "team"}}
"""What is compared with, by what it changes: the baselines, and groups compared by R^g as they were drawn."""

PLAYED_FOR_THE_TEAM = MirrorSettings(
    lr=RATE, own=0.0, group_return="expected", alpha_high=1e-3, alpha_low=1e-4, validation=96, look_every=4
)
"""Chosen on validation puzzles: executors that know nothing of a family must learn not to outvote the one that does."""

DRAWS = 4000
"""Of the bootstrap."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done.

    Attributes:
        families: of the puzzles: those that the models have learned at all.
        compared: families on which baselines are trained too.
        puzzles: of a family, to train and to look at.
        tested: held-out puzzles of a family.
        samples: joint answers to each of them.
        seeds, baseline_seeds: of the method and of each baseline.
        settings: of every run.
    """

    families: tuple[str, ...]
    compared: tuple[str, ...]
    puzzles: int
    tested: int
    samples: int
    seeds: int
    baseline_seeds: int
    settings: MirrorSettings


FULL = Size(
    families=("blocks", "ordering", "drills", "arithmetic"),
    compared=("ordering",),
    puzzles=600,
    tested=80,
    samples=4,
    seeds=5,
    baseline_seeds=3,
    settings=replace(PLAYED_FOR_THE_TEAM, iterations=14, prompts=16),
)
QUICK = replace(
    FULL,
    families=("blocks", "ordering"),
    puzzles=60,
    tested=10,
    samples=2,
    seeds=2,
    baseline_seeds=1,
    settings=replace(PLAYED_FOR_THE_TEAM, iterations=2, prompts=4, group=4, validation=8, look_every=2),
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run to make: a method on a family under a seed at a rate; names of the team's executors in order."""

    method: str
    family: str
    team: tuple[str, ...]
    seed: int
    lr: float = RATE

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.method}-{self.family}-{self.seed}-{self.lr:g}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes:
        run: which.
        told: its best validation accuracy, divergences, tokens, CPU seconds.
        scores: see `judged`, with the adapters kept.
    """

    run: Run
    told: Mapping[str, Any]
    scores: Floats


def main() -> None:
    """Prints the tables, and writes them as JSON."""
    args = _arguments()
    one_thread()
    size = QUICK if args.quick else FULL
    began = time.time()
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        teams = dict(zip(size.families, pool.map(partial(ordered, size), size.families), strict=True))
        if args.rates:
            _show_rates(pool, size, args.out, teams)
            return
        runs = [Run(method=OURS, family=f, team=teams[f], seed=seed) for seed in range(size.seeds) for f in teams]
        runs += [
            Run(method=name, family=f, team=teams[f], seed=seed)
            for seed in range(size.baseline_seeds)
            for name in VARIANTS
            for f in size.compared
        ]
        at_start = partial(judged, None, size)
        started = dict(zip(teams, pool.map(at_start, teams, teams.values()), strict=True))
        found = []
        for outcome in pool.map(partial(_trained_and_judged, size=size, out=args.out), runs):
            found.append(outcome)
            _show_run(outcome, started, len(found), len(runs))
    told = _told(found, started, size) | {
        "throughput": throughput(team_of()),
        "memory": memory(team_of()),
        "minutes": round((time.time() - began) / 60, 1),
        "date": date.today().isoformat(),
        "machine": platform.platform(),
        "python": platform.python_version(),
    }
    _show(told)
    if args.json:
        args.json.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")


def team_of(names: Sequence[str] | None = None) -> Team:
    """The embedded team, its executors in some order."""
    from equipoise.models import embedded

    team = Team.from_toml(Path(embedded.__file__).parent / "embedded_team.toml")
    return team if names is None else team.model_copy(update={"executors": tuple(map(team.executor, names))})


def ordered(size: Size, family: str) -> tuple[str, ...]:
    """The executors' names, best on validation puzzles first."""
    joint = played(None, team_of(), {"families": family, "n_per_family": size.tested, "split": "validation"}, 2)
    right = joint.own_right.double().mean(0).tolist()
    names = [executor.name for executor in team_of().executors]
    return tuple(sorted(names, key=lambda name: -right[names.index(name)]))


def trained(run: Run, *, size: Size, out: Path) -> dict[str, Any]:
    """What became of a run, made or gone on with."""
    from equipoise.learning.mirror_finetuning import PROGRESS, MirrorConfig, train_mirror

    settings = replace(size.settings, **VARIANTS.get(run.method, {}))
    config = MirrorConfig(
        task="embedded",
        task_args={"families": run.family, "split": "validation", "n_per_family": size.puzzles},
        team=team_of(run.team),
        settings=replace(settings, lr=run.lr, seed=run.seed),
    )
    folder, began = out / run.name, time.process_time()
    spent, goes_on = folder / "cpu_s.json", (folder / PROGRESS).is_file()
    found = train_mirror(config, folder)
    if not spent.is_file():  # what a run that was stopped spent before is not known
        spent.write_text(json.dumps(None if goes_on else time.process_time() - began))
    lines = [json.loads(line) for line in (folder / PROGRESS).read_text().splitlines()]
    if len(lines) != config.settings.iterations:
        raise SystemExit(
            f"'{folder}' holds {len(lines)} iterations, not {config.settings.iterations}. Name another --out."
        )
    steps = [step for line in lines for step in line["executors"]]
    return {
        "validation": [look["team"] for look in found.looks],
        "kl_ref_max": max(step["kl_ref"] for step in steps if not step["rejected"]),
        "rejected": sum(step["rejected"] for step in steps),
        "generated": sum(line["cost"]["generated"] for line in lines),
        "cpu_s": json.loads(spent.read_text()),
        "best": str(found.best),
    }


def judged(adapters: str | None, size: Size, family: str, names: Sequence[str]) -> Floats:
    """[2, puzzles] shares of right votes and of right answers of the first executor, on a family's test puzzles.

    Without adapters, at the start.
    """
    joint = played(adapters, team_of(names), {"families": family, "n_per_family": size.tested}, size.samples)
    right = np.stack([joint.vote_right.numpy(), joint.own_right[:, 0].numpy()])
    return right.reshape(2, -1, size.samples).mean(2)


def played(adapters: str | None, team: Team, puzzles: Mapping[str, Any], samples: int) -> JointRollouts:
    """Joint answers to puzzles as the team plays, with the adapters of a folder or without."""
    from equipoise.learning.belief_questions import questions_of
    from equipoise.learning.mirror.adapted_models import AdaptedModels
    from equipoise.learning.mirror.engine import GenerateEngine
    from equipoise.learning.mirror.joint import JointPlay

    models = AdaptedModels.of(team.executors)
    for i, executor in enumerate(team.executors):
        if adapters is not None:
            models.load(i, Path(adapters) / executor.name)
    asked = questions_of("embedded", puzzles)
    return JointPlay(models, GenerateEngine(models), team, asked).play(
        range(len(asked)), group=samples, seed=0, as_played=True
    )


def _trained_and_judged(run: Run, *, size: Size, out: Path) -> Outcome:
    told, kept = trained(run, size=size, out=out), out / run.name / "scores.json"
    of = {"adapters": _digest(Path(told["best"])), "tested": size.tested, "samples": size.samples}
    held = json.loads(kept.read_text()) if kept.is_file() else {}
    if held.get("of") != of:
        held = {"of": of, "scores": judged(told["best"], size, run.family, run.team).tolist()}
        kept.write_text(json.dumps(held))
    return Outcome(run=run, told=told, scores=np.array(held["scores"]))


def _digest(adapters: Path) -> str:
    """Of the weights of all adapters in a folder."""
    files = sorted(adapters.glob("*/adapter_model.safetensors"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _told(found: Sequence[Outcome], started: Mapping[str, Floats], size: Size) -> dict[str, Any]:
    methods = {
        name: _compared([each for each in found if each.run.method == name], started) for name in (OURS, *VARIANTS)
    }
    return {
        **methods.pop(OURS),
        "baselines": methods,
        "puzzles": {"train": size.puzzles, "test": size.tested, "samples": size.samples},
        "settings": to_json(size.settings),
    }


def _compared(found: Sequence[Outcome], started: Mapping[str, Floats]) -> dict[str, Any]:
    """Accuracy before and after in points, with the interval of the difference, and what the runs did."""
    by_family: dict[str, list[Outcome]] = {}
    for each in found:
        by_family.setdefault(each.run.family, []).append(each)
    return {
        "families": {
            family: _row(started[family][0], np.stack([each.scores[0] for each in runs]))
            | {"by_seed": [round(100 * float(each.scores[0].mean()), 2) for each in runs]}
            | {"first_executor": _row(started[family][1], np.stack([each.scores[1] for each in runs]))}
            for family, runs in by_family.items()
        },
        "seeds": len({each.run.seed for each in found}),
        "kl_ref_max": round(max(each.told["kl_ref_max"] for each in found), 4),
        "updates_taken_back": sum(each.told["rejected"] for each in found),
        "generated_tokens": round(float(np.mean([each.told["generated"] for each in found]))),
        "cpu_minutes": round(max(each.told["cpu_s"] or 0.0 for each in found) / 60, 2),
    }


def _row(before: Floats, after: Floats) -> dict[str, Any]:
    """Shapes [puzzles], [seeds, puzzles]."""
    gain = after - before
    if np.ptp(gain) == 0.0:  # no draw differs, which is no proof that no puzzle would
        at = difference_of(gain.mean(0)).interval
        low, high = at.low, at.high
    else:
        rng, (seeds, puzzles) = np.random.default_rng(0), gain.shape
        drawn = rng.integers(seeds, size=(DRAWS, seeds, 1)), rng.integers(puzzles, size=(DRAWS, 1, puzzles))
        low, high = np.quantile(gain[drawn].mean((1, 2)), [0.025, 0.975])
    shown = {"start": before.mean(), "end": after.mean(), "difference": gain.mean(), "lo": low, "hi": high}
    return {name: round(100 * float(value), 2) for name, value in shown.items()}


def _show_run(outcome: Outcome, started: Mapping[str, Floats], done: int, total: int) -> None:
    before, after = started[outcome.run.family][0].mean(), outcome.scores[0].mean()
    seconds = outcome.told["cpu_s"]
    spent = "resumed" if seconds is None else f"{seconds:.0f} s of CPU"
    print(f"{done}/{total} {outcome.run.name}: {100 * before:.1f} -> {100 * after:.1f}, {spent}", flush=True)


def _show_rates(pool: ProcessPoolExecutor, size: Size, out: Path, teams: Mapping[str, tuple[str, ...]]) -> None:
    """Prints the validation accuracy at the start and at best, by rate and family."""
    runs = [Run(method=OURS, family=f, team=teams[f], seed=RATE_SEED, lr=lr) for lr in RATES for f in size.compared]
    for run, told in zip(runs, pool.map(partial(trained, size=size, out=out), runs), strict=True):
        looks = " ".join(f"{look:.3f}" for look in told["validation"])
        print(f"{run.family:12} rate {run.lr:g}: {looks}; {told['rejected']} updates taken back", flush=True)


def _show(told: Mapping[str, Any]) -> None:
    for name, each in {OURS: told, **told["baselines"]}.items():
        print(f"\n{name}: KL from the reference at most {each['kl_ref_max']:.3f}", end="")
        print(f", {each['updates_taken_back']} updates taken back, {each['generated_tokens']} tokens drawn a run")
        for family, row in each["families"].items():
            difference = f"{row['difference']:+6.1f} [{row['lo']:+.1f}, {row['hi']:+.1f}]"
            alone = f"first executor {row['first_executor']['start']:.1f} -> {row['first_executor']['end']:.1f}"
            print(f"  {family:12} {row['start']:6.1f} -> {row['end']:6.1f}  {difference}, {alone}")
    print(f"\n{told['throughput']}\n{told['memory']}\n{told['minutes']} minutes")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="minutes instead of an hour")
    parser.add_argument("--out", type=Path, default=Path("runs/mirror-benchmark"), help="folder of the runs")
    parser.add_argument("--rates", action="store_true", help="show validation accuracy by rate instead")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.out = args.out / ("quick" if args.quick else "full")
    return args


if __name__ == "__main__":
    main()

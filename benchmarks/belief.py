"""Trains ECON on the embedded team and on a synthetic one, and plays it beside other methods.

    python benchmarks/belief.py [--quick] [--out runs/belief] [--json benchmarks/results/belief.json]

1. A synthetic team whose best [T, p] differ by executor and are known: how far from them the learned ones are.
2. The embedded team over five seeds: TD error and best-response gap at the start and at the end, and the reward on
   questions kept for testing with learned, random and fixed [T, p], with equal calls.
3. `equipoise eval` on the task's own test puzzles: ECON, debate (3 rounds), self-consistency, and `dice_pc` where it
   is there. All of them against self-consistency at equal tokens; tokens saved against debate; both with intervals.

The families are the four that the models have learned (docs/embedded_models.md); on the other two all settings guess.
A run that was stopped goes on with the same command. About 25 minutes of one core; --quick takes about two and proves
nothing but that it runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from belief_evaluation import evaluated, resampled
from equipoise import models
from equipoise.games.grid_response import respond
from equipoise.learning.belief import ANSWERS, POLICY, BeliefConfig, train_belief
from equipoise.learning.belief_live import LiveTeam
from equipoise.learning.belief_questions import questions_of
from equipoise.learning.belief_settings import TrainingSettings
from equipoise.learning.belief_stages import Exploration, Floats, Rollouts, Source, play, splits, trajectory
from equipoise.learning.belief_synthetic import SyntheticTeam
from equipoise.learning.belief_training import train
from equipoise.learning.belief_weights import START
from equipoise.networks.belief_network import BeliefNetworkSettings
from equipoise.networks.belief_policy import load_policy
from equipoise.networks.belief_team import BeliefTeam
from equipoise.networks.text_embedding import TextEmbedder
from equipoise.team.team import Team

BEST = ((0.5, 0.75), (1.5, 0.3), (1.0, 0.6))
"""e* of the synthetic executors."""

CENTRE = (1.05, 0.5)
"""Fixed [T, p]: the middle of the range."""

FAMILIES = "arithmetic,blocks,drills,ordering"
NETWORK = BeliefNetworkSettings(width=64, feedforward=128, belief=64)
"""Smaller than the default, for two cores: 0.2 M parameters an executor."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is run."""

    seeds: int = 5
    synthetic_episodes: int = 480
    episodes: int = 320
    validation: int = 24
    training_puzzles: int = 80
    test_puzzles: int = 25


QUICK = Size(seeds=1, synthetic_episodes=48, episodes=32, validation=12, training_puzzles=12, test_puzzles=4)


def settings(size: Size, seed: int, episodes: int) -> TrainingSettings:
    """The same for both teams; only the number of episodes differs."""
    return TrainingSettings(episodes=episodes, look_every=8, validation=size.validation, seed=seed, network=NETWORK)


def synthetic(size: Size, out: Path) -> dict[str, Any]:
    """Distance of learned [T, p] from the known best, as a share of the range, and what they earn on test questions."""
    errors: list[Floats] = []
    earned: dict[str, list[float]] = {"learned": [], "random": [], "fixed": []}
    for seed in range(size.seeds):
        source = SyntheticTeam(BEST, seed=seed)
        run = out / f"synthetic-{seed}"
        done = train(source, settings(size, seed, size.synthetic_episodes), run, progress=told(f"synthetic {seed}"))
        where = splits(source.texts, 0)["test"].tolist()
        played = asyncio.run(played_by(source, done.team, where))
        earned["learned"].append(reward(played))
        earned["random"].append(reward(asyncio.run(played_by(source, done.team, where, anywhere=seed))))
        earned["fixed"].append(reward(asyncio.run(played_by(source, done.team, where, point=CENTRE))))
        width = np.array(done.team.box.high) - np.array(done.team.box.low)
        errors.append(np.abs(played.profiles.mean(axis=0) - source.best) / width)
    found = np.array(errors)  # [seeds, stages, executors, 2]
    return {
        "best": [list(point) for point in BEST],
        "reward": {name: mean(values) for name, values in earned.items()},
        "reward_by_seed": {name: [round(value, 4) for value in values] for name, values in earned.items()},
        "mean_error": round(float(found.mean()), 4),
        "largest_error": [round(float(error.max()), 4) for error in found],
        "within_10_percent": round(float((found <= 0.1).mean()), 4),
    }


def embedded_team() -> Team:
    """The team that comes with the package."""
    assert models.__file__ is not None
    return Team.from_toml(Path(models.__file__).parent / "embedded_team.toml")


def trained(size: Size, out: Path) -> dict[str, Any]:
    """TD error, gap and reward over the seeds."""
    answers, runs = out / ANSWERS, []
    args = {"split": "validation", "n_per_family": size.training_puzzles, "families": FAMILIES}
    for seed in range(size.seeds):
        config = BeliefConfig(
            task="embedded",
            task_args=args,
            team=embedded_team(),
            answers=answers,
            training=settings(size, seed, size.episodes),
        )
        runs.append(train_belief(config, out / f"seed-{seed}", told(f"embedded {seed}")))
    asked = questions_of("embedded", args)
    source = LiveTeam(embedded_team(), asked, TextEmbedder(), kept=answers)
    where = splits(source.texts, 0)["test"].tolist()
    looks = [run.looks for run in runs]
    played = {
        "learned": [asyncio.run(played_by(source, run.team, where)) for run in runs],
        "random": [asyncio.run(played_by(source, run.team, where, anywhere=i)) for i, run in enumerate(runs)],
        "fixed": [asyncio.run(played_by(source, runs[0].team, where, point=CENTRE))],
    }
    corners = {"coldest": (0.1, 0.1), "hottest": (2.0, 0.9)}
    at = {name: asyncio.run(played_by(source, runs[0].team, where, point=point)) for name, point in corners.items()}
    both = list(zip(runs, played["learned"], strict=True))
    return {
        "td": [mean(first.td for first, *_ in looks), mean(every[-1].td for every in looks)],
        "gap": [mean(run.gap[0] for run in runs), mean(run.gap[1] for run in runs)],
        "gap_in_play": np.mean([responded(run.team, one) for run, one in both], axis=0).round(4).tolist(),
        "gap_at_the_time": [mean(first.gap for first, *_ in looks), mean(every[-1].gap for every in looks)],
        "reward": {name: mean(reward(one) for one in many) for name, many in played.items()},
        "reward_at": {name: mean([reward(one)]) for name, one in at.items()},
        "reward_by_seed": {name: [round(reward(one), 4) for one in many] for name, many in played.items()},
        "reward_difference": {name: difference(played["learned"], played[name]) for name in ("random", "fixed")},
        "executors_right": {name: mean(one.parts[..., 1].mean() for one in many) for name, many in played.items()},
        "commitments_right": {name: mean(one.right[:, -1].mean() for one in many) for name, many in played.items()},
        "learned_profile": np.mean([one.profiles.mean(0) for one in played["learned"]], axis=0).round(3).tolist(),
        "test_questions": len(where),
        "stops": [run.stop for run in runs],
    }


def responded(team: BeliefTeam, played: Rollouts) -> tuple[float, float]:
    """The gap of what the heads propose in stage 2, and after the damped best responses that `econ` plays."""
    found = []
    with torch.no_grad():
        observation = torch.as_tensor(played.observation, dtype=torch.float32)
        beliefs = team.eval().believe(trajectory(played.answers, played.commitments, 1), observation)
        proposed = team.prompts(beliefs).double().numpy()
    for m, profile in enumerate(proposed):
        values = team.payoff(beliefs[m : m + 1])
        gaps = respond(lambda profiles, values=values: values(profiles[None])[0], profile, team.box).gaps
        found.append((gaps[0], gaps[-1]))
    before, after = np.mean(found, axis=0)
    return float(before), float(after)


async def played_by(
    source: Source,
    team: BeliefTeam,
    where: Sequence[int],
    *,
    point: tuple[float, float] | None = None,
    anywhere: int | None = None,
) -> Rollouts:
    """Test questions at the heads' e, at one point, or anywhere in the range."""
    rng = np.random.default_rng(1000 + (anywhere or 0))
    shape = (len(where), 2, len(team.names), 2)
    low, high = np.array(team.box.low), np.array(team.box.high)
    profiles: Floats | None = None
    if point is not None:
        profiles = np.broadcast_to(np.array(point), shape)
    elif anywhere is not None:
        profiles = rng.uniform(low, high, shape)
    rounded = Exploration(grain=0.05)
    return await play(source, team, where, stages=2, rng=rng, exploration=rounded, profiles=profiles)


def reward(played: Rollouts) -> float:
    """Mean r_i at the first α."""
    return float((played.parts @ np.array(START)).mean())


def difference(left: Sequence[Rollouts], right: Sequence[Rollouts]) -> list[float]:
    """Learned minus other: mean over questions and the 95 % bootstrap interval over questions."""
    by_question = [
        np.mean([(one.parts @ np.array(START)).mean((1, 2)) for one in many], axis=0) for many in (left, right)
    ]
    return resampled(by_question[0] - by_question[1], np.mean)


def mean(values: Any) -> float:
    """The mean, to four decimals."""
    return round(float(np.mean(list(values))), 4)


def told(what: str) -> Any:
    """Progress as lines on stderr."""
    return lambda done, total, note: print(f"{what}: {done} of {total}, {note}", file=sys.stderr, flush=True)


def spent(out: Path, seconds: float, cpu_seconds: float) -> dict[str, int]:
    """Time of all processes that worked on a run, this one included."""
    file = out / "spent.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    now = {"seconds": seconds, "cpu_seconds": cpu_seconds}
    total = {name: round(value + before.get(name, 0)) for name, value in now.items()}
    file.write_text(json.dumps(total) + "\n", encoding="utf-8")
    return total


def main() -> None:
    """Runs everything and prints it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    size = QUICK if given.quick else Size()
    out = given.out or Path("runs") / ("belief-quick" if given.quick else "belief")
    started = time.perf_counter(), time.process_time()
    found: dict[str, Any] = {
        "date": str(date.today()),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "quick": given.quick,
        "seeds": list(range(size.seeds)),
        "synthetic": synthetic(size, out),
        **trained(size, out),
    }
    policies = [out / f"seed-{seed}" / POLICY for seed in range(size.seeds)]
    found["parameters"] = sum(parameter.numel() for parameter in load_policy(policies[0]).team.parameters())
    found |= evaluated(embedded_team(), policies, FAMILIES, size.test_puzzles, out)
    found |= spent(out, time.perf_counter() - started[0], time.process_time() - started[1])
    text = json.dumps(found, indent=1) + "\n"
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

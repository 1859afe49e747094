"""Measures the embedded models on the test split and writes the numbers as JSON and into the model card.

    python -m training.embedded.evaluate --puzzles 200 --compared 100 --workers 2

Greedy decoding in fp32 from the committed fp16 weights, one thread per worker, one family at a time in each.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch

from equipoise.tasks.family import draw_split, families
from training.embedded.card import CARD, write_card
from training.embedded.measures import MEASURED, measure, precision, right, training
from training.embedded.recipes import RECIPES
from training.embedded.respond import Responder
from training.embedded.shortcuts import shortcut_accuracy
from training.embedded.train import WEIGHTS

PRECISION_PUZZLES = 30
"""Puzzles of each family on which fp32 and fp16 weights are compared."""


def loaded(weights: Path) -> dict[str, Responder]:
    """The team, on one thread."""
    torch.set_num_threads(1)
    return {name: Responder(weights / name) for name in RECIPES}


def measure_family(family: str, weights: Path, n: int, compared: int, seed: int) -> tuple[dict[str, Any], float]:
    """All measurements on one family, and the processor time in seconds."""
    started = time.process_time()
    found = measure(loaded(weights), draw_split(families()[family], "test", seed, n), compared)
    print(family, json.dumps(found["accuracy"]), flush=True)
    return found, time.process_time() - started


def model_facts(weights: Path, runs: Path, seed: int) -> dict[str, Any]:
    """Parameters, training effort and the effect of fp16 of each model."""
    team = loaded(weights)
    drawn = (draw_split(family, "test", seed, PRECISION_PUZZLES) for family in families().values())
    return {
        "parameters": {name: model.model.num_parameters() for name, model in team.items()},
        "training": {name: training(runs / f"{name}.pt") for name in team},
        "fp32 minus fp16": precision(team, [puzzle for puzzles in drawn for puzzle in puzzles], runs),
    }


def shortcuts(n: int, seed: int) -> Mapping[str, Mapping[str, float]]:
    """Accuracy of the rules that answer without reasoning."""
    return shortcut_accuracy({name: draw_split(f, "test", seed, n) for name, f in families().items()}, right)


def main() -> None:
    """Reads the command line, measures, writes the JSON and the card."""
    parser = argparse.ArgumentParser(description="Measure the embedded models on the test split.")
    parser.add_argument("--puzzles", type=int, default=200, help="test puzzles of each family")
    parser.add_argument("--compared", type=int, default=100, help="puzzles for plans, peers and choices")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="families measured at the same time")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--runs", type=Path, default=Path("runs/embedded"), help="folder of checkpoints")
    parser.add_argument("--out", type=Path, default=MEASURED)
    parser.add_argument("--card", type=Path, default=CARD)
    asked = parser.parse_args()
    one = partial(measure_family, weights=asked.weights, n=asked.puzzles, compared=asked.compared, seed=asked.seed)
    with ProcessPoolExecutor(asked.workers) as pool:
        facts = pool.submit(model_facts, asked.weights, asked.runs, asked.seed)
        by_family = dict(zip(families(), pool.map(one, families()), strict=True))
        found = {
            "puzzles": asked.puzzles,
            "compared": asked.compared,
            "seed": asked.seed,
            "families": {name: measured for name, (measured, _) in by_family.items()},
            "shortcuts": shortcuts(asked.puzzles, asked.seed),
            "evaluation_cpu_min": sum(cpu_s for _, cpu_s in by_family.values()) / 60,
            **facts.result(),
        }
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    write_card(found, asked.card)


if __name__ == "__main__":
    main()

"""Measures the embedded models on the test split and writes the numbers as JSON and into the model card.

    python -m training.embedded.evaluate --puzzles 250

Greedy decoding in fp32 from the committed fp16 weights.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from equipoise.tasks.family import draw_split, families
from training.embedded.card import CARD, write_card
from training.embedded.measures import MEASURED, measure, precision, training
from training.embedded.recipes import RECIPES
from training.embedded.respond import Responder
from training.embedded.train import WEIGHTS

PRECISION_PUZZLES = 40
"""Puzzles of each family on which fp32 and fp16 weights are compared."""


def main() -> None:
    """Reads the command line, measures, writes the JSON and the card."""
    parser = argparse.ArgumentParser(description="Measure the embedded models on the test split.")
    parser.add_argument("--puzzles", type=int, default=250, help="test puzzles of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--runs", type=Path, default=Path("runs/embedded"), help="folder of checkpoints")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    team = {name: Responder(arguments.weights / name) for name in RECIPES}
    found = measure(team, arguments.puzzles, arguments.seed)
    drawn = (draw_split(family, "test", arguments.seed, PRECISION_PUZZLES) for family in families().values())
    sample = [puzzle for puzzles in drawn for puzzle in puzzles]
    found["fp32 minus fp16"] = precision(team, sample, arguments.runs)
    found["parameters"] = {name: model.model.num_parameters() for name, model in team.items()}
    found["training"] = {name: training(arguments.runs / f"{name}.pt") for name in team}
    found["evaluation_cpu_min"] = (time.process_time() - started) / 60
    MEASURED.write_text(json.dumps(found, indent=1) + "\n")
    write_card(found, CARD)


if __name__ == "__main__":
    main()

"""Measurements of the embedded models on test puzzles: strategies, plans, peers, choices, shortcuts.

Every measurement keeps which puzzles were right, so that the oracle and the differences between models are paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from equipoise.tasks.family import WORKED_STRATEGIES, Puzzle
from equipoise.team import prompt
from equipoise.team.prompt import Prompt
from training.embedded.data import KINDS, problem
from training.embedded.respond import Responder

MEASURED = Path(__file__).with_name("measured.json")
"""Where `evaluate` writes all measurements and `card` reads them."""

PLAN_CAP = 70
CHAIN = "step_by_step"
"""The strategy of the measurements that compare with and without something."""

Team = Mapping[str, Responder]
Puzzles = Sequence[Puzzle]


def key(puzzle: Puzzle, response: str) -> str | None:
    """The vote key of a response."""
    return problem(puzzle).read(response)


def right(puzzle: Puzzle, response: str) -> bool:
    """Whether the response's answer is right."""
    answer = key(puzzle, response)
    asked = problem(puzzle)
    return answer is not None and KINDS[puzzle.kind].grade(answer, puzzle.answer, asked)


def marks(puzzles: Puzzles, responses: Sequence[str]) -> list[bool]:
    """Which responses are right."""
    return [right(puzzle, response) for puzzle, response in zip(puzzles, responses, strict=True)]


def ask(puzzle: Puzzle, strategy: str, plan: str | None = None) -> Prompt:
    """The prompt of one strategy, with a plan if there is one."""
    return prompt.answer(problem(puzzle), prompt.STRATEGIES[strategy], plan=plan)


def strategies(team: Team, puzzles: Puzzles) -> dict[str, dict[str, list[str]]]:
    """Responses by model and strategy."""
    return {
        name: {s: model.respond([ask(puzzle, s) for puzzle in puzzles]) for s in WORKED_STRATEGIES}
        for name, model in team.items()
    }


def plan_help(team: Team, puzzles: Puzzles, without: Mapping[str, Mapping[str, list[bool]]]) -> dict[str, Any]:
    """Accuracy without a plan, with the family's plan and with the model's own, in the direct and the chained way."""
    found: dict[str, Any] = {}
    for name, model in team.items():
        own = model.respond([prompt.plan(problem(puzzle), PLAN_CAP) for puzzle in puzzles])
        found[name] = {
            "own plan is the family's": mean(p == puzzle.plan for p, puzzle in zip(own, puzzles, strict=True))
        }
        for strategy in ("direct", CHAIN):
            given = model.respond([ask(puzzle, strategy, puzzle.plan) for puzzle in puzzles])
            drawn = model.respond([ask(puzzle, strategy, p) for p, puzzle in zip(own, puzzles, strict=True)])
            found[name][strategy] = {
                "none": mean(without[name][strategy]),
                "given": mean(marks(puzzles, given)),
                "own": mean(marks(puzzles, drawn)),
            }
    return found


def majority(puzzle: Puzzle, responses: Sequence[str]) -> bool:
    """Whether the most frequent answer is right; the first of equals wins."""
    votes = Counter(answer for response in responses if (answer := key(puzzle, response)) is not None)
    return bool(votes) and KINDS[puzzle.kind].grade(votes.most_common(1)[0][0], puzzle.answer, problem(puzzle))


def peers_effect(team: Team, puzzles: Puzzles, first: Mapping[str, list[str]]) -> dict[str, Any]:
    """One round of debate and one aggregation over the team's first responses, against the majority vote."""
    names = list(team)
    found: dict[str, Any] = {
        "majority": mean(majority(puzzle, [first[name][i] for name in names]) for i, puzzle in enumerate(puzzles))
    }
    for name, model in team.items():
        before = marks(puzzles, first[name])
        revised = model.respond(
            [
                prompt.revise(
                    problem(puzzle),
                    ask(puzzle, CHAIN),
                    first[name][i],
                    [first[other][i] for other in names if other != name],
                )
                for i, puzzle in enumerate(puzzles)
            ]
        )
        combined = model.respond(
            [prompt.weigh(problem(puzzle), [first[n][i] for n in names]) for i, puzzle in enumerate(puzzles)]
        )
        after = marks(puzzles, revised)
        found[name] = {
            "before": mean(before),
            "after": mean(after),
            "repaired": mean(a and not b for a, b in zip(after, before, strict=True)),
            "spoiled": mean(b and not a for a, b in zip(after, before, strict=True)),
            "combined": mean(marks(puzzles, combined)),
        }
    return found


def choices(team: Team, puzzles: Puzzles) -> dict[str, float]:
    """Share of right choices between one right and one wrong chain, in alternating order; chance is one half."""
    prompts, gold = [], []
    for i, puzzle in enumerate(puzzles):
        pair = [puzzle.wrong[0].worked[CHAIN]]
        pair.insert(i % 2, puzzle.right.worked[CHAIN])
        prompts.append(prompt.choose(problem(puzzle), pair))
        gold.append(f"Best: {i % 2 + 1}")
    return {
        name: mean(said.strip() == best for said, best in zip(model.respond(prompts), gold, strict=True))
        for name, model in team.items()
    }


def oracle(right_by_model: Mapping[str, Mapping[str, list[bool]]]) -> dict[str, Any]:
    """Best strategy of each model, the best model, and the share of puzzles that any model gets right.

    `best` lets each model answer in its best strategy, `chain` lets all answer step by step.
    """
    best = {name: max(cells, key=lambda s: mean(cells[s])) for name, cells in right_by_model.items()}
    chosen = [right_by_model[name][best[name]] for name in best]
    chained = [cells[CHAIN] for cells in right_by_model.values()]
    return {
        "strategy": best,
        "best": {"model": max(map(mean, chosen)), "oracle": mean(map(any, zip(*chosen, strict=True)))},
        "chain": {"model": max(map(mean, chained)), "oracle": mean(map(any, zip(*chained, strict=True)))},
    }


def precision(team: Team, puzzles: Puzzles, runs: Path) -> dict[str, float]:
    """Accuracy step by step with the fp32 weights of the checkpoints minus that with the fp16 weights."""
    found: dict[str, float] = {}
    for name, model in team.items():
        path = runs / f"{name}.pt"
        if path.exists():
            prompts = [ask(puzzle, CHAIN) for puzzle in puzzles]
            half = mean(marks(puzzles, model.respond(prompts)))
            stored = {k: v.clone() for k, v in model.model.state_dict().items()}
            model.model.load_state_dict(torch.load(path, weights_only=True)["model"])
            found[name] = mean(marks(puzzles, model.respond(prompts))) - half
            model.model.load_state_dict(stored)
    return found


def measure(team: Team, puzzles: Puzzles, compared: int) -> dict[str, Any]:
    """All measurements on one family: strategies on all puzzles, the rest on the first `compared`."""
    responses = strategies(team, puzzles)
    by_model = {name: {s: marks(puzzles, r) for s, r in cells.items()} for name, cells in responses.items()}
    few = puzzles[:compared]
    firsts = {name: cells[CHAIN][:compared] for name, cells in responses.items()}
    without = {name: {s: right[:compared] for s, right in cells.items()} for name, cells in by_model.items()}
    return {
        "accuracy": {name: {s: mean(m) for s, m in cells.items()} for name, cells in by_model.items()},
        "oracle": oracle(by_model),
        "plans": plan_help(team, few, without),
        "peers": peers_effect(team, few, firsts),
        "choices": choices(team, few),
    }


def training(path: Path) -> dict[str, float]:
    """Steps and processor minutes of a run, read from its checkpoint."""
    if not path.exists():
        return {}
    saved = torch.load(path, weights_only=True)
    return {"steps": saved["place"][0], "cpu_min": saved["cpu_s"] / 60}

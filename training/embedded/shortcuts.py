"""Rules that answer without reasoning: what a family's accuracy has to be compared with.

Each rule sees what a model sees. The looked-up rule for syllogisms is fitted on training puzzles, so that it is as
good as any rule on its features can be.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from equipoise.tasks.families.blocks import actions
from equipoise.tasks.family import Puzzle, draw_split, families

FITTED_ON = 4000
"""Training puzzles behind the looked-up rule."""

Rule = Callable[[Puzzle], str]


def _numbers(puzzle: Puzzle) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", puzzle.question)]


def _sum_of_numbers(puzzle: Puzzle) -> str:
    return str(sum(_numbers(puzzle)))


def _first_two(puzzle: Puzzle) -> str:
    """Only the first operation, by its keyword."""
    return puzzle.right.steps[0].partition("=")[2].rstrip(".")


def _told(puzzle: Puzzle) -> list[tuple[str, str]]:
    """Pairs (above, below) of an ordering puzzle."""
    up = {"taller", "older", "faster", "richer"}
    found = re.findall(r"(\w+) is (\w+) than (\w+)\.", puzzle.question)
    return [(a, b) if how in up else (b, a) for a, how, b in found]


def _count_wins(puzzle: Puzzle) -> str:
    """People sorted by comparisons won minus lost, ties by order of mention."""
    balance: Counter[str] = Counter()
    for above, below in _told(puzzle):
        balance[above] += 1
        balance[below] -= 1
    said = re.findall(r"second|third|fourth|fifth", puzzle.question)
    rank = 1 + ("second", "third", "fourth", "fifth").index(said[0]) if said else 0
    return sorted(balance, key=lambda name: -balance[name])[rank]


def _first_name(puzzle: Puzzle) -> str:
    return puzzle.question.split()[0]


def _terms(puzzle: Puzzle) -> tuple[int, ...]:
    """How often the asked noun and the known noun are the subject or object of an "every" or a "no" sentence."""
    known, asked = re.findall(r"\b\w+ is a (\w+)\. Is \w+ a (\w+):", puzzle.question)[0]
    rules = re.findall(r"(Every|No) (\w+) is a (\w+)\.", puzzle.question)
    return tuple(
        sum(form == said and noun == (a, b)[side] for said, a, b in rules)
        for noun in (known, asked)
        for form in ("Every", "No")
        for side in (0, 1)
    )


@cache
def _fitted() -> Mapping[tuple[int, ...], str]:
    counts: dict[tuple[int, ...], Counter[str]] = defaultdict(Counter)
    for puzzle in draw_split(families()["syllogisms"], "train", 0, FITTED_ON):
        counts[_terms(puzzle)][puzzle.answer] += 1
    return {terms: answers.most_common(1)[0][0] for terms, answers in counts.items()}


def _lookup(puzzle: Puzzle) -> str:
    return _fitted().get(_terms(puzzle), "unknown")


def _initial_holder(puzzle: Puzzle) -> str:
    asked = re.findall(r"Who has the (\w+)\?", puzzle.question)[0]
    return re.findall(rf"(\w+) has the {asked}[,.]", puzzle.question)[0]


def _last_swapped(puzzle: Puzzle) -> str:
    return re.findall(r"(\w+) swap\.", puzzle.question)[-1]


def _build_at_once(puzzle: Puzzle) -> str:
    """The goal stacks built from the bottom, as if nothing were in the way."""
    start_text, goal_text = re.findall(r"bottom: (.*)\. Goal: (.*)\. Which", puzzle.question)[0]
    start, goal = (tuple(stack.replace(" ", "") for stack in text.split("; ")) for text in (start_text, goal_text))
    return actions(start, [(over, under) for stack in goal for under, over in itertools.pairwise(stack)])


RULES: Mapping[str, Mapping[str, Rule]] = {
    "arithmetic": {"add all numbers": _sum_of_numbers, "first operation only": _first_two},
    "blocks": {"build the goal at once": _build_at_once},
    "drills": {"always add": _sum_of_numbers},
    "ordering": {"count wins minus losses": _count_wins, "first name": _first_name},
    "syllogisms": {"always unknown": lambda _: "unknown", "look up roles of the two nouns": _lookup},
    "tracking": {"first holder": _initial_holder, "last name that swaps": _last_swapped},
}


def shortcut_accuracy(puzzles: Mapping[str, Sequence[Puzzle]], right: Callable[[Puzzle, str], bool]) -> dict[str, dict]:
    """Share of puzzles that each rule answers rightly, by family and rule."""
    return {
        family: {
            name: sum(right(puzzle, f"Answer: {rule(puzzle)}") for puzzle in puzzles[family]) / len(puzzles[family])
            for name, rule in rules.items()
        }
        for family, rules in RULES.items()
    }

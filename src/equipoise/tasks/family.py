"""The contract of task families: puzzles made by code, with exact answers and worked responses.

A family draws puzzles from a random generator. Each puzzle carries its answer, a right solution worked in
several strategies, plausible wrong solutions, and a plan line that never gives the answer away. The split is
decided by a hash of the puzzle's canonical form, in which names and objects are abstracted away, so that no test
puzzle is a renamed training puzzle.

A new family is one file in `tasks/families` with a module-level `FAMILY`. This module knows nothing of models.
"""

from __future__ import annotations

import hashlib
import importlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from equipoise import plugins

Kind = Literal["number", "word", "plan"]
Split = Literal["train", "test"]

WORKED_STRATEGIES = ("direct", "step_by_step", "decompose", "verify")
"""The strategies in which every solution is worked out."""

TEST_BUCKETS = 8
"""One canonical form in eight belongs to the test split."""

PEOPLE: tuple[str, ...] = (
    "Ann",
    "Bob",
    "Cleo",
    "Dan",
    "Eva",
    "Finn",
    "Gus",
    "Hana",
    "Ivo",
    "Jan",
    "Kim",
    "Leo",
    "Mia",
    "Nora",
)

MAX_REJECTED = 20_000
"""Draws in a row without a new puzzle of the split before a family counts as exhausted."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """One solution of a puzzle, right or wrong.

    Attributes:
        answer: what it ends in.
        steps: the chain of `step_by_step`, one sentence each, without the answer line.
        worked: the full response of each strategy, ending in "Answer: …".
    """

    answer: str
    steps: tuple[str, ...]
    worked: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Puzzle:
    """One puzzle of a family.

    Attributes:
        family: the family's name.
        kind: the answer kind's name.
        question: the text, without any instruction on how to answer.
        canonical: the instance without its surface names; decides the split.
        right: the right solution; its answer is the gold key (for plans, one of many right ones).
        wrong: plausible wrong solutions, at least two.
        plan: a Coordinator's line that names operations or first moves and never the answer.
        context: public facts that a verifier needs.
    """

    family: str
    kind: Kind
    question: str
    canonical: str
    right: Solution
    wrong: tuple[Solution, ...]
    plan: str
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> str:
        """The gold key."""
        return self.right.answer


class Family(Protocol):
    """A generator of puzzles of one sort."""

    @property
    def name(self) -> str:
        """The family's name, which is also its file's."""
        ...

    def draw(self, rng: random.Random) -> Puzzle:
        """One puzzle of either split; all randomness comes from `rng`."""
        ...


def solution(
    answer: str, steps: Sequence[str], *, decompose: Sequence[tuple[str, str]], attempt: str, check: Sequence[str]
) -> Solution:
    """A solution worked in every strategy from its parts.

    Args:
        answer: what it ends in.
        steps: the chain, one sentence each.
        decompose: smaller questions and their answers.
        attempt: the short first solution of `verify`, which the check may contradict.
        check: the sentences that test the attempt; the answer follows from them.
    """
    smaller = " ".join(f"Q: {question}? A: {reply}." for question, reply in decompose)
    last = f"Answer: {answer}"
    return Solution(
        answer=answer,
        steps=tuple(steps),
        worked={
            "direct": last,
            "step_by_step": " ".join((*steps, last)),
            "decompose": f"{smaller} {last}",
            "verify": " ".join((attempt, "Check:", *check, last)),
        },
    )


def is_test(puzzle: Puzzle) -> bool:
    """Whether the puzzle belongs to the test split; stable across processes and Python versions."""
    digest = hashlib.sha256(f"{puzzle.family}|{puzzle.canonical}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % TEST_BUCKETS == 0


def draw_split(family: Family, split: Split, seed: int, n: int) -> list[Puzzle]:
    """`n` puzzles of one split with distinct questions, the same for the same arguments.

    Raises:
        ValueError: the family has too few puzzles in this split.
    """
    rng = random.Random(f"{family.name}|{split}|{seed}")
    puzzles: dict[str, Puzzle] = {}
    rejected = 0
    while len(puzzles) < n:
        puzzle = family.draw(rng)
        if is_test(puzzle) == (split == "test") and puzzle.question not in puzzles:
            puzzles[puzzle.question] = puzzle
            rejected = 0
            continue
        rejected += 1
        if rejected > MAX_REJECTED:
            raise ValueError(f"family {family.name!r} has only {len(puzzles)} {split} puzzles, asked for {n}")
    return list(puzzles.values())


def families() -> dict[str, Family]:
    """All families by name, in alphabetical order, found by listing `tasks/families`."""
    package = importlib.import_module("equipoise.tasks.families")
    return {name: plugins.load(package, name, what="family").FAMILY for name in plugins.names(package)}

"""Who is tallest, second oldest, … from comparisons of four or five people; the answer is a name."""

from __future__ import annotations

import random
from dataclasses import dataclass

from equipoise.tasks.family import PEOPLE, Puzzle, Solution, solution

SCALES = (
    ("taller", "shorter", "tallest"),
    ("older", "younger", "oldest"),
    ("faster", "slower", "fastest"),
    ("richer", "poorer", "richest"),
)
RANKS = ("", "second ", "third ", "fourth ", "fifth ")

Fact = tuple[int, int]
"""Two positions in the order from the top; the first is above the second."""


def _solve(names: list[str], facts: list[Fact], rank: int, attempt: list[str]) -> Solution:
    """The solution for `names` from the top, which may be a wrong order; `attempt` is tried first."""
    told = [f"{names[above]} > {names[below]}" for above, below in facts]
    down = list(enumerate(names[: rank + 1], start=1))
    steps = [*(f"{pair}." for pair in told), *(f"{i} {name}." for i, name in down)]
    smaller = [("Pairs", ", ".join(told)), *((f"Number {i}", name) for i, name in down)]
    check: list[str] = []
    for above, below in facts:
        holds = attempt.index(names[above]) < attempt.index(names[below])
        check.append(f"{names[above]} > {names[below]} {'yes' if holds else 'no'}.")
    if attempt != names:
        check.append(f"{', '.join(names)}.")
    return solution(names[rank], steps, decompose=smaller, attempt=f"{', '.join(attempt)}.", check=check)


def _exchange(rng: random.Random, names: list[str], at: int | None = None) -> list[str]:
    """The names with two neighbours exchanged, one of them at place `at` if given."""
    first = rng.randrange(len(names) - 1) if at is None else min(max(at - rng.randint(0, 1), 0), len(names) - 2)
    swapped = list(names)
    swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
    return swapped


@dataclass(frozen=True)
class Ordering:
    """Total orders told by comparisons of neighbours, now and then with one more comparison."""

    name: str = "ordering"

    def draw(self, rng: random.Random) -> Puzzle:
        """One order of four or five people."""
        size = rng.choice((4, 5))
        names = rng.sample(PEOPLE, size)
        more, less, most = rng.choice(SCALES)
        facts = [(i, i + 1) for i in range(size - 1)]
        if rng.random() < 0.3:
            top = rng.randrange(size - 2)
            facts.append((top, rng.randint(top + 2, size - 1)))
        rng.shuffle(facts)
        flipped = [rng.random() < 0.5 for _ in facts]
        rank = rng.randrange(size)
        told = [
            f"{names[below]} is {less} than {names[above]}."
            if flip
            else f"{names[above]} is {more} than {names[below]}."
            for (above, below), flip in zip(facts, flipped, strict=True)
        ]
        attempt = _exchange(rng, names) if rng.random() < 0.3 else names
        orders = (_exchange(rng, names, rank), _exchange(rng, names, rank))
        chain = [facts.index((i, i + 1)) + 1 for i in range(size - 1)]
        return Puzzle(
            family=self.name,
            kind="word",
            question=f"{' '.join(told)} Who is the {RANKS[rank]}{most}?",
            canonical=f"{size} {rank} {list(zip(facts, flipped, strict=True))}",
            right=_solve(names, facts, rank, attempt),
            wrong=tuple(_slip(order, facts, rank, names) for order in orders),
            plan=f"from the top use sentences {', '.join(map(str, chain))}; take number {rank + 1}.",
        )


def _slip(order: list[str], facts: list[Fact], rank: int, names: list[str]) -> Solution:
    """The solution of a wrong order, whose check agrees with itself."""
    place = {name: i for i, name in enumerate(order)}
    seen = [tuple(sorted((place[names[above]], place[names[below]]))) for above, below in facts]
    return _solve(order, [(above, below) for above, below in seen], rank, order)


FAMILY = Ordering()

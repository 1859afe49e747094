"""Who holds what after swaps among three or four people; the answer is a name."""

from __future__ import annotations

import random
from dataclasses import dataclass

from equipoise.tasks.family import PEOPLE, Puzzle, Solution, solution

ITEMS: tuple[str, ...] = ("cup", "hat", "key", "bell", "lamp", "ring", "map", "drum")

Swap = tuple[int, int]


def _swap(rng: random.Random, size: int) -> Swap:
    p, q = rng.sample(range(size), 2)
    return p, q


def _states(size: int, swaps: list[Swap], ignored: int | None) -> list[list[int]]:
    """The item of each person at the start and after each swap, with one swap left out if asked."""
    state = list(range(size))
    states = [state]
    for i, (p, q) in enumerate(swaps):
        state = list(state)
        if i != ignored:
            state[p], state[q] = state[q], state[p]
        states.append(state)
    return states


def _solve(
    names: list[str], items: list[str], swaps: list[Swap], asked: int, *, ignored: int | None, tried: int
) -> Solution:
    """The solution; `ignored` is a swap that it forgets, `tried` the person its first attempt names."""
    states = _states(len(names), swaps, ignored)
    holders = [state.index(asked) for state in states]
    final = holders[-1]
    steps = [f"{' '.join(items[i] for i in state)}." for state in states]
    smaller = [("Start", names[holders[0]])]
    check = [f"{names[holders[0]]}."]
    for (p, q), holder in zip(swaps, holders[1:], strict=True):
        smaller.append((f"{names[p]} and {names[q]}", names[holder]))
        check.append(f"{names[p]} {names[q]}: {names[holder]}.")
    check.append("yes." if tried == final else "no.")
    return solution(names[final], steps, decompose=smaller, attempt=f"{names[tried]}.", check=check)


def _wrong(
    rng: random.Random, names: list[str], items: list[str], swaps: list[Swap], asked: int, gold: int
) -> Solution:
    """A solution that forgets a swap that matters."""
    changed = []
    for i in range(len(swaps)):
        final = _states(len(names), swaps, i)[-1].index(asked)
        if final != gold:
            changed.append((i, final))
    ignored, tried = rng.choice(changed)
    return _solve(names, items, swaps, asked, ignored=ignored, tried=tried)


@dataclass(frozen=True)
class Tracking:
    """Swaps of objects."""

    name: str = "tracking"

    def draw(self, rng: random.Random) -> Puzzle:
        """Three or four people, three to five swaps, at least one of which moves the asked object."""
        size = rng.choice((3, 4))
        names, items = rng.sample(PEOPLE, size), rng.sample(ITEMS, size)
        asked = rng.randrange(size)
        while True:
            swaps = [_swap(rng, size) for _ in range(rng.randint(3, 5))]
            holders = [state.index(asked) for state in _states(size, swaps, None)]
            moving = [i + 1 for i in range(len(swaps)) if holders[i] != holders[i + 1]]
            if moving:
                break
        gold = holders[-1]
        others = [person for person in range(size) if person != gold]
        tried = rng.choice(others) if rng.random() < 0.3 else gold
        start = ", ".join(f"{name} has the {item}" for name, item in zip(names, items, strict=True))
        moves = " ".join(f"{names[p]} and {names[q]} swap." for p, q in swaps)
        return Puzzle(
            family=self.name,
            kind="word",
            question=f"{start}. {moves} Who has the {items[asked]}?",
            canonical=f"{size} {asked} {[tuple(sorted(swap)) for swap in swaps]}",
            right=_solve(names, items, swaps, asked, ignored=None, tried=tried),
            wrong=tuple(_wrong(rng, names, items, swaps, asked, gold) for _ in range(2)),
            plan=f"follow the {items[asked]}; only swaps {', '.join(map(str, moving))} move it.",
        )


FAMILY = Tracking()

"""Four blocks in stacks, to be rearranged one at a time; the answer is a plan, and any valid plan is right.

A state is a set of stacks, each written from the bottom. The goal names the stacks that must stand somewhere;
where the lowest block of a goal stack stands is left open.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from equipoise.tasks.family import Puzzle, Solution, solution

BLOCKS = "abcd"

Stacks = tuple[str, ...]
Move = tuple[str, str]
"""A block and where it goes: another block, or "" for the table."""


def below(stacks: Iterable[str]) -> dict[str, str]:
    """What each block stands on; "" is the table."""
    return {block: stack[i - 1] if i else "" for stack in stacks for i, block in enumerate(stack)}


def _random_stacks(rng: random.Random) -> Stacks:
    blocks = list(BLOCKS)
    rng.shuffle(blocks)
    stacks = [blocks[0]]
    for block in blocks[1:]:
        if rng.random() < 0.5:
            stacks[-1] += block
        else:
            stacks.append(block)
    rng.shuffle(stacks)
    return tuple(stacks)


def moved(on: dict[str, str], move: Move) -> dict[str, str]:
    """The state after one move."""
    return {**on, move[0]: move[1]}


def moves_to(start: Stacks, goal: Stacks) -> list[Move]:
    """Moves that reach the goal: a block goes to its place when it can, else the topmost misplaced one to the table."""
    on = below(start)
    wanted = {block: under for block, under in below(goal).items() if under}
    moves: list[Move] = []
    while any(on[block] != under for block, under in wanted.items()):
        clear = [block for block in BLOCKS if block not in on.values()]
        ready = [
            (block, wanted[block])
            for block in clear
            if block in wanted
            and on[block] != wanted[block]
            and wanted[block] in clear
            and _settled(on, wanted, wanted[block])
        ]
        if not ready:
            ready = [(block, "") for block in clear if on[block] and not _settled(on, wanted, block)]
        moves.append(ready[0])
        on = moved(on, ready[0])
    return moves


def _settled(on: dict[str, str], wanted: dict[str, str], block: str) -> bool:
    """Whether a block and all blocks under it need not move any more."""
    if block in wanted:
        return on[block] == wanted[block] and _settled(on, wanted, wanted[block])
    return not on[block] or (on[block] not in wanted.values() and _free_below(on, wanted, block))


def _free_below(on: dict[str, str], wanted: dict[str, str], block: str) -> bool:
    """Whether nothing that has to move, or to become clear, is under the block."""
    under = on[block]
    while under:
        if under in wanted or under in wanted.values():
            return False
        under = on[under]
    return True


def actions(start: Stacks, moves: Sequence[Move]) -> str:
    """The moves as PDDL actions."""
    on = below(start)
    words: list[str] = []
    for block, to in moves:
        words.append(f"(unstack {block} {on[block]})" if on[block] else f"(pick-up {block})")
        words.append(f"(stack {block} {to})" if to else f"(put-down {block})")
        on = moved(on, (block, to))
    return " ".join(words)


def _written(on: dict[str, str]) -> str:
    """The stacks of a state, in the order of their lowest blocks."""
    over = {under: block for block, under in on.items() if under}
    stacks = []
    for block in BLOCKS:
        if not on[block]:
            stack = [block]
            while stack[-1] in over:
                stack.append(over[stack[-1]])
            stacks.append(" ".join(stack))
    return "; ".join(stacks)


def _pddl(start: Stacks, goal: Stacks) -> str:
    """The instance as a PDDL problem."""
    on = below(start)
    facts = [f"(on {block} {under})" if under else f"(ontable {block})" for block, under in on.items()]
    facts += [f"(clear {block})" for block in BLOCKS if block not in on.values()]
    wanted = [f"(on {block} {under})" for block, under in below(goal).items() if under]
    return (
        f"(define (problem stacks) (:domain blocksworld) (:objects {' '.join(BLOCKS)})"
        f" (:init (handempty) {' '.join(facts)}) (:goal (and {' '.join(wanted)})))"
    )


def _said(move: Move) -> str:
    return f"{move[0]} to {move[1] or 'table'}."


def _solve(start: Stacks, moves: Sequence[Move], attempt: Sequence[Move]) -> Solution:
    on = below(start)
    steps: list[str] = []
    check: list[str] = []
    smaller: list[tuple[str, str]] = []
    for move in moves:
        on = moved(on, move)
        steps.append(f"{_said(move)[:-1]}: {_written(on)}.")
        check.append(_said(move))
        smaller.append((f"Move {len(smaller) + 1}", _said(move)[:-1]))
    check.append("yes." if list(attempt) == list(moves) else "no.")
    first = ", ".join(f"{block} to {to or 'table'}" for block, to in attempt)
    return solution(actions(start, moves), steps, decompose=smaller, attempt=f"{first}.", check=check)


def _wrong(rng: random.Random, start: Stacks, goal: Stacks, moves: list[Move]) -> list[Move]:
    """Moves that fail: one left out, two exchanged, or one that takes another block."""
    while True:
        tried = list(moves)
        at = rng.randrange(len(tried))
        slip = rng.choice(("leave", "exchange", "replace"))
        if slip == "leave" and len(tried) > 1:
            del tried[at]
        elif slip == "exchange" and at:
            tried[at - 1], tried[at] = tried[at], tried[at - 1]
        else:
            block = rng.choice([block for block in BLOCKS if block != tried[at][1]])
            tried[at] = (block, tried[at][1])
        if not reaches(start, goal, tried):
            return tried


def reaches(start: Stacks, goal: Stacks, moves: Sequence[Move]) -> bool:
    """Whether the moves are possible one after another and end in the goal."""
    on = below(start)
    for block, to in moves:
        if block in on.values() or (to and to in on.values()) or to == block:
            return False
        on = moved(on, (block, to))
    return all(on[block] == under for block, under in below(goal).items() if under)


def _canonical(start: Stacks, goal: Stacks) -> str:
    """The smallest writing of the instance over all renamings of the blocks."""
    written = []
    for names in itertools.permutations(BLOCKS):
        table = str.maketrans(BLOCKS, "".join(names))
        written.append(
            " ".join((*sorted(s.translate(table) for s in start), ">", *sorted(s.translate(table) for s in goal)))
        )
    return min(written)


@dataclass(frozen=True)
class Blocks:
    """Blocks planning."""

    name: str = "blocks"

    def draw(self, rng: random.Random) -> Puzzle:
        """One rearrangement of four blocks that needs at least one move."""
        while True:
            start = _random_stacks(rng)
            goal = tuple(stack for stack in _random_stacks(rng) if len(stack) > 1)
            if goal and not reaches(start, goal, ()):
                break
        moves = moves_to(start, goal)
        attempt = _wrong(rng, start, goal, moves) if rng.random() < 0.3 else moves
        slips = [_wrong(rng, start, goal, moves) for _ in range(2)]
        first = ", then ".join(f"{block}" for block, _ in moves[:2])
        return Puzzle(
            family=self.name,
            kind="plan",
            question=f"Stacks from the bottom: {_listed(start)}. Goal: {_listed(goal)}. Which actions reach the goal?",
            canonical=_canonical(start, goal),
            right=_solve(start, moves, attempt),
            wrong=tuple(_solve(start, slip, slip) for slip in slips),
            plan=f"first move {first}.",
            context={"pddl": _pddl(start, goal)},
        )


def _listed(stacks: Stacks) -> str:
    return "; ".join(" ".join(stack) for stack in stacks)


FAMILY = Blocks()

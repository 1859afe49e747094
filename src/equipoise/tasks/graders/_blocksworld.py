"""Blocksworld with four operators: problems read from PDDL, plans executed action by action.

The domain is "blocksworld-4ops" of the International Planning Competition as used by PlanBench (Valmeekam et al.,
2023): an action is possible when its preconditions are facts, and then deletes and adds facts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Fact = tuple[str, ...]
"""A predicate and its blocks, such as ("on", "a", "b")."""

Action = tuple[str, ...]
"""An operator and its blocks, such as ("stack", "a", "b")."""

_TOKEN = re.compile(r";[^\n]*|[()]|[^\s();]+")


@dataclass(frozen=True)
class Operator:
    """What an action needs and does; "x" and "y" stand for its blocks."""

    blocks: tuple[str, ...]
    needs: tuple[Fact, ...]
    adds: tuple[Fact, ...]
    deletes: tuple[Fact, ...]


OPERATORS = {
    "pick-up": Operator(
        blocks=("x",),
        needs=(("clear", "x"), ("ontable", "x"), ("handempty",)),
        adds=(("holding", "x"),),
        deletes=(("clear", "x"), ("ontable", "x"), ("handempty",)),
    ),
    "put-down": Operator(
        blocks=("x",),
        needs=(("holding", "x"),),
        adds=(("clear", "x"), ("ontable", "x"), ("handempty",)),
        deletes=(("holding", "x"),),
    ),
    "stack": Operator(
        blocks=("x", "y"),
        needs=(("holding", "x"), ("clear", "y")),
        adds=(("on", "x", "y"), ("clear", "x"), ("handempty",)),
        deletes=(("holding", "x"), ("clear", "y")),
    ),
    "unstack": Operator(
        blocks=("x", "y"),
        needs=(("on", "x", "y"), ("clear", "x"), ("handempty",)),
        adds=(("holding", "x"), ("clear", "y")),
        deletes=(("on", "x", "y"), ("clear", "x"), ("handempty",)),
    ),
}


@dataclass(frozen=True)
class Instance:
    """One planning problem."""

    objects: tuple[str, ...]
    init: frozenset[Fact]
    goal: frozenset[Fact]


@lru_cache(maxsize=4096)
def instance(pddl: str) -> Instance:
    """The problem that a PDDL text defines.

    Raises:
        ValueError: the text is not a PDDL problem with objects, initial facts and a goal.
    """
    (definition,) = _expressions(pddl)
    parts = {part[0]: part[1:] for part in definition if isinstance(part, list) and part}
    try:
        objects = tuple(str(name) for name in parts[":objects"])
        init = _facts(parts[":init"])
        (goal,) = parts[":goal"]
    except (KeyError, ValueError):
        raise ValueError("a PDDL problem needs :objects, :init and one :goal") from None
    wanted = _facts(goal[1:] if goal[0] == "and" else [goal])
    if not objects or not wanted:
        raise ValueError("a PDDL problem needs at least one object and one goal fact")
    return Instance(objects, init, wanted)


def reaches_goal(problem: Instance, plan: Sequence[Action]) -> bool:
    """Whether every action is possible in turn and the goal holds after the last."""
    facts = set(problem.init)
    for name, *blocks in plan:
        operator = OPERATORS.get(name)
        if operator is None or len(blocks) != len(operator.blocks):
            return False
        block_of = dict(zip(operator.blocks, blocks, strict=True))
        needs, adds, deletes = (
            {tuple(block_of.get(word, word) for word in fact) for fact in group}
            for group in (operator.needs, operator.adds, operator.deletes)
        )
        if not needs <= facts:
            return False
        facts = (facts - deletes) | adds
    return problem.goal <= facts


def _facts(expressions: Sequence[list | str]) -> frozenset[Fact]:
    if not all(isinstance(fact, list) and all(isinstance(word, str) for word in fact) for fact in expressions):
        raise ValueError("facts of a PDDL problem look like (on a b)")
    return frozenset(tuple(fact) for fact in expressions)


def _expressions(text: str) -> list[list]:
    """Nested lists of lower-case words, as written with parentheses."""
    open_lists: list[list] = [[]]
    for word in _TOKEN.findall(text.lower()):
        if word == "(":
            open_lists.append([])
        elif word == ")" and len(open_lists) > 1:
            closed = open_lists.pop()
            open_lists[-1].append(closed)
        elif word == ")":
            raise ValueError("a PDDL problem closes a parenthesis that it did not open")
        elif not word.startswith(";"):
            open_lists[-1].append(word)
    if len(open_lists) > 1 or len(open_lists[0]) != 1 or not isinstance(open_lists[0][0], list):
        raise ValueError("a PDDL problem is one expression in balanced parentheses")
    return open_lists[0]

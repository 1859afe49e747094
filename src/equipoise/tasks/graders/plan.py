"""Plans for Blocksworld, written as PDDL actions or in the words of PlanBench; any plan that reaches the goal is right.

`problem.context["pddl"]` is the problem; `problem.context["names"]`, where present, maps the words of the question
("red") to the objects of the problem ("a").
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from equipoise.tasks.graders import _blocksworld, _marks
from equipoise.tasks.graders._blocksworld import Action
from equipoise.team.problem import Problem

MOST_ACTIONS = 1000
"""A plan is cut here; no plan of this project is longer than a few dozen actions."""

_BLOCK = r"(?:the )?(?:block )?([A-Za-z]\w{0,20})(?: block)?"
_ACTION = re.compile(
    r"\(\s?(?P<pddl>pick-?up|put-?down|unstack|stack) (?P<first>\w{1,21})(?: (?P<second>\w{1,21}))?\s?\)"
    rf"|\bunstack {_BLOCK} from (?:(?:on )?top of |on )?{_BLOCK}"
    rf"|\bstack {_BLOCK} on(?:to)? (?:top of )?{_BLOCK}"
    rf"|\bpick[- ]?up {_BLOCK}"
    rf"|\bput[- ]?down {_BLOCK}",
    re.IGNORECASE,
)
_PDDL = re.compile(r"\((?:pick-?up|put-?down|unstack|stack) \w", re.IGNORECASE)
_SPOKEN = (("unstack", 4, 5), ("stack", 6, 7), ("pick-up", 8, None), ("put-down", 9, None))
_WRITTEN = {"pickup": "pick-up", "putdown": "put-down"}
_PLAN = re.compile(r"\[(?:QUERY[_ ])?PLAN\]", re.IGNORECASE)
_PLAN_END = re.compile(r"\[(?:QUERY[_ ])?PLAN[_ ]END\]", re.IGNORECASE)
_ITEM = re.compile(r"[-•>#]?\s?(?:step )?(?:(\d{1,3})\s?[.):])?\s?(?:action\s?:)?\s?", re.IGNORECASE)
_SPACES = re.compile(r"[\s*`]+")


@dataclass(frozen=True)
class Plan:
    """Answers that are a sequence of actions."""

    name: str = "plan"
    instruction: str = 'End with "Answer: " and the actions, such as (pick-up a) (stack a b).'

    def read(self, text: str, problem: Problem) -> str | None:
        """The actions as PDDL, joined by spaces."""
        names = _names(problem)
        text = _marks.window(text)
        plan = _announced(text)
        readings = (_actions(part, names) for part in (_listed(plan), plan, text))
        actions = _said_once(next((actions for actions in readings if actions), []), text)
        return " ".join(f"({' '.join(action)})" for action in actions) or None

    def verify(self, key: str, problem: Problem) -> bool | None:
        """Whether the plan reaches the goal; None without a problem in PDDL."""
        pddl = problem.context.get("pddl")
        if pddl is None:
            return None
        return _blocksworld.reaches_goal(_blocksworld.instance(pddl), _actions(key, _names(problem)))

    def grade(self, key: str, gold: str, problem: Problem) -> bool:
        """Whether the plan reaches the goal; without a problem in PDDL, whether it is the gold plan."""
        verdict = self.verify(key, problem)
        return key == gold if verdict is None else verdict


def _names(problem: Problem) -> dict[str, str]:
    """The block that each word means; empty where nothing is known of the blocks."""
    pddl = problem.context.get("pddl")
    objects = _blocksworld.instance(pddl).objects if pddl else ()
    return {block: block for block in objects} | problem.context.get("names", {})


def _announced(text: str) -> str:
    """The text from the last announcement of a plan to its end; all of it when none is announced."""
    starts = [match.end() for match in _PLAN.finditer(text)]
    starts += [mark.end for mark in _marks.marks(text) if mark.explicit]
    plan = text[max(starts, default=0) :]
    end = _PLAN_END.search(plan)
    return plan[: end.start()] if end else plan


def _listed(text: str) -> str:
    """The lines that begin with an action, from the last one numbered 1 on; empty when there are none.

    Models explain between the lines what the action does, in the same words, and repeat the list at the end.
    """
    lines: list[str] = []
    for line in text.splitlines():
        plain = _SPACES.sub(" ", line).strip()
        item = _ITEM.match(plain)
        rest = plain[item.end() :] if item else plain
        action = _ACTION.match(rest)
        if action is None:
            continue
        if item and item[1] == "1":
            lines.clear()
        lines.append(rest if action["pddl"] else action[0])
    return "\n".join(lines)


def _said_once(actions: list[Action], text: str) -> list[Action]:
    """Actions told in words, without repetitions: an action right after itself, or the whole plan told a second time.

    Words repeat what they explain; a plan written in PDDL means every action that it holds.
    """
    if _PDDL.search(text):
        return actions
    once = [action for action, _ in itertools.groupby(actions)]
    half = len(once) // 2
    return once[:half] if len(once) > 1 and once[:half] == once[half:] else once


def _actions(text: str, names: Mapping[str, str]) -> list[Action]:
    """The actions of a text in order.

    Words that name no block are prose and no action ("stack it on the table"); in PDDL they make the plan wrong.
    """
    actions: list[Action] = []
    for match in _ACTION.finditer(_SPACES.sub(" ", text)):
        if len(actions) == MOST_ACTIONS:
            break
        if match["pddl"]:
            operator = match["pddl"].lower()
            words = (_WRITTEN.get(operator, operator), match["first"], match["second"])
        else:
            words = next((name, match[i], match[j] if j else None) for name, i, j in _SPOKEN if match[i])
        operator, *blocks = (word.lower() for word in words if word)
        if names and not match["pddl"] and any(block not in names for block in blocks):
            continue
        actions.append((operator, *(names.get(block, block) for block in blocks)))
    return actions


GRADER = Plan()

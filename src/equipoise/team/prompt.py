"""The prompt parts that every method shares, so that methods differ in coordination and not in wording.

A prompt is text in one fixed order, each part on a line of its own and left out when empty:

    question
    Plan: …                       the Coordinator's message
    Solution 1: …                 what other agents wrote
    task line                     what to do: a strategy, or one of the lines below
    format line                   how to end, from the problem's answer kind

The parts are short on purpose: small models have small contexts, and large ones lose nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from equipoise.team.problem import Problem

STRATEGIES: Mapping[str, str] = {
    "direct": "Give only the final answer.",
    "step_by_step": "Think step by step.",
    "decompose": "Break the question into smaller questions and answer each.",
    "verify": "Solve it, then check the result.",
    "few_shot": "Answer as in the examples.",
}
"""Built-in prompt strategies by name. A team file may add its own under `[strategies]`."""

PLAN = "Write a short plan in at most {cap} tokens. Name the steps, not the answer."
REVISE = "The solutions above may be wrong. Use them as advice and give an updated answer."
COMBINE = "The solutions above may be wrong. Combine them into one answer."
DECIDE = "The solutions above disagree. Decide which is right and give the final answer."
CHOOSE = "Which solution is best? End with: Best: <number>"
RATE = "Can this lead to the right answer? End with: Rating: sure, likely or impossible"
STEP = "Write only the next step. If there is none, end with the answer."

Role = Literal["system", "user", "assistant"]
Rating = Literal["sure", "likely", "impossible"]


@dataclass(frozen=True)
class Message:
    """One chat message."""

    role: Role
    text: str


Prompt = tuple[Message, ...]


def _lines(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


def _solutions(texts: Iterable[str]) -> str:
    return "\n".join(f"Solution {i}: {text.strip()}" for i, text in enumerate(texts, start=1))


def _user(*parts: str | None) -> Message:
    return Message("user", _lines(*parts))


def answer(problem: Problem, task_line: str, *, plan: str | None = None, few_shot: bool = False) -> Prompt:
    """A prompt that asks for an answer in a given way.

    Args:
        problem: what is asked.
        task_line: the strategy's text, such as `STRATEGIES["direct"]`.
        plan: the Coordinator's message, if there is one.
        few_shot: whether the problem's worked examples go before, as earlier exchanges.
    """
    shots: list[Message] = []
    if few_shot:
        for example in problem.examples:
            shots += [
                _user(example.question, task_line, problem.kind.instruction),
                Message("assistant", example.response),
            ]
    line = _user(problem.question, f"Plan: {plan.strip()}" if plan else None, task_line, problem.kind.instruction)
    return (*shots, line)


def revise(problem: Problem, before: Prompt, own: str, peers: Sequence[str]) -> Prompt:
    """A debate turn: the agent's own exchange so far, then its peers' solutions (Du et al., 2023)."""
    return (
        *before,
        Message("assistant", own),
        _user(_solutions(peers), REVISE, problem.kind.instruction),
    )


def weigh(problem: Problem, solutions: Sequence[str], task_line: str = COMBINE) -> Prompt:
    """One answer out of several solutions: `COMBINE` for an aggregator, `DECIDE` for a judge."""
    return (_user(problem.question, _solutions(solutions), task_line, problem.kind.instruction),)


def choose(problem: Problem, solutions: Sequence[str]) -> Prompt:
    """The number of the best of several solutions, read back with `read_choice`."""
    return (_user(problem.question, _solutions(solutions), CHOOSE),)


def plan(problem: Problem, cap: int) -> Prompt:
    """The Coordinator's plan, at most `cap` tokens, which must not give the answer away."""
    return (_user(problem.question, PLAN.format(cap=cap)),)


def next_step(problem: Problem, steps: Sequence[str]) -> Prompt:
    """The next thought after some steps (Yao et al., 2023: propose)."""
    return (
        _user(problem.question, f"Steps so far: {' '.join(steps)}" if steps else None, STEP, problem.kind.instruction),
    )


def rate(problem: Problem, steps: Sequence[str]) -> Prompt:
    """A judgement of some steps, read back with `read_rating` (Yao et al., 2023: value)."""
    return (_user(problem.question, f"Steps so far: {' '.join(steps)}", RATE),)


_CHOICE = re.compile(r"\bbest\b\W*(?:solution\W*)?(\d+)\b", re.IGNORECASE)
_RATING = re.compile(r"\brating\W*(sure|likely|impossible)\b(?!, likely or)", re.IGNORECASE)
_BARE_RATING = re.compile(r"\W*(sure|likely|impossible)\W*", re.IGNORECASE)


def read_choice(text: str, n: int) -> int | None:
    """The number, from 1 to n, that a response to `choose` ends with; None when it names no solution there is."""
    named = _CHOICE.findall(text)
    number = int(named[-1]) if named and len(named[-1]) < 10 else 0
    return number if 1 <= number <= n else None


def read_rating(text: str) -> Rating | None:
    """The rating that a response to `rate` ends with; None when there is none, or the line was only echoed.

    A last line that is nothing but the rating counts too: models often leave the label out.
    """
    named = _RATING.findall(text)
    if not named:
        lines = text.strip().splitlines()
        bare = _BARE_RATING.fullmatch(lines[-1]) if lines else None
        named = [bare[1]] if bare else []
    return cast(Rating, named[-1].lower()) if named else None

"""Short free text, for tasks that say nothing about their answers; case, spacing and closing stops do not count."""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.tasks.graders import _marks
from equipoise.team.problem import Problem

LONGEST_CHARS = _marks.SPAN_CHARS
"""A longer line is cut here."""


@dataclass(frozen=True)
class Text:
    """Answers that are a line of text."""

    name: str = "text"
    instruction: str = 'End with "Answer: <answer>".'

    def read(self, text: str, problem: Problem) -> str | None:
        """The announced answer, or else the last line that is not empty."""
        return _marks.read(text, _normal, _last_line)

    def verify(self, key: str, problem: Problem) -> bool | None:
        """Always None: text does not show whether it is right."""
        return None

    def grade(self, key: str, gold: str, problem: Problem) -> bool:
        """Whether both are the same text."""
        return _normal(key) is not None and _normal(key) == _normal(gold)


def _normal(line: str) -> str | None:
    return " ".join(line.split()).strip("*_`\"'. ").casefold() or None


def _last_line(text: str) -> str | None:
    lines = (_normal(line[:LONGEST_CHARS]) for line in reversed(text.splitlines()))
    return next((line for line in lines if line), None)


GRADER = Text()

"""Answer kinds, one file each: how an answer is asked for, read, and checked.

A file holds a frozen dataclass and its instance `GRADER`. Reading never raises and looks at a bounded part of a
response, whatever a model wrote: model text is data.
"""

from __future__ import annotations

import sys
from typing import Protocol

from equipoise import plugins
from equipoise.team.problem import AnswerKind, Problem


class Grader(AnswerKind, Protocol):
    """An answer kind that can also compare an answer with the gold one."""

    def grade(self, key: str, gold: str, problem: Problem) -> bool:
        """Whether an answer is right, given the gold answer."""
        ...


def available() -> list[str]:
    """Names of all answer kinds."""
    return plugins.names(sys.modules[__name__])


def grader(name: str) -> Grader:
    """The grader of an answer kind.

    Raises:
        UnknownName: there is no such kind.
    """
    return plugins.load(sys.modules[__name__], name, what="answer kind").GRADER

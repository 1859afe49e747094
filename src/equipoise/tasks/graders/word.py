"""Single words, such as a name or yes, no, unknown; case and punctuation do not count."""

from __future__ import annotations

import re
from dataclasses import dataclass

from equipoise.tasks.graders import _marks
from equipoise.team.problem import Problem

LONGEST_CHARS = 60
"""A longer run of letters is not read as a word."""

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_LATEX = re.compile(r"\\[A-Za-z]{1,20}")
_ARTICLES = {"a", "an", "the"}


@dataclass(frozen=True)
class Word:
    """Answers that are one word."""

    name: str = "word"
    instruction: str = 'End with "Answer: <word>".'

    def read(self, text: str, problem: Problem) -> str | None:
        """The word in lower case: the first one of an announced answer, articles aside, or the last of the text."""
        return _marks.read(text, _first, _last)

    def verify(self, key: str, problem: Problem) -> bool | None:
        """Always None: a word does not show whether it is right."""
        return None

    def grade(self, key: str, gold: str, problem: Problem) -> bool:
        """Whether both are the same word."""
        return _first(key) is not None and _first(key) == _first(gold)


def _words(text: str) -> list[str]:
    words = (match[0].casefold() for match in _WORD.finditer(_LATEX.sub(" ", text)))
    return [word for word in words if len(word) <= LONGEST_CHARS]


def _first(span: str) -> str | None:
    words = _words(span)
    return next((word for word in words if word not in _ARTICLES), words[0] if words else None)


def _last(text: str) -> str | None:
    words = _words(text.rstrip().rpartition("\n")[2])
    return words[-1] if words else None


GRADER = Word()

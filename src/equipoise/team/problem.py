"""A problem as a team sees it: the question and how an answer is read, never the gold answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol


class AnswerKind(Protocol):
    """How answers of one kind are asked for, read and checked. One file each in `tasks/graders`."""

    @property
    def name(self) -> str:
        """The kind's name, such as "number"."""
        ...

    @property
    def instruction(self) -> str:
        """One line that tells a model how to end its response."""
        ...

    def read(self, text: str, problem: Problem) -> str | None:
        """The canonical vote key in a response: equal keys are equal answers; None if there is no answer."""
        ...

    def verify(self, key: str, problem: Problem) -> bool | None:
        """Whether an answer is right as far as can be told without the gold answer; None if it cannot be told."""
        ...


@dataclass(frozen=True, kw_only=True)
class Example:
    """A worked example for few-shot prompts."""

    question: str
    response: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One question put to a team.

    Attributes:
        id: unique within its task; the same in every recording of the task.
        question: the text, without any instruction on how to answer.
        kind: how answers are asked for and read.
        examples: worked examples from outside the test set.
        context: public facts that a verifier needs (a PDDL problem, four numbers); never the gold answer.
    """

    id: str
    question: str
    kind: AnswerKind
    examples: tuple[Example, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)

    def read(self, text: str) -> str | None:
        """The canonical vote key of a response, or None when it holds no answer."""
        return self.kind.read(text, self) if text.strip() else None

    def verify(self, key: str | None) -> bool | None:
        """Whether an answer passes the task's own check; None where the task has none."""
        return None if key is None else self.kind.verify(key, self)


def digest(question: str) -> str:
    """What a learned policy remembers of a question that taught it, by its text or its id: enough to know it again."""
    return sha256(question.strip().encode()).hexdigest()[:16]

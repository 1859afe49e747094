"""Reading and grading short free text."""

from __future__ import annotations

import pytest

from equipoise.tasks.graders import text
from equipoise.team.problem import Problem

PROBLEM = Problem(id="t", question="What?", kind=text.GRADER)


@pytest.mark.parametrize(
    ("response", "key"),
    [
        ("Answer: New  York", "new york"),
        ("ANSWER: 42\nDone.", "42"),
        ("Answer: Rome\nI was wrong.\nAnswer: *Oslo*.", "oslo"),
        ("First line\n\nThe Last Line. \n\n", "the last line"),
        (r"\boxed{x + 1}", "x + 1"),
    ],
)
def test_reads_the_announced_answer_or_the_last_line(response: str, key: str) -> None:
    assert PROBLEM.read(response) == key


@pytest.mark.parametrize("response", ["", "\n \n", "Oslo\nAnswer: ", "Answer: ."])
def test_nothing_is_no_answer(response: str) -> None:
    assert PROBLEM.read(response) is None


@pytest.mark.parametrize(
    ("key", "gold", "right"), [("new york", "New York.", True), ("york", "new york", False), ("", "", False)]
)
def test_grades_by_equality(key: str, gold: str, right: bool) -> None:
    assert text.GRADER.grade(key, gold, PROBLEM) is right

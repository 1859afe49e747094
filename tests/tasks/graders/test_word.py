"""Reading and grading words."""

from __future__ import annotations

import pytest

from equipoise.tasks.graders import word
from equipoise.team.problem import Problem

PROBLEM = Problem(id="w", question="Who?", kind=word.GRADER)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ann > Bob. Bob > Cleo. Answer: Ann", "ann"),
        ("Answer: Ann.\nNo.\nAnswer: **Bob**", "bob"),
        ("answer: YES, because it is", "yes"),
        ("Answer: the lamp", "lamp"),
        ("Answer: A", "a"),
        (r"\boxed{\text{Unknown}}", "unknown"),
        ('{"answer": "Ivo"}', "ivo"),
        ("The answer is no.", "no"),
        ("It must be Jan!", "jan"),
        ("Answer: jack-in-the-box", "jack-in-the-box"),
        ("Answer: Zoë", "zoë"),
    ],
)
def test_reads_the_word(text: str, key: str) -> None:
    assert PROBLEM.read(text) == key


@pytest.mark.parametrize("text", ["", " . ", "Bob wins.\nAnswer:", "Answer: " + "b" * 61])
def test_text_without_a_word_holds_no_answer(text: str) -> None:
    assert PROBLEM.read(text) is None


@pytest.mark.parametrize(
    ("key", "gold", "right"), [("ann", "Ann", True), ("Ann.", "ann", True), ("ann", "Anna", False)]
)
def test_grades_by_equality(key: str, gold: str, right: bool) -> None:
    assert word.GRADER.grade(key, gold, PROBLEM) is right
    assert PROBLEM.verify(key) is None

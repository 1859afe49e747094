"""Reading and grading options."""

from __future__ import annotations

import pytest

from equipoise.tasks.graders import choice
from equipoise.team.problem import Problem

OPTIONS = {"A": "bank", "B": "library", "C": "department store", "D": "mall", "E": "new york"}
PROBLEM = Problem(id="c", question="Where?", kind=choice.GRADER, context={"choices": OPTIONS})
UNKNOWN = Problem(id="c", question="Where?", kind=choice.GRADER)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Answer: B", "B"),
        ("Answer: b", "B"),
        ("Answer: (c)", "C"),
        ("Answer: d) mall", "D"),
        ("(A) is tempting.\nAnswer: E.", "E"),
        (r"\boxed{(D) \text{ mall}}", "D"),
        (r"\boxed{A} but not B", "A"),
        (r"The correct answer is \(\boxed{C}\).", "C"),
        ('{"answer": "B"}', "B"),
        ("The answer is C.", "C"),
        ("The answer is clearly D.", "D"),
        ("Answer: Option E", "E"),
        ("Answer: I think (B)", "B"),
        ("Answer: department store", "C"),
        ("Answer: A library", "B"),
        ("Answer: a bank", "A"),
        ("Either (A) or (B); more likely (B) library.", "B"),
        ("Hmm.\nC\n", "C"),
        ("People shop there, so it must be the mall.", "D"),
    ],
)
def test_reads_the_option(text: str, key: str) -> None:
    assert PROBLEM.read(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Answer: F",
        "Answer: none of the above",
        r"(A) and (B) are wrong. \boxed{\text{none}}",
        "A bank or a library, who knows",
        "It is (H)",
        "I do not know",
    ],
)
def test_an_unknown_or_missing_option_is_no_answer(text: str) -> None:
    assert PROBLEM.read(text) is None


def test_of_several_announced_letters_the_first_counts() -> None:
    assert PROBLEM.read("Answer: C or D") == "C"


def test_letters_are_read_where_the_options_are_not_known() -> None:
    assert UNKNOWN.read("Answer: J") == "J"
    assert UNKNOWN.read("Answer: K") is None


@pytest.mark.parametrize(("key", "gold", "right"), [("a", "A", True), ("B", " B ", True), ("B", "D", False)])
def test_grades_by_the_letter(key: str, gold: str, right: bool) -> None:
    assert choice.GRADER.grade(key, gold, PROBLEM) is right
    assert PROBLEM.verify(key) is None

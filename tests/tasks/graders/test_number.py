"""Reading and grading numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.tasks.graders import number
from equipoise.team.problem import Problem

PROBLEM = Problem(id="n", question="How many?", kind=number.GRADER)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Answer: 18", "18"),
        ("Answer: 7\nWait.\nAnswer: 12", "12"),
        ("answer: 1,234.0 eggs", "1234"),
        ("**Answer:** $18.50", "18.5"),
        ("Answer:\n\n$1,000,000", "1000000"),
        ("She has 3 left.\n#### 1,200", "1200"),
        ('{"reasoning": "2 + 3", "answer": "5"}', "5"),
        ('```json\n{\n  "answer": 42\n}\n```', "42"),
        (r"so \boxed{16 \text{ hours}}, in 2 days", "16"),
        (r"\boxed{\frac{10}{4}}", "2.5"),
        (r"\boxed{\dfrac{10}{3}} m", "10/3"),
        (r"\boxed{1{,}234}", "1234"),
        (r"Answer: \$18", "18"),
        ("Answer: 50%", "50"),
        ("Answer: 10/3", "10/3"),
        ("Answer: 2 1/2 cups", "2.5"),
        ("Answer: -3", "-3"),
        ("Answer: −3", "-3"),
        ("Answer: -$21", "-21"),
        ("Answer: .75", "0.75"),
        ("Answer: 007", "7"),
        ("Answer: -0", "0"),
        ("Answer: 1e3", "1000"),
        ("Answer: 2 hours = 120 minutes", "120"),
        ("Answer: 5 apples (x = 3)", "5"),
        ("Answer: (5*4) + (2*4) = 28", "28"),
        ("Answer: 7 packs and 2 sticks", "7"),
        ("The answer is 12.", "12"),
        ("The answer is not hard: 3 * 4 = 12", "12"),
        ("62 - 31 = 31 marbles", "31"),
        ("He pays $3.00 - $24 = -$21.", "-21"),
        ("First 5, then 9.", "9"),
        ("A: 32.5", "32.5"),
    ],
)
def test_reads_the_number(text: str, key: str) -> None:
    assert PROBLEM.read(text) == key


@pytest.mark.parametrize("text", ["", "   \n", "no idea"])
def test_text_without_a_number_holds_no_answer(text: str) -> None:
    assert PROBLEM.read(text) is None


@pytest.mark.parametrize(
    "text", ["12 apples\nAnswer:", "3 + 4\nAnswer: unknown", "Answer: 5/0", "Answer: " + "9" * 101]
)
def test_an_announced_answer_that_cannot_be_read_is_no_answer(text: str) -> None:
    assert PROBLEM.read(text) is None


@pytest.mark.parametrize(
    ("key", "gold", "right"),
    [
        ("18", "18", True),
        ("18.0", "18", True),
        ("18.001", "18", True),
        ("18.0011", "18", False),
        ("-18", "18", False),
        ("1/3", "0.333", True),
        ("1000", "1,000", True),
        ("none", "18", False),
        ("18", "none", False),
    ],
)
def test_grades_within_the_tolerance(key: str, gold: str, right: bool) -> None:
    assert number.GRADER.grade(key, gold, PROBLEM) is right


def test_a_number_cannot_be_verified() -> None:
    assert PROBLEM.verify("18") is None


@given(st.fractions(max_denominator=10**6))
def test_the_normal_form_is_read_back_exactly(value: Fraction) -> None:
    key = PROBLEM.read(f"It was 99 at first.\nAnswer: {number.normal_form(value)}")
    assert key is not None
    assert number.value_of(key) == value
    assert key == number.normal_form(value)


@given(st.integers(-(10**12), 10**12))
def test_thousands_separators_do_not_change_the_key(value: int) -> None:
    assert PROBLEM.read(f"Answer: {value:,}.00") == PROBLEM.read(f"Answer: {value}") == str(value)

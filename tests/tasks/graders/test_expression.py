"""Reading and verifying expressions; an exact solver is the oracle."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.tasks.graders import expression
from equipoise.team.problem import Problem


def problem(*numbers: int, target: int = 24) -> Problem:
    context = {"numbers": list(numbers), "target": target}
    return Problem(id="e", question="Reach it.", kind=expression.GRADER, context=context)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Answer: (6 - 4) * 5", "(6-4)*5"),
        ("Answer: 4*6 = 24", "4*6"),
        ("Answer: 24 = 4 * 6", "4*6"),
        ("Answer: ((4) * ((6)))", "4*6"),
        ("Answer: 5 × 6 − 4 ÷ 2", "5*6-4/2"),
        (r"\boxed{\frac{8}{3 - \frac{8}{3}}}", "8/(3-8/3)"),
        (r"\boxed{(1+3) \times (7-1)}", "(1+3)*(7-1)"),
        ("Answer: 8 / (3 - 8 / 3)", "8/(3-8/3)"),
        ("10 - 4 = 6 (left: 5 6)\n4 * 6 = 24 (left: 24)", "4*6"),
        ("Answer: 1.5 * 10", "1.5*10"),
        ("Answer: -3 + 10", "10-3"),
    ],
)
def test_reads_the_expression(text: str, key: str) -> None:
    assert problem(1, 2, 3, 4).read(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Answer: None",
        "Answer: 24",
        "Answer: --24",
        "Answer: 2 ** 9",
        "Answer: 9 // 2",
        "Answer: f(2)",
        "Answer: 4 *",
        "Answer: 4(6)",
    ],
)
def test_anything_else_is_no_answer(text: str) -> None:
    assert problem(4, 6).read(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(6 - 4) * 5", "5 * (6 - 4)"),
        ("1 + 2 + 3", "3 + (2 + 1)"),
        ("9 - (4 - 2)", "9 - 4 + 2"),
        ("8 / (4 / 2)", "2 * 8 / 4"),
        ("8 / (2 * 4)", "8 / 2 / 4"),
        ("2 + -3", "2 - 3"),
    ],
)
def test_the_same_answer_in_another_order_has_the_same_key(one: str, other: str) -> None:
    assert problem(1).read(f"Answer: {one}") == problem(1).read(f"Answer: {other}")


@pytest.mark.parametrize(("one", "other"), [("9 - 4 - 2", "9 - (4 - 2)"), ("8 / 4 / 2", "8 / (4 / 2)"), ("1+2", "1*2")])
def test_different_answers_have_different_keys(one: str, other: str) -> None:
    assert problem(1).read(f"Answer: {one}") != problem(1).read(f"Answer: {other}")


@pytest.mark.parametrize(
    ("key", "numbers", "right"),
    [
        ("8/(3-8/3)", (3, 3, 8, 8), True),
        ("(10-4)*4", (4, 4, 10), True),
        ("(10-4)*4", (4, 10), False),
        ("(10-4)*4", (4, 4, 4, 10), False),
        ("(10-4)*4+1", (1, 4, 4, 10), False),
        ("24", (24,), True),
        ("6/(3-3)", (3, 3, 6), False),
        ("1.5*16", (1, 5, 16), False),
        ("nonsense", (1, 2), False),
        ("2**3*3", (2, 3, 3), False),
    ],
)
def test_verifies_exactly(key: str, numbers: tuple[int, ...], right: bool) -> None:
    assert problem(*numbers).verify(key) is right
    assert expression.GRADER.grade(key, "24", problem(*numbers)) is right


def test_without_numbers_nothing_can_be_verified() -> None:
    bare = Problem(id="e", question="?", kind=expression.GRADER)
    assert bare.verify("1+2") is None
    assert not expression.GRADER.grade("1+2", "3", bare)


def random_expression(rng: random.Random, numbers: list[int]) -> tuple[str, Fraction | None]:
    """An expression over the numbers in order, and its value by the rules of fractions."""
    if len(numbers) == 1:
        return str(numbers[0]), Fraction(numbers[0])
    cut = rng.randrange(1, len(numbers))
    (left, a), (right, b) = random_expression(rng, numbers[:cut]), random_expression(rng, numbers[cut:])
    sign = rng.choice("+-*/")
    if a is None or b is None or (sign == "/" and b == 0):
        value = None
    else:
        value = {"+": a + b, "-": a - b, "*": a * b}[sign] if sign != "/" else a / b
    return f"({left} {sign} {right})", value


@given(st.integers(0, 2**32), st.lists(st.integers(1, 13), min_size=2, max_size=6))
def test_the_normal_form_keeps_the_value_and_the_numbers(seed: int, numbers: list[int]) -> None:
    text, value = random_expression(random.Random(seed), numbers)
    key = problem(1).read(f"Answer: {text}")
    assert key is not None
    assert problem(1).read(f"Answer: {key}") == key
    if value is not None:
        context = {"numbers": numbers, "target": value}
        reached = Problem(id="e", question="?", kind=expression.GRADER, context=context)
        assert reached.verify(key) is True
        missed = Problem(id="e", question="?", kind=expression.GRADER, context=context | {"target": value + 1})
        assert missed.verify(key) is False


def test_every_permutation_of_a_sum_has_one_key() -> None:
    keys = {problem(1).read("Answer: " + "+".join(order)) for order in itertools.permutations("1234")}
    assert keys == {"1+2+3+4"}

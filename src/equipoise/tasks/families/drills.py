"""One operation on larger numbers: three-digit sums and differences, two-digit times one-digit products."""

from __future__ import annotations

import random
from dataclasses import dataclass

from equipoise.tasks.family import Puzzle, Solution, solution


def _column_steps(a: int, sign: str, b: int) -> tuple[list[str], list[str], int]:
    """Column by column from the ones: the steps, the columns that carry or borrow, and the result."""
    steps: list[str] = []
    carrying: list[str] = []
    result, carry = 0, 0
    for place, column in enumerate(("ones", "tens", "hundreds")):
        x, y = a // 10**place % 10, b // 10**place % 10
        if sign == "+":
            value = x + y + carry
            steps.append(f"{x}+{y}{'+1' if carry else ''}={value}.")
            carry = value // 10 if place < 2 else 0
            result += (value - 10 * carry) * 10**place
        else:
            x -= carry
            carry = int(x < y)
            value = x + 10 * carry - y
            steps.append(f"{x + 10 * carry}-{y}={value}.")
            result += value * 10**place
        if carry:
            carrying.append(column)
    return steps, carrying, result


def _product_steps(a: int, b: int) -> list[str]:
    tens, ones = a // 10 * 10 * b, a % 10 * b
    return [f"{a % 10}*{b}={ones}.", f"{a // 10 * 10}*{b}={tens}.", f"{tens}+{ones}={tens + ones}."]


def _smaller(a: int, sign: str, b: int) -> list[tuple[str, str]]:
    """Smaller questions: by place for sums and products, taking away piece by piece for differences."""
    if sign == "+":
        low, high = a % 100 + b % 100, a // 100 * 100 + b // 100 * 100
        return [
            (f"{a % 100}+{b % 100}", str(low)),
            (f"{a // 100 * 100}+{b // 100 * 100}", str(high)),
            (f"{high}+{low}", str(high + low)),
        ]
    if sign == "-":
        left, pairs = a, []
        for piece in (b // 100 * 100, b // 10 % 10 * 10, b % 10):
            pairs.append((f"{left}-{piece}", str(left - piece)))
            left -= piece
        return pairs
    tens, ones = a // 10 * 10 * b, a % 10 * b
    return [(f"{a // 10 * 10}*{b}", str(tens)), (f"{a % 10}*{b}", str(ones)), (f"{tens}+{ones}", str(tens + ones))]


def _value(a: int, sign: str, b: int) -> int:
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


def _near(rng: random.Random, value: int) -> int:
    """A plausible wrong result: one digit off by one, as a forgotten carry leaves it."""
    while True:
        near = value + rng.choice((1, -1, 10, -10, 100, -100))
        if near >= 0:
            return near


def _steps(a: int, sign: str, b: int) -> list[str]:
    return _product_steps(a, b) if sign == "*" else _column_steps(a, sign, b)[0]


def _solve(a: int, sign: str, b: int, attempt: int) -> Solution:
    answer = _value(a, sign, b)
    steps = _steps(a, sign, b)
    verdict = "yes." if attempt == answer else "no."
    return solution(
        str(answer),
        steps,
        decompose=_smaller(a, sign, b),
        attempt=f"{a}{sign}{b}={attempt}.",
        check=[*steps, verdict],
    )


def _slip(rng: random.Random, a: int, sign: str, b: int) -> Solution:
    """A wrong solution: another number is read for one of the two, or the last step goes wrong."""
    answer = _value(a, sign, b)
    wrong = _near(rng, answer)
    steps = _steps(a, sign, b)
    if sign == "*":
        steps[-1] = f"{steps[-1].split('=')[0]}={wrong}."
    else:
        place = {1: 0, 10: 1, 100: 2}[abs(wrong - answer)]
        left, _, right = steps[place].rstrip(".").partition("=")
        steps[place] = f"{left}={max(0, int(right) + (1 if wrong > answer else -1))}."
    pairs = _smaller(a, sign, b)
    pairs[-1] = (pairs[-1][0], str(wrong))
    return solution(str(wrong), steps, decompose=pairs, attempt=f"{a}{sign}{b}={wrong}.", check=[*steps, "yes."])


def _plan(a: int, sign: str, b: int) -> str:
    if sign == "*":
        return "multiply the ones, multiply the tens, add."
    _, carrying, _ = _column_steps(a, sign, b)
    moves = ("add", "carry") if sign == "+" else ("subtract", "borrow")
    tail = f"{moves[1]} at {' and '.join(carrying)}." if carrying else f"{moves[1]} nothing."
    return f"{moves[0]} ones, tens, hundreds; {tail}"


@dataclass(frozen=True)
class Drills:
    """One-operation drills."""

    name: str = "drills"

    def draw(self, rng: random.Random) -> Puzzle:
        """One sum, difference or product."""
        sign = rng.choice("+-*")
        if sign == "*":
            a, b = rng.randint(11, 99), rng.randint(2, 9)
        else:
            a, b = rng.randint(100, 999), rng.randint(100, 999)
            if sign == "-" and a < b:
                a, b = b, a
        answer = _value(a, sign, b)
        attempt = _near(rng, answer) if rng.random() < 0.3 else answer
        return Puzzle(
            family=self.name,
            kind="number",
            question=f"What is {a} {sign} {b}?",
            canonical=f"{a}{sign}{b}",
            right=_solve(a, sign, b, attempt),
            wrong=(_slip(rng, a, sign, b), _slip(rng, a, sign, b)),
            plan=_plan(a, sign, b),
        )


FAMILY = Drills()

"""Word problems of two to four operations on small whole numbers; the answer is a number from 0 to 99."""

from __future__ import annotations

import random
from dataclasses import dataclass

from equipoise.tasks.family import PEOPLE, Puzzle, Solution, solution

THINGS = ("coins", "books", "pens", "cards", "apples", "shells", "stamps", "nuts")
HOLDERS = ("bags", "boxes", "jars")
LARGEST = 99

MORE = ("finds", "buys", "gets")
LESS = ("loses", "sells", "eats", "gives away")
OPERATION_NAMES = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide"}


@dataclass(frozen=True)
class Step:
    """One operation `left sign right`; a side of None is the running total."""

    left: int | None
    sign: str
    right: int | None

    def sides(self, total: int) -> tuple[int, int]:
        """Both numbers, with the running total filled in."""
        return (total if self.left is None else self.left, total if self.right is None else self.right)

    def apply(self, total: int) -> int:
        """The new running total."""
        left, right = self.sides(total)
        match self.sign:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case _:
                return left // right


def _draw_step(rng: random.Random, total: int) -> Step | None:
    """A step that keeps the total a whole number from 0 to `LARGEST`, or None when this draw has none."""
    sign = rng.choice("++--*/")
    if sign == "+":
        step = Step(None, "+", rng.randint(2, 20))
    elif sign == "-":
        step = Step(None, "-", rng.randint(2, 20))
    else:
        step = Step(None, sign, rng.choice((2, 3, 4)))
    if sign == "/" and total % (step.right or 1):
        return None
    return step if 1 <= step.apply(total) <= LARGEST else None


def _sentence(rng: random.Random, name: str, step: Step) -> str:
    if step.sign == "+":
        return f"{name} {rng.choice(MORE)} {step.right} more."
    if step.sign == "-":
        return f"{name} {rng.choice(LESS)} {step.right}."
    if step.sign == "*":
        return f"Then {name} has {step.right} times as many."
    return f"{name} makes {step.right} equal piles and keeps one."


def _solve(
    start: int, steps: list[Step], attempt_slip: tuple[int, int] | None, slip: tuple[int, int] | None
) -> Solution:
    """The solution with an error added after one step (`slip`) or only in the first attempt of `verify`."""
    total, tried = start, start
    chain: list[str] = []
    smaller: list[tuple[str, str]] = []
    totals: list[str] = []
    check: list[str] = []
    for i, step in enumerate(steps):
        left, right = step.sides(total)
        total = step.apply(total)
        tried = step.apply(tried)
        if slip and slip[0] == i:
            total += slip[1]
            tried = total
        if attempt_slip and attempt_slip[0] == i:
            tried += attempt_slip[1]
        chain.append(f"{left}{step.sign}{right}={total}.")
        smaller.append((f"{left}{step.sign}{right}", str(total)))
        totals.append(str(tried))
        check.append(f"{left}{step.sign}{right}={total} {'yes' if tried == total else 'no'}.")
    return solution(str(total), chain, decompose=smaller, attempt=f"{', '.join(totals)}.", check=check)


def _slip(rng: random.Random, start: int, steps: list[Step]) -> tuple[int, int]:
    """A step and an error for it: the opposite operation, a digit off by one, or the step left out."""
    at = rng.randrange(len(steps))
    before = start
    for step in steps[:at]:
        before = step.apply(before)
    step = steps[at]
    left, right = step.sides(before)
    value = step.apply(before)
    errors = {1, -1, 10, -10}
    if step.sign == "+":
        errors.add(abs(left - right) - value)
    if step.sign == "-":
        errors.add(left + right - value)
    if step.left is None:
        errors.add(before - value)
    fitting = sorted(error for error in errors if error and 0 <= value + error <= LARGEST)
    return at, rng.choice(fitting)


@dataclass(frozen=True)
class Arithmetic:
    """Multi-step word problems."""

    name: str = "arithmetic"

    def draw(self, rng: random.Random) -> Puzzle:
        """One problem with two to four operations."""
        length = rng.randint(2, 4)
        name, thing = rng.choice(PEOPLE), rng.choice(THINGS)
        groups = rng.random() < 0.4
        if groups:
            k, each = rng.randint(2, 9), rng.randint(2, 9)
            start, steps = 0, [Step(k, "*", each)]
            total = k * each
            text = [f"{name} has {k} {rng.choice(HOLDERS)} of {each} {thing}."]
        else:
            start = total = rng.randint(2, 30)
            steps = []
            text = [f"{name} has {start} {thing}."]
        while len(steps) < length:
            step = _draw_step(rng, total)
            if step is not None:
                total = step.apply(total)
                steps.append(step)
                text.append(_sentence(rng, name, step))
        text.append(f"How many {thing} does {name} have?")
        return Puzzle(
            family=self.name,
            kind="number",
            question=" ".join(text),
            canonical=f"{start} " + " ".join(f"{step.left or ''}{step.sign}{step.right}" for step in steps),
            right=_solve(start, steps, _slip(rng, start, steps) if rng.random() < 0.3 else None, None),
            wrong=_wrong(rng, start, steps, total),
            plan=f"{', then '.join(OPERATION_NAMES[step.sign] for step in steps)}.",
        )


def _wrong(rng: random.Random, start: int, steps: list[Step], gold: int) -> tuple[Solution, ...]:
    """Two wrong solutions; a slip that a later division hides is drawn again."""
    found: list[Solution] = []
    while len(found) < 2:
        wrong = _solve(start, steps, None, _slip(rng, start, steps))
        if int(wrong.answer) != gold and not any("=-" in step for step in wrong.steps):
            found.append(wrong)
    return tuple(found)


FAMILY = Arithmetic()

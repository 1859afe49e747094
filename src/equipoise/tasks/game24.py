"""Game of 24: reach 24 from four numbers with + - * /, using each number exactly once."""

from __future__ import annotations

from inspect_ai import Task, task

from equipoise.tasks._source import Record
from equipoise.tasks.task import Benchmark, Question, as_task
from equipoise.team.problem import Example

TARGET = 24

_ASKED = (
    "Use the numbers and basic arithmetic operations (+ - * /) to obtain 24. "
    "Each number must be used exactly once. Input: {numbers}"
)


def _question(record: Record, index: int) -> Question:
    """Any expression that passes the check is right, so the answer key is the target itself."""
    numbers = [int(number) for number in record["numbers"].split()]
    if len(numbers) < 2:
        raise ValueError(f"its numbers '{record['numbers']}' are fewer than two")
    return Question(
        id=record.get("id", f"game24-{index}"),
        text=_ASKED.format(numbers=" ".join(map(str, numbers))),
        gold=str(TARGET),
        context={"numbers": numbers, "target": TARGET},
    )


BENCHMARK = Benchmark(
    name="game24",
    title="Game of 24",
    kind="expression",
    hub=None,
    question=_question,
    examples=(
        Example(
            question=_ASKED.format(numbers="2 3 14 16"),
            response="16 + 14 = 30 (left: 2 3 30)\n2 * 3 = 6 (left: 6 30)\n30 - 6 = 24 (left: 24)\n"
            "Answer: 16 + 14 - 2 * 3",
        ),
        Example(
            question=_ASKED.format(numbers="1 4 15 20"),
            response="20 - 15 = 5 (left: 1 4 5)\n5 + 1 = 6 (left: 4 6)\n4 * 6 = 24 (left: 24)\n"
            "Answer: 4 * (20 - 15 + 1)",
        ),
    ),
    reference="Yao et al., 2023, Tree of Thoughts: Deliberate Problem Solving with Large Language Models, "
    "NeurIPS, arXiv:2305.10601",
    licence="MIT",
)


@task
def game24(data: str | None = None) -> Task:
    """Puzzles of the Game of 24; the paper asks those ranked 901 to 1,000 by difficulty.

    Args:
        data: a local file of JSON lines with `numbers`, such as "4 5 6 10". It is not on the hub, so it is needed.
    """
    return as_task(BENCHMARK, data)

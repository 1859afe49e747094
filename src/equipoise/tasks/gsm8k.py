"""GSM8K: grade-school word problems whose answer is one number."""

from __future__ import annotations

from inspect_ai import Task, task

from equipoise.tasks._source import Hub, Record
from equipoise.tasks.graders import number
from equipoise.tasks.task import Benchmark, Question, as_task
from equipoise.team.problem import Example


def _question(record: Record, index: int) -> Question:
    """The hub's answers are rationales that end in "#### 18"; a local file may hold the number alone."""
    gold = record["answer"].rpartition("####")[2].strip()
    if gold and number.value_of(gold) is None:
        raise ValueError(f"its answer key '{gold[:40]}' is not a number")
    return Question(id=record.get("id", f"gsm8k-test-{index}"), text=record["question"], gold=gold)


BENCHMARK = Benchmark(
    name="gsm8k",
    title="GSM8K",
    kind="number",
    hub=Hub(path="openai/gsm8k", name="main", split="test", revision="e53f048856ff4f594e959d75785d2c2d37b678ee"),
    question=_question,
    examples=(
        Example(
            question="A ferry makes 6 trips a day and carries 45 people on each. "
            "On Sundays it makes 2 trips fewer. How many people can it carry in a week?",
            response="On each of the 6 other days it carries 6 * 45 = 270 people, so 6 * 270 = 1620 people. "
            "On Sunday it makes 6 - 2 = 4 trips and carries 4 * 45 = 180 people. "
            "Together that is 1620 + 180 = 1800 people.\nAnswer: 1800",
        ),
        Example(
            question="Lena buys 3 notebooks at $2.50 each and a pen for $1.25. She pays with a $10 note. "
            "How many dollars does she get back?",
            response="The notebooks cost 3 * 2.50 = 7.50 dollars. With the pen that is 7.50 + 1.25 = 8.75 dollars. "
            "She gets back 10 - 8.75 = 1.25 dollars.\nAnswer: 1.25",
        ),
        Example(
            question="A tank holds 240 litres. A quarter of it is used in the morning, and a third of the rest in the "
            "evening. How many litres are left?",
            response="In the morning 240 / 4 = 60 litres are used, so 240 - 60 = 180 litres are left. "
            "In the evening 180 / 3 = 60 litres are used, so 180 - 60 = 120 litres are left.\nAnswer: 120",
        ),
    ),
    reference="Cobbe et al., 2021, Training Verifiers to Solve Math Word Problems, arXiv:2110.14168",
    licence="MIT",
)


@task
def gsm8k(data: str | None = None) -> Task:
    """The 1,319 test questions of GSM8K.

    Args:
        data: a local file of JSON lines with `question` and `answer`; the hub's data when None.
    """
    return as_task(BENCHMARK, data)

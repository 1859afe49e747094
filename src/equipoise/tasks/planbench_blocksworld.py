"""PlanBench Blocksworld: plans for three to five blocks told in colours; any plan that reaches the goal is right."""

from __future__ import annotations

import re

from inspect_ai import Task, task

from equipoise.tasks._source import Hub, Record
from equipoise.tasks.graders import _blocksworld
from equipoise.tasks.task import Benchmark, Question, as_task
from equipoise.team.problem import Example

NAMES = {"red": "a", "blue": "b", "orange": "c", "yellow": "d", "white": "e"}
"""The object of the PDDL problem that each colour stands for."""

DOMAINS = ("blocksworld", "blocksworld_3")

_ON = re.compile(r"the (\w+) block is on top of the (\w+) block")
_ON_TABLE = re.compile(r"the (\w+) block is on the table")
_CLEAR = re.compile(r"the (\w+) block is clear")
_STATEMENT = re.compile(r"As initial conditions I have that.+?My goal is to have that[^\n]+", re.DOTALL)


def pddl_of(text: str) -> str:
    """The problem that a question tells, in PDDL.

    Raises:
        ValueError: the text does not tell an initial state and a goal, or names an unknown block.
    """
    state, _, goal = text.partition("My goal is to have that")
    blocks = dict.fromkeys(re.findall(r"the (\w+) block", text))
    unknown = [block for block in blocks if block not in NAMES]
    if unknown:
        raise ValueError(f"it names a block '{unknown[0]}'; known are {', '.join(NAMES)}")
    init = [f"(ontable {NAMES[x]})" for x in _ON_TABLE.findall(state)]
    init += [f"(on {NAMES[x]} {NAMES[y]})" for x, y in _ON.findall(state)]
    init += [f"(clear {NAMES[x]})" for x in _CLEAR.findall(state)]
    init += ["(handempty)"] if "the hand is empty" in state else []
    wanted = [f"(on {NAMES[x]} {NAMES[y]})" for x, y in _ON.findall(goal)]
    if not init or not wanted:
        raise ValueError("it tells no initial state or no goal")
    objects = " ".join(sorted(NAMES[block] for block in blocks))
    return (
        f"(define (problem told) (:domain blocksworld-4ops) (:objects {objects})"
        f" (:init {' '.join(init)}) (:goal (and {' '.join(wanted)})))"
    )


def _question(record: Record, index: int) -> Question | None:
    """The hub holds whole prompts of many domains; a local file holds the statement and the problem in PDDL."""
    if "query" in record:
        if record["domain"] not in DOMAINS or record["prompt_type"] != "oneshot":
            return None
        statements = _STATEMENT.findall(record["query"])
        if not statements:
            raise ValueError("its prompt holds no statement of a problem")
        text, name = statements[-1], f"planbench-{record['domain']}-{record['instance_id']}"
        pddl, gold = pddl_of(text), record["ground_truth_plan"]
    else:
        text, name, pddl = record["question"], record.get("id", f"planbench-blocksworld-{index + 1}"), record["pddl"]
        gold = record.get("answer", "any plan that reaches the goal")
    _blocksworld.instance(pddl)
    return Question(id=name, text=text, gold=" ".join(gold.split()), context={"pddl": pddl, "names": NAMES})


BENCHMARK = Benchmark(
    name="planbench_blocksworld",
    title="PlanBench Blocksworld",
    kind="plan",
    hub=Hub(
        path="tasksource/planbench",
        name="task_1_plan_generation",
        split="train",
        revision="653dcebd212078d9b64ee8aa7bed19e8b11a9d6a",
    ),
    question=_question,
    examples=(
        Example(
            question="As initial conditions I have that, the yellow block is clear, the hand is empty, "
            "the yellow block is on top of the red block, the red block is on top of the blue block "
            "and the blue block is on the table.\n"
            "My goal is to have that the blue block is on top of the yellow block.",
            response="The blue block is under the red block, and the red block is under the yellow block. "
            "I take both off, put them on the table, and then move the blue block.\n"
            "Answer: (unstack yellow red) (put-down yellow) (unstack red blue) (put-down red) "
            "(pick-up blue) (stack blue yellow)",
        ),
        Example(
            question="As initial conditions I have that, the orange block is clear, the white block is clear, "
            "the red block is clear, the hand is empty, the white block is on top of the blue block, "
            "the orange block is on the table, the blue block is on the table and the red block is on the table.\n"
            "My goal is to have that the white block is on top of the orange block "
            "and the red block is on top of the white block.",
            response="The white block is clear, so it can go onto the orange block at once. "
            "The red block then goes onto the white block.\n"
            "Answer: (unstack white blue) (stack white orange) (pick-up red) (stack red white)",
        ),
    ),
    reference="Valmeekam et al., 2023, PlanBench: An Extensible Benchmark for Evaluating Large Language Models on "
    "Planning and Reasoning about Change, NeurIPS, arXiv:2206.10498",
    licence="MIT",
)


@task
def planbench_blocksworld(data: str | None = None) -> Task:
    """The Blocksworld plan-generation problems of PlanBench.

    Args:
        data: a local file of JSON lines with `question` and `pddl`; the hub's data when None.
    """
    return as_task(BENCHMARK, data)

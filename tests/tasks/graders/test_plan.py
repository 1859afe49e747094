"""Reading plans and executing them; a search over all states is the oracle of the four operators."""

from __future__ import annotations

import itertools
from collections import deque

import pytest

from equipoise.tasks.graders import _blocksworld, plan
from equipoise.tasks.graders._blocksworld import OPERATORS, instance, reaches_goal
from equipoise.team.problem import Problem

PDDL = """
; the blue block is on the orange one
(define (problem BW) (:domain blocksworld-4ops) (:objects a b c)
(:init (handempty) (ontable a) (on b c) (ontable c) (clear a) (clear b))
(:goal (and (on c b))))
"""
NAMES = {"red": "a", "blue": "b", "orange": "c"}
PROBLEM = Problem(id="p", question="?", kind=plan.GRADER, context={"pddl": PDDL, "names": NAMES})
BARE = Problem(id="p", question="?", kind=plan.GRADER)
RIGHT = "(unstack b c) (put-down b) (pick-up c) (stack c b)"


@pytest.mark.parametrize(
    "text",
    [
        f"Answer: {RIGHT}",
        "b to table: a; c b. Answer: (unstack b c)(put-down b)(pick-up c)(stack c b)",
        "Answer: (UNSTACK blue orange) (putdown blue) (pickup orange) (stack orange blue)",
        "[PLAN]\nunstack the blue block from on top of the orange block\nput down the blue block\n"
        "pick up the orange block\nstack the orange block on top of the blue block\n[PLAN END]\n"
        "First, pick up nothing: then stack the red block on top of the blue block.",
        "1. Unstack the blue block from the orange block (it is clear).\n   - Now pick up the blue block? No.\n"
        "2. **Put down** the blue block on the table.\n3. Pick up orange.\n4. Stack orange onto blue.",
        "1. Unstack b from c.\n2. Put down b.\n3. Pick up c.\n4. Stack c on b.\n\n**Summary:**\n"
        "1. Unstack b from c\n2. Put down b\n3. Pick up c\n4. Stack c on b",
        "I unstack the blue block from the orange block, put down the blue block, pick up the orange block "
        "and stack the orange block on the blue block.",
        "[PLAN]\n(pick-up a)\n[PLAN END]\nThat fails. Instead:\n[PLAN]\n" + RIGHT + "\n[PLAN END]",
    ],
)
def test_reads_plans_in_pddl_and_in_words(text: str) -> None:
    key = PROBLEM.read(text)
    assert key == RIGHT
    assert PROBLEM.verify(key) is True
    assert plan.GRADER.grade(key, "", PROBLEM)


@pytest.mark.parametrize("text", ["", "Answer: none", "I would stack them all.", "Answer: (fly a)", "(on b c)"])
def test_text_without_actions_holds_no_answer(text: str) -> None:
    assert PROBLEM.read(text) is None


@pytest.mark.parametrize(
    "key",
    [
        "(unstack b c) (put-down b) (pick-up c)",
        "(put-down b) (unstack b c) (pick-up c) (stack c b)",
        "(unstack b c) (pick-up c) (put-down b) (stack c b)",
        "(pick-up b) (put-down b) (pick-up c) (stack c b)",
        "(unstack b c) (put-down b) (put-down b) (pick-up c) (stack c b)",
        "(unstack b c) (put-down b) (pick-up c) (stack c c)",
        "(unstack b c) (put-down b) (pick-up c) (stack c z)",
        "(unstack b c) (put-down b) (pick-up c) (stack c)",
        "(unstack b c) (stack b a) (pick-up c) (stack c a)",
    ],
)
def test_a_plan_with_one_fault_is_wrong(key: str) -> None:
    assert PROBLEM.verify(key) is False
    assert not plan.GRADER.grade(key, key, PROBLEM)


def test_a_plan_in_pddl_keeps_every_action() -> None:
    assert PROBLEM.read("Answer: (pick-up a) (pick-up a)") == "(pick-up a) (pick-up a)"


def test_without_a_problem_the_gold_plan_decides() -> None:
    assert BARE.verify(RIGHT) is None
    assert plan.GRADER.grade(RIGHT, RIGHT, BARE)
    assert not plan.GRADER.grade("(pick-up c)", RIGHT, BARE)


@pytest.mark.parametrize(
    "pddl",
    [
        "",
        "(define",
        "(define))",
        "(define (:objects a))",
        "(define (:objects a) (:init (clear a)) (:goal))",
        "(define (:objects) (:init (clear a)) (:goal (on a b)))",
        "(define (:objects a) (:init clear) (:goal (clear a)))",
        "a",
    ],
)
def test_a_damaged_problem_is_refused(pddl: str) -> None:
    with pytest.raises(ValueError, match="PDDL"):
        instance(pddl)


def test_a_goal_without_and_is_one_fact() -> None:
    assert instance(PDDL.replace("(and (on c b))", "(on c b)")) == instance(PDDL)


def reachable() -> dict[frozenset, tuple[tuple[str, ...], ...]]:
    """Every state of three blocks that can be reached, with a shortest plan, by trying all actions."""
    start = instance(PDDL)
    actions = [
        (name, *blocks) for name, op in OPERATORS.items() for blocks in itertools.permutations("abc", len(op.blocks))
    ]
    plans = {start.init: ()}
    queue = deque([start.init])
    while queue:
        facts = queue.popleft()
        for action in actions:
            done = (*plans[facts], action)
            for goal in _goals(facts, action):
                if goal not in plans:
                    plans[goal] = done
                    queue.append(goal)
    return plans


def _goals(facts: frozenset, action: tuple[str, ...]) -> list[frozenset]:
    """The state after an action written out by hand, or nothing when it is impossible."""
    name, x, *rest = action
    state = set(facts)
    y = rest[0] if rest else ""
    take = {"pick-up": ("ontable", x), "unstack": ("on", x, y)}.get(name)
    if take:
        if not {take, ("clear", x), ("handempty",)} <= state:
            return []
        state -= {take, ("clear", x), ("handempty",)}
        state |= {("holding", x)} | ({("clear", y)} if y else set())
        return [frozenset(state)]
    if ("holding", x) not in state or (y and ("clear", y) not in state):
        return []
    state -= {("holding", x), ("clear", y)}
    state |= {("on", x, y) if y else ("ontable", x), ("clear", x), ("handempty",)}
    return [frozenset(state)]


def test_the_operators_agree_with_a_search_written_apart() -> None:
    plans = reachable()
    assert len(plans) == 13 + 9  # arrangements of three blocks, and of two with the third in hand
    start = instance(PDDL)
    for facts, steps in plans.items():
        wanted = _blocksworld.Instance(start.objects, start.init, facts)
        assert reaches_goal(wanted, steps)
        assert not reaches_goal(wanted, steps[:-1]) or not steps

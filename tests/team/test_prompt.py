"""Prompts: the fixed order of parts, and readers of what comes back."""

from __future__ import annotations

import pytest

from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.problem import Example, Problem

PROBLEM = Problem(
    id="q",
    question="How many?",
    kind=graders.grader("number"),
    examples=(Example(question="Two and two?", response="Answer: 4"), Example(question="One?", response="Answer: 1")),
)
FORMAT = PROBLEM.kind.instruction


def test_parts_stand_in_their_order_and_empty_ones_are_left_out() -> None:
    (bare,) = prompts.answer(PROBLEM, "Think.")
    assert bare == prompts.Message("user", f"How many?\nThink.\n{FORMAT}")
    (planned,) = prompts.answer(PROBLEM, "Think.", plan=" Add them. ")
    assert planned.text == f"How many?\nPlan: Add them.\nThink.\n{FORMAT}"
    (weighed,) = prompts.weigh(PROBLEM, ["one ", "two"], prompts.DECIDE)
    assert weighed.text == f"How many?\nSolution 1: one\nSolution 2: two\n{prompts.DECIDE}\n{FORMAT}"


def test_few_shot_examples_come_first_in_the_same_form() -> None:
    messages = prompts.answer(PROBLEM, "Think.", few_shot=True)
    assert [message.role for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[0].text == f"Two and two?\nThink.\n{FORMAT}"
    assert messages[3].text == "Answer: 1"


def test_a_debate_turn_continues_the_conversation() -> None:
    before = prompts.answer(PROBLEM, "Think.")
    messages = prompts.revise(PROBLEM, before, "mine", ["theirs", "others'"])
    assert messages[:2] == (*before, prompts.Message("assistant", "mine"))
    assert messages[2].text == f"Solution 1: theirs\nSolution 2: others'\n{prompts.REVISE}\n{FORMAT}"


def test_a_step_and_its_rating_show_the_steps_so_far() -> None:
    assert "Steps so far" not in prompts.next_step(PROBLEM, [])[0].text
    assert "\nSteps so far: a b\n" in prompts.next_step(PROBLEM, ["a", "b"])[0].text
    assert "\nSteps so far: a b\n" in prompts.rate(PROBLEM, ["a", "b"])[0].text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Best: 2", 2),
        ("Solution 1 is fine.\n**Best:** 3.", 3),
        ("Best: 1? No.\nBest: 2", 2),
        ("best solution: #1", 1),
        ("BEST: Solution 3", 3),
        ("Best: <2>", 2),
        ("Best: 0", None),
        ("Best: 4", None),
        ("Best: 99999999999999999999", None),
        ("Best: <number>", None),
        ("2", None),
        ("The second best of 3", None),
        ("", None),
    ],
)
def test_the_choice_that_a_response_ends_with(text: str, number: int | None) -> None:
    assert prompts.read_choice(text, 3) == number


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("Rating: sure", "sure"),
        ("It works.\n**Rating:** Likely.", "likely"),
        ("Rating: sure? No.\nRating: impossible", "impossible"),
        ("The sum is too small.\nimpossible", "impossible"),
        ("*Sure.*", "sure"),
        ("Rating: sure, because it adds up", "sure"),
        ("Rating: unlikely", None),
        ("Rating: surely", None),
        ("I am not sure", None),
        (prompts.RATE, None),
        (f"{prompts.RATE}\nRating: likely", "likely"),
        ("", None),
        (" \n ", None),
    ],
)
def test_the_rating_that_a_response_ends_with(text: str, rating: str | None) -> None:
    assert prompts.read_rating(text) == rating

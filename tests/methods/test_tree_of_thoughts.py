"""tree_of_thoughts: the best-rated states go on, finished ones wait, and bare numbers are not answers."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from equipoise.methods.method import parse
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.problem import Problem
from equipoise.team.team import Team

PROBLEM = Problem(id="q", question="How many?", kind=graders.grader("number"))


def so_far(text: str) -> str:
    """The steps in a prompt; empty at the root."""
    return text.partition("Steps so far: ")[2].partition("\n")[0]


def stage(script: Any, steps: Mapping[str, list[str]], ratings: Mapping[str, str], final: str = "Answer: 0") -> Team:
    """An executor that writes given steps after given paths, and a lead that rates given paths."""

    def write(messages: Any) -> str:
        text, sample = messages[-1].text, messages[-1].metadata["equipoise"]["sample"]
        return steps[so_far(text)][sample] if prompts.STEP in text else final

    def rate(messages: Any) -> str:
        return ratings.get(so_far(messages[-1].text), "Rating: likely")

    return Team(executors=(script.executor("a", write),), coordinator=script.coordinator(rate))


async def test_only_the_best_rated_states_go_on(script: Any) -> None:
    team = stage(
        script,
        {"": ["p1", "p2", "p3"], "p2": ["Answer: 4", "Answer: 5", "Answer: 5"]},
        {"p1": "Rating: impossible", "p2": "Rating: sure", "p2 Answer: 4": "Rating: sure"},
    )
    episode = await parse("tree_of_thoughts(breadth=1,depth=3,proposals=3)").play(PROBLEM, team, Random(0))
    assert episode.answer == "4"
    assert episode.response == "p2\nAnswer: 4"
    proposed = [so_far(call.texts[-1]) for call in script.calls if call.tag["act"] == "propose"]
    assert proposed == ["", "", "", "p2", "p2", "p2"]
    assert [call.tag["act"] for call in script.calls] == ["propose"] * 3 + ["rate"] * 3 + ["propose"] * 3 + ["rate"] * 2
    rates = [call for call in script.calls if call.tag["act"] == "rate"]
    assert {(call.agent, call.config.temperature) for call in rates} == {("lead", 0.0)}


async def test_a_finished_state_waits_and_can_still_win(script: Any) -> None:
    team = stage(
        script,
        {"": ["Answer: 7", "p"], "p": ["q", "Answer: 8"]},
        {"Answer: 7": "Rating: sure", "p q": "Rating: impossible"},
    )
    episode = await parse("tree_of_thoughts(breadth=2,depth=2)").play(PROBLEM, team, Random(0))
    assert episode.answer == "7"
    assert episode.beliefs == {"7": pytest.approx(20 / 21), "8": pytest.approx(1 / 21)}
    assert [so_far(c.texts[-1]) for c in script.calls if c.tag["act"] == "propose"] == ["", "", "p", "p"]
    assert episode.calls == 8


async def test_between_equal_ratings_the_answer_of_more_states_wins(script: Any) -> None:
    team = stage(script, {"": ["So Answer: 1", "Thus Answer: 2", "Hence Answer: 2"]}, {})
    episode = await parse("tree_of_thoughts(breadth=3,proposals=3)").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.calls) == ("2", 6)


async def test_one_sure_state_beats_any_number_of_likely_ones(script: Any) -> None:
    steps = ["Answer: 7", *[f"Way {i}. Answer: 8" for i in range(21)]]
    team = stage(script, {"": steps}, {"Answer: 7": "Rating: sure"})
    episode = await parse("tree_of_thoughts(breadth=22,proposals=22)").play(PROBLEM, team, Random(0))
    assert episode.answer == "7"
    assert episode.beliefs == {"8": pytest.approx(21 / 41), "7": pytest.approx(20 / 41)}


async def test_a_number_in_a_step_is_not_an_answer_and_the_kept_states_are_combined(script: Any) -> None:
    team = stage(
        script,
        {"": ["12 boxes", "The answer is below 30."], "The answer is below 30.": ["6 each", ""]},
        {"12 boxes": "Rating: impossible", "The answer is below 30.": "Rating: sure"},
        final="Answer: 72",
    )
    episode = await parse("tree_of_thoughts(breadth=1,depth=2)").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.turns[-1].act) == ("72", "aggregate")
    assert "Solution 1: The answer is below 30. 6 each\n" in script.calls[-1].texts[-1]


async def test_without_a_single_step_the_executor_just_answers(script: Any) -> None:
    episode = await parse("tree_of_thoughts").play(
        PROBLEM, stage(script, {"": ["", " "]}, {}, final="Answer: 3"), Random(0)
    )
    assert (episode.answer, [turn.act for turn in episode.turns]) == ("3", ["propose", "propose", "answer"])


async def test_a_spent_budget_keeps_what_was_finished(script: Any) -> None:
    team = stage(script, {"": ["Answer: 7", "p"]}, {}).model_copy(update={"max_tokens_per_question": 20})
    episode = await parse("tree_of_thoughts").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.stop, episode.calls) == ("7", "budget", 2)

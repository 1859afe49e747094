"""best_of_n: a check ends the search, ratings and a judge can overrule the vote, and nothing is claimed unchecked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from equipoise.methods.method import parse
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.problem import Problem
from equipoise.team.team import Team


@dataclass(frozen=True)
class Square:
    """Numbers that are right when their square is the one in the context."""

    name: str = "square"
    instruction: str = 'End with "Answer: <number>".'

    def read(self, text: str, problem: Problem) -> str | None:
        return text.rpartition("Answer: ")[2] if "Answer: " in text else None

    def verify(self, key: str, problem: Problem) -> bool | None:
        return int(key) ** 2 == problem.context["square"]


CHECKED = Problem(id="q", question="Root?", kind=Square(), context={"square": 49})
UNCHECKED = Problem(id="q", question="Root?", kind=graders.grader("number"))


def drawn(*answers: str, lead: str = "") -> Any:
    """Samples in turn, by the sample's index; `lead` answers any request to rate or choose."""

    def reply(messages: Any) -> str:
        text, tag = messages[-1].text, messages[-1].metadata["equipoise"]
        if prompts.RATE in text or prompts.CHOOSE in text:
            return lead
        answer = answers[tag["sample"]]
        return f"Answer: {answer}" if answer else "Hm."

    return reply


async def played(script: Any, spec: str, problem: Problem, answers: Sequence[str], lead: Any = None) -> Any:
    members = (script.executor("a", drawn(*answers)), script.executor("b", "Answer: 1"))
    team = Team(executors=members, coordinator=script.coordinator(lead) if lead else None)
    return await parse(spec).play(problem, team, Random(0))


async def test_the_first_candidate_that_passes_ends_the_search(script: Any) -> None:
    episode = await played(script, "best_of_n(n=5)", CHECKED, ["6", "", "7", "6", "6"])
    assert (episode.answer, episode.stop, episode.calls) == ("7", "verified", 3)
    assert episode.beliefs == {"7": 1.0}


async def test_where_nothing_passes_the_samples_vote_and_nothing_is_called_verified(script: Any) -> None:
    episode = await played(script, "best_of_n(n=4)", CHECKED, ["5", "6", "6", "8"])
    assert (episode.answer, episode.stop, episode.calls) == ("6", "done", 4)
    assert episode.beliefs == {"6": 0.5, "5": 0.25, "8": 0.25}


async def test_without_a_check_the_samples_vote(script: Any) -> None:
    episode = await played(script, "best_of_n(n=4)", UNCHECKED, ["", "5", "6", "6"])
    assert (episode.answer, episode.stop, episode.calls) == ("6", "done", 4)
    assert [turn.sample for turn in episode.turns] == [0, 1, 2, 3]


def rating_of(said: dict[str, str]) -> Any:
    return lambda messages: next(text for answer, text in said.items() if f"Answer: {answer}" in messages[-1].text)


@pytest.mark.parametrize(
    ("ratings", "winner"),
    [
        ({"5": "Rating: likely", "6": "Rating: impossible"}, "5"),
        ({"5": "no idea", "6": "Rating: impossible"}, "6"),
        ({"5": "Rating: sure", "6": "Rating: sure"}, "6"),
        ({"5": "no idea", "6": "no idea"}, "6"),
    ],
)
async def test_the_scorer_prefers_the_better_rating_and_votes_among_equals(
    ratings: dict[str, str], winner: str, script: Any
) -> None:
    episode = await played(script, "best_of_n(n=3,selector=scorer)", UNCHECKED, ["5", "6", "6"], rating_of(ratings))
    assert (episode.answer, episode.calls) == (winner, 6)
    rates = [turn for turn in episode.turns if turn.act == "rate"]
    assert {(turn.agent, turn.sampling_temperature) for turn in rates} == {("lead", 0.0)}


@pytest.mark.parametrize(("said", "winner"), [("Best: 1", "5"), ("Best: 3", "6"), ("Best: 4", "6"), ("none", "6")])
async def test_the_judge_can_overrule_the_majority(said: str, winner: str, script: Any) -> None:
    episode = await played(script, "best_of_n(n=4,selector=judge)", UNCHECKED, ["5", "6", "6", ""], said)
    assert (episode.answer, episode.calls) == (winner, 5)
    assert episode.beliefs[winner] == pytest.approx(1 / 3 if winner == "5" else 2 / 3)
    judge = next(call for call in script.calls if call.agent == "lead")
    assert "Solution 3: Answer: 6" in judge.texts[-1] and "Solution 4" not in judge.texts[-1]


async def test_samples_that_agree_need_no_judge(script: Any) -> None:
    episode = await played(script, "best_of_n(n=3,selector=judge)", UNCHECKED, ["6", "6", "6"], "Best: 1")
    assert (episode.answer, episode.stop, episode.calls) == ("6", "agreed", 3)

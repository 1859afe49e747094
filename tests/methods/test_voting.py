"""single, self_consistency and majority_vote: who is asked, how often, and who wins."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from equipoise.errors import InputError
from equipoise.methods.method import parse
from equipoise.methods.single import Single
from equipoise.tasks import graders
from equipoise.team.control import ControlSet
from equipoise.team.problem import Example, Problem
from equipoise.team.team import Team

PROBLEM = Problem(id="q", question="How many?", kind=graders.grader("number"))


def by_sample(*answers: str) -> Any:
    return lambda messages: f"Answer: {answers[messages[-1].metadata['equipoise']['sample']]}"


async def test_single_uses_the_default_control_of_its_executor(script: Any) -> None:
    team = Team(
        executors=(
            script.executor("a", "Answer: 1", strategies=("decompose", "direct")),
            script.executor("b", "Answer: 2"),
        ),
        controls=ControlSet(strategies=("verify", "direct"), sampling_temperatures=(0.3, 0.9)),
    )
    first, second = [await run.play(PROBLEM, team, Random(0)) for run in Single().variants(team)]
    assert (first.answer, first.turns[0].strategy, first.turns[0].sampling_temperature) == ("1", "decompose", 0.3)
    assert (second.answer, second.turns[0].strategy) == ("2", "verify")
    assert [run.name for run in Single(strategy="direct").variants(team)] == [
        "single(strategy='direct',executor='a')",
        "single(strategy='direct',executor='b')",
    ]
    assert Single(executor="b").variants(team) == [Single(executor="b")]


async def test_few_shot_shows_the_examples_as_earlier_exchanges_and_needs_them(script: Any) -> None:
    team = Team(executors=(script.executor("a", "Answer: 1"),))
    with pytest.raises(InputError, match="no worked examples"):
        await parse("single(strategy=few_shot)").play(PROBLEM, team, Random(0))
    shown = Problem(
        id="q", question="How many?", kind=PROBLEM.kind, examples=(Example(question="One?", response="Answer: 9"),)
    )
    await parse("single(strategy=few_shot)").play(shown, team, Random(0))
    (call,) = script.calls
    assert call.roles == ("user", "assistant", "user")
    assert call.texts[0].startswith("One?") and call.texts[1] == "Answer: 9" and call.texts[2].startswith("How many?")


async def test_self_consistency_draws_distinct_samples_and_takes_the_plurality(script: Any) -> None:
    team = Team(
        executors=(script.executor("a", by_sample("3", "5", "7", "5")), script.executor("b", "Answer: 3")),
    )
    episode = await parse("self_consistency(samples=4)").play(PROBLEM, team, Random(0))
    assert episode.answer == "5"
    assert episode.beliefs == {"5": 0.5, "3": 0.25, "7": 0.25}
    assert [turn.sample for turn in episode.turns] == [0, 1, 2, 3]
    assert {call.agent for call in script.calls} == {"a"}
    assert len({call.config.seed for call in script.calls}) == 4


async def test_a_greedy_control_is_sampled_at_a_temperature_where_samples_must_differ(script: Any) -> None:
    greedy = ControlSet(strategies=("direct",), sampling_temperatures=(0.0,))
    team = Team(executors=(script.executor("a", "Answer: 1"),), controls=greedy)
    await parse("self_consistency(samples=2)").play(PROBLEM, team, Random(0))
    await parse("single").play(PROBLEM, team, Random(0))
    assert [call.config.temperature for call in script.calls] == [0.7, 0.7, 0.0]


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (("1", "2", "2"), "2"),
        (("1", "2", "3"), "1"),
        (("2", "1", "3"), "2"),
        (("", "3", "2"), "3"),
        (("2", "", ""), "2"),
    ],
)
async def test_majority_vote_asks_everybody_once(answers: tuple[str, ...], winner: str, script: Any) -> None:
    members = [script.executor(n, f"Answer: {a}" if a else "") for n, a in zip("abc", answers, strict=True)]
    episode = await parse("majority_vote").play(PROBLEM, Team(executors=tuple(members)), Random(0))
    assert episode.answer == winner
    assert episode.response == f"Answer: {winner}"
    assert sorted(turn.agent for turn in episode.turns) == ["a", "b", "c"]
    assert sum(episode.beliefs.values()) == pytest.approx(1)

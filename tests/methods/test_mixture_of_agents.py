"""mixture_of_agents: every layer reads all of the layer before, and the lead has the last word."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from equipoise.methods.method import parse
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.problem import Problem
from equipoise.team.team import Team

PROBLEM = Problem(id="q", question="How many?", kind=graders.grader("number"))


def member(name: str, first: str, later: str) -> Any:
    """Says its name, which layer it is in, and that layer's answer."""

    def reply(messages: Any) -> str:
        layer = 1 if "Solution 1" not in messages[-1].text else 2 + messages[-1].text.count(" again") // 2
        return f"{name}{' again' * (layer - 1)}. Answer: {first if layer == 1 else later}"

    return reply


def pair(script: Any, final: str = "Answer: 9") -> Team:
    members = (script.executor("a", member("A", "1", "3")), script.executor("b", member("B", "2", "3")))
    return Team(executors=members, coordinator=script.coordinator(final))


@pytest.mark.parametrize(("layers", "calls"), [(1, 3), (2, 5), (3, 7)])
async def test_layers_times_executors_and_one_aggregator(layers: int, calls: int, script: Any) -> None:
    method = parse(f"mixture_of_agents(layers={layers})")
    team = pair(script)
    episode = await method.play(PROBLEM, team, Random(0))
    assert episode.calls == calls == method.calls(team)
    assert [turn.round for turn in episode.turns] == [r for r in range(layers) for _ in "ab"] + [layers]
    assert [turn.act for turn in episode.turns] == ["answer"] * 2 + ["aggregate"] * (calls - 2)
    assert episode.answer == "9"


async def test_a_layer_reads_the_whole_layer_before_and_nothing_older(script: Any) -> None:
    await parse("mixture_of_agents").play(PROBLEM, pair(script), Random(0))
    for call in script.calls[2:4]:
        assert "Solution 1: A. Answer: 1\nSolution 2: B. Answer: 2\n" in call.texts[-1]
        assert prompts.COMBINE in call.texts[-1]
        assert call.config.temperature == 0.7
    final = script.calls[4]
    assert "Solution 1: A again. Answer: 3\nSolution 2: B again. Answer: 3\n" in final.texts[-1]
    assert "A. Answer" not in final.texts[-1]
    assert (final.agent, final.config.temperature) == ("lead", 0.0)


async def test_an_aggregator_without_an_answer_leaves_it_to_the_last_layer(script: Any) -> None:
    episode = await parse("mixture_of_agents").play(PROBLEM, pair(script, final="Hm."), Random(0))
    assert (episode.answer, episode.beliefs) == ("3", {"3": 1.0})


async def test_silent_members_are_not_passed_on(script: Any) -> None:
    members = (script.executor("a", " "), script.executor("b", "Answer: 2"))
    await parse("mixture_of_agents(layers=1)").play(PROBLEM, Team(executors=members), Random(0))
    assert "Solution 1: Answer: 2" in script.calls[-1].texts[-1] and "Solution 2" not in script.calls[-1].texts[-1]

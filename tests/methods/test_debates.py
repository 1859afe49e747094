"""debate and debate_judge: who reads what, when it stops, who decides."""

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


def player(name: str, *answers: str) -> Any:
    """Says its name, the round, and the answer of that round, the last one for good."""

    def reply(messages: Any) -> str:
        round = sum(message.role == "assistant" for message in messages)
        return f"{name} in round {round}. Answer: {answers[min(round, len(answers) - 1)]}"

    return reply


def trio(script: Any, a: tuple[str, ...], b: tuple[str, ...], c: tuple[str, ...], judge: str = "Answer: 0") -> Team:
    members = [script.executor(n, player(n.upper(), *answers)) for n, answers in zip("abc", (a, b, c), strict=True)]
    return Team(executors=tuple(members), coordinator=script.coordinator(judge))


async def test_everybody_reads_the_latest_of_the_others_and_keeps_its_own_conversation(script: Any) -> None:
    episode = await parse("debate").play(PROBLEM, trio(script, ("1",), ("2",), ("3",)), Random(0))
    assert episode.calls == 9
    last = next(call for call in reversed(script.calls) if call.agent == "b")
    assert last.roles == ("user", "assistant", "user", "assistant", "user")
    assert [last.texts[i] for i in (1, 3)] == ["B in round 0. Answer: 2", "B in round 1. Answer: 2"]
    assert "Solution 1: A in round 0. Answer: 1\nSolution 2: C in round 0. Answer: 3\n" in last.texts[2]
    assert "Solution 1: A in round 1. Answer: 1\nSolution 2: C in round 1. Answer: 3\n" in last.texts[4]
    assert "B in round" not in last.texts[2] + last.texts[4]
    assert prompts.REVISE in last.texts[4] and PROBLEM.kind.instruction in last.texts[4]
    assert sorted((t.agent, t.act, t.round) for t in episode.turns if t.agent == "b") == [
        ("b", "answer", 0),
        ("b", "revise", 1),
        ("b", "revise", 2),
    ]


async def test_the_last_round_votes(script: Any) -> None:
    team = trio(script, ("1",), ("1", "2"), ("3", "3", "2"))
    assert (await parse("debate(rounds=1)").play(PROBLEM, team, Random(0))).answer == "1"
    episode = await parse("debate(rounds=2)").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.stop) == ("2", "done")
    assert episode.beliefs == {"2": pytest.approx(2 / 3), "1": pytest.approx(1 / 3)}


async def test_agreement_ends_a_debate_only_where_it_was_asked_to(script: Any) -> None:
    team = trio(script, ("5",), ("6", "5"), ("5",))
    whole = await parse("debate(rounds=3)").play(PROBLEM, team, Random(0))
    short = await parse("debate(rounds=3,stop_when_agreed=true)").play(PROBLEM, team, Random(0))
    assert (whole.calls, whole.stop) == (12, "done")
    assert (short.calls, short.stop, short.answer) == (6, "agreed", "5")
    apart = trio(script, ("5",), ("6",), ("5",))
    longest = await parse("debate(rounds=2,stop_when_agreed=true)").play(PROBLEM, apart, Random(0))
    assert (longest.calls, longest.stop) == (9, "rounds")


async def test_who_wrote_nothing_revises_without_an_empty_message(script: Any) -> None:
    def shy(messages: Any) -> str:
        return "Answer: 4" if prompts.REVISE in messages[-1].text else ""

    team = Team(executors=(script.executor("a", "Answer: 4"), script.executor("b", shy)))
    episode = await parse("debate(rounds=1)").play(PROBLEM, team, Random(0))
    assert episode.beliefs == {"4": 1.0}
    assert [(t.agent, t.act) for t in episode.turns] == [("a", "answer"), ("b", "answer"), ("b", "revise")]
    assert script.calls[-1].roles == ("user",) and "Solution 1: Answer: 4" in script.calls[-1].texts[0]


async def test_the_judge_can_overrule_the_majority(script: Any) -> None:
    team = trio(script, ("1",), ("1",), ("3",), judge="C is right. Answer: 3")
    episode = await parse("debate_judge(rounds=1)").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.response, episode.calls) == ("3", "C is right. Answer: 3", 7)
    assert episode.beliefs == {"1": pytest.approx(2 / 3), "3": pytest.approx(1 / 3)}
    judge = script.calls[-1]
    assert (judge.agent, judge.config.temperature) == ("lead", 0.0)
    assert all(f"Solution {i}: {n} in round 1" in judge.texts[-1] for i, n in enumerate("ABC", start=1))
    assert prompts.DECIDE in judge.texts[-1]


async def test_an_unreadable_verdict_leaves_it_to_the_vote(script: Any) -> None:
    team = trio(script, ("1",), ("3",), ("3",), judge="I cannot decide.")
    episode = await parse("debate_judge(rounds=1)").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.stop) == ("3", "done")


async def test_a_converged_debate_needs_no_judge(script: Any) -> None:
    team = trio(script, ("5",), ("6", "5"), ("5",), judge="Answer: 9")
    episode = await parse("debate_judge(rounds=3)").play(PROBLEM, team, Random(0))
    assert (episode.answer, episode.stop, episode.calls) == ("5", "agreed", 6)
    full = await parse("debate_judge(rounds=3,stop_when_agreed=false)").play(PROBLEM, team, Random(0))
    assert (full.answer, full.calls) == ("5", 12)

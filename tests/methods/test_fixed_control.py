"""fixed_control: the plan reaches every executor, nobody sees a peer, and each aggregation rule does what it says."""

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
GAME = Problem(
    id="g", question="Make 24.", kind=graders.grader("expression"), context={"numbers": [4, 6, 1, 1], "target": 24}
)
SAID = ("5 of them. Answer: 5", "No, 8. Answer: 8", "Answer: 5")


def lead(verdict: str) -> Any:
    def reply(messages: Any) -> str:
        text = messages[-1].text
        if prompts.RATE in text:
            return "Rating: sure" if "Answer: 8" in text else "Rating: likely"
        return "Count, then add." if "Write a short plan" in text else verdict

    return reply


async def played(script: Any, rule: str, *, spec: str = "fixed_control", problem: Problem = PROBLEM, said=SAID) -> Any:
    team = Team(
        executors=tuple(script.executor(f"e{i}", text) for i, text in enumerate(said)),
        coordinator=script.coordinator(lead("Answer: 8")),
        aggregation=rule,
        message_cap=33,
    )
    return await parse(spec).play(problem, team, Random(0)), parse(spec).calls(team)


async def test_the_plan_reaches_everybody_and_solutions_nobody(script: Any) -> None:
    episode, _ = await played(script, "majority_vote")
    plan, *answers = script.calls
    assert (plan.agent, plan.config.max_tokens) == ("lead", 33)
    assert len(answers) == 3
    assert all("Plan: Count, then add." in call.texts[-1] and "Solution" not in call.texts[-1] for call in answers)
    assert episode.turns[0].act == "plan" and episode.turns[0].key is None


async def test_without_a_plan_the_lead_is_not_asked(script: Any) -> None:
    episode, calls = await played(script, "majority_vote", spec="fixed_control(plan=False)")
    assert episode.calls == calls == 3
    assert not any("Plan:" in call.texts[-1] for call in script.calls)


@pytest.mark.parametrize(
    ("rule", "answer", "calls"),
    [("majority_vote", "5", 4), ("best_of_n", "8", 7), ("critic", "8", 5), ("concatenation", "5", 4)],
)
async def test_each_rule_decides_in_its_own_way(script: Any, rule: str, answer: str, calls: int) -> None:
    episode, most = await played(script, rule)
    assert (episode.answer, episode.calls, most) == (answer, calls, calls)
    assert episode.beliefs[answer] == (1.0 if rule == "best_of_n" else pytest.approx(2 / 3 if answer == "5" else 1 / 3))


async def test_best_of_n_needs_no_rating_where_the_task_can_check(script: Any) -> None:
    said = ("Answer: 4 + 6 + 1 + 1", "Answer: 4 * 6 * 1 * 1", "Answer: 4 + 6 + 1 + 1")
    episode, _ = await played(script, "best_of_n", problem=GAME, said=said)
    assert (episode.stop, episode.calls) == ("verified", 4)
    assert episode.turns[2].key == episode.answer


async def test_concatenation_keeps_every_word(script: Any) -> None:
    episode, _ = await played(script, "concatenation")
    assert episode.response == "5 of them. Answer: 5\nNo, 8. Answer: 8\nAnswer: 5"

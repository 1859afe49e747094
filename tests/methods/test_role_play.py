"""role_play: the plan goes to the solvers, system messages hold the roles, the critic has the last word."""

from __future__ import annotations

from random import Random
from typing import Any

from equipoise.methods.method import parse
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.problem import Problem
from equipoise.team.team import Team

PROBLEM = Problem(id="q", question="How many?", kind=graders.grader("number"))
PLAN = "Count the left ones, then the right ones."


def team_of(script: Any, *, critic: Any = "Answer: 6", role: str = "Checker", plan: str = PLAN) -> Team:
    return Team(
        coordinator=script.coordinator(plan, role="planner"),
        executors=(
            script.executor("a", "First solver. Answer: 5", instructions="You count slowly."),
            script.executor("b", critic, role=role),
            script.executor("c", "Third solver. Answer: 5", role="estimator"),
        ),
        message_cap=33,
    )


async def test_planner_solvers_and_critic_act_in_turn_and_in_role(script: Any) -> None:
    episode = await parse("role_play").play(PROBLEM, team_of(script), Random(0))
    assert [(call.agent, call.tag["act"]) for call in script.calls] == [
        ("lead", "plan"),
        ("a", "answer"),
        ("c", "answer"),
        ("b", "judge"),
    ]
    plan, first, third, critic = script.calls
    assert (plan.config.max_tokens, plan.config.temperature) == (33, 0.0)
    assert prompts.PLAN.format(cap=33) in plan.texts[-1]
    assert [call.texts[0] for call in script.calls] == [
        "You are the planner of a team.",
        "You count slowly.",
        "You are the estimator of a team.",
        "You are the Checker of a team.",
    ]
    assert all(f"\nPlan: {PLAN}\n" in call.texts[-1] for call in (first, third))
    assert "Plan:" not in critic.texts[-1]
    assert "Solution 1: First solver. Answer: 5\nSolution 2: Third solver. Answer: 5\n" in critic.texts[-1]
    assert (episode.answer, episode.stop) == ("6", "rounds")
    assert episode.beliefs == {"6": 0.0, "5": 1.0}


async def test_without_a_critic_by_role_the_last_executor_checks(script: Any) -> None:
    await parse("role_play").play(PROBLEM, team_of(script, role="solver"), Random(0))
    assert [call.agent for call in script.calls] == ["lead", "a", "b", "c"]


async def test_agreement_ends_it_and_disagreement_goes_back_to_the_solvers(script: Any) -> None:
    episode = await parse("role_play(rounds=3)").play(PROBLEM, team_of(script, critic="Answer: 5"), Random(0))
    assert (episode.answer, episode.stop, episode.calls) == ("5", "agreed", 4)
    script.calls.clear()
    episode = await parse("role_play(rounds=2)").play(PROBLEM, team_of(script), Random(0))
    assert (episode.stop, episode.calls) == ("rounds", 7)
    again = script.calls[4]
    assert (again.agent, again.tag["act"], again.roles) == ("a", "revise", ("system", "user", "assistant", "user"))
    assert again.texts[2] == "First solver. Answer: 5"
    assert again.texts[3].startswith("Solution 1: Answer: 6\n")


async def test_a_critic_without_an_answer_leaves_it_to_the_solvers(script: Any) -> None:
    episode = await parse("role_play").play(PROBLEM, team_of(script, critic="Looks odd."), Random(0))
    assert (episode.answer, episode.beliefs) == ("5", {"5": 1.0})


async def test_an_empty_plan_is_left_out(script: Any) -> None:
    await parse("role_play").play(PROBLEM, team_of(script, plan=" \n"), Random(0))
    assert all("Plan:" not in call.texts[-1] for call in script.calls)


async def test_a_team_of_one_is_checked_by_its_lead(script: Any) -> None:
    team = Team(coordinator=script.coordinator("Answer: 2"), executors=(script.executor("a", "Answer: 1"),))
    episode = await parse("role_play").play(PROBLEM, team, Random(0))
    assert [call.agent for call in script.calls] == ["lead", "a", "lead"]
    assert episode.answer == "2"

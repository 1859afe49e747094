"""Turns: what reaches a model, what is counted, what is raised, and the episode that comes of it."""

from __future__ import annotations

from typing import Any

import pytest

from equipoise.errors import ModelCallError
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.agent import Price
from equipoise.team.control import Control
from equipoise.team.episode import Episode
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import BudgetSpent, Turns

PROBLEM = Problem(id="task/7", question="How many?", kind=graders.grader("number"))


def turns_of(script: Any, *replies: str, seed: int = 1, **settings: Any) -> Turns:
    members = [
        script.executor(name, reply, usage=(10 + i, 3 * i + 1), price=Price(input=1.0, output=1.0 + i))
        for i, (name, reply) in enumerate(zip("abc", replies, strict=False))
    ]
    return Turns(PROBLEM, Team(executors=tuple(members), **settings), seed)


async def test_a_turn_says_who_was_asked_what_and_at_what_cost(script: Any) -> None:
    turns = turns_of(script, "Answer: 1", "It is 2.\nAnswer: 2", max_tokens=64)
    control = Control(strategy="verify", sampling_temperature=0.4, top_p=0.9, repetition_penalty=1.1)
    turn = await turns.answer(turns.team.executors[1], control, plan="Count.", round=3)
    assert (turn.agent, turn.model, turn.act, turn.round, turn.key) == ("b", "mockllm/b", "answer", 3, "2")
    assert (turn.strategy, turn.sampling_temperature, turn.sample) == ("verify", 0.4, 0)
    assert (turn.input_tokens, turn.output_tokens) == (11, 4)
    assert turn.cost_usd == pytest.approx((11 * 1 + 4 * 2) / 1e6)
    assert turn.prompt == prompts.answer(PROBLEM, prompts.STRATEGIES["verify"], plan="Count.")
    (call,) = script.calls
    assert (call.config.temperature, call.config.top_p, call.config.max_tokens) == (0.4, 0.9, 64)
    assert call.config.extra_body == {"repetition_penalty": 1.1}
    assert call.tag == {"id": "task/7", "question": "How many?", "strategy": "verify", "sample": 0, "act": "answer"}
    assert turns.tokens == 15


async def test_instructions_are_the_system_message_and_limits_are_the_smaller_one(script: Any) -> None:
    terse = script.executor("t", "Answer: 1", instructions="Be terse.", max_tokens=20)
    turns = Turns(PROBLEM, Team(executors=(terse,), max_tokens=64), 0)
    await turns.ask(terse, "plan", prompts.plan(PROBLEM, 30), max_tokens=30)
    await turns.ask(terse, "plan", prompts.plan(PROBLEM, 10), max_tokens=10)
    assert [call.config.max_tokens for call in script.calls] == [20, 10]
    assert (script.calls[0].roles[0], script.calls[0].texts[0]) == ("system", "Be terse.")
    assert script.calls[0].config.temperature is None


async def test_repeated_prompts_get_their_own_sample_and_seed_whatever_came_before(script: Any) -> None:
    turns = turns_of(script, "Answer: 1", "Answer: 2")
    first, second = turns.team.executors
    for executor in (first, first, second):
        await turns.answer(executor)
    seeds = [call.config.seed for call in script.calls]
    assert [call.tag["sample"] for call in script.calls] == [0, 1, 0]
    assert len(set(seeds)) == 3
    script.calls.clear()
    again = turns_of(script, "Answer: 1", "Answer: 2")
    for executor in (again.team.executors[1], *[again.team.executors[0]] * 2):
        await again.answer(executor)
    assert [call.config.seed for call in script.calls] == [seeds[2], seeds[0], seeds[1]]
    script.calls.clear()
    other = turns_of(script, "Answer: 1", seed=2)
    await other.answer(other.team.executors[0])
    assert script.calls[0].config.seed != seeds[0]


async def test_the_latest_answers_count_and_other_acts_do_not(script: Any) -> None:
    turns = turns_of(script, "Answer: 1", "Answer: 2")
    first, second = turns.team.executors
    own = await turns.answer(first)
    await turns.answer(second)
    await turns.answer(second)
    await turns.ask(first, "rate", prompts.rate(PROBLEM, ["x"]))
    revised = await turns.ask(first, "revise", prompts.revise(PROBLEM, own.prompt, own.response, ["y"]))
    assert [(turn.agent, turn.sample) for turn in turns.answers()] == [("a", 0), ("b", 0), ("b", 1)]
    assert turns.answers()[0] is revised


async def test_a_spent_budget_refuses_the_next_call_and_counts_those_under_way(script: Any) -> None:
    slow = script.executor("slow", "Answer: 1", usage=(6, 1), delay_s=0.01)
    quick = script.executor("quick", "Answer: 2", usage=(7, 3))
    turns = Turns(PROBLEM, Team(executors=(slow, quick), max_tokens_per_question=10), 0)

    async def twice() -> Any:
        await turns.answer(quick)
        return await turns.answer(quick)

    with pytest.raises(BudgetSpent):
        await turns.together([turns.answer(slow), twice(), twice()])
    assert turns.tokens == script.tokens == 7 + 2 * 10
    assert len(script.calls) == 3


async def test_the_first_failure_in_order_is_raised_after_all_calls_ended(script: Any) -> None:
    turns = turns_of(script, "Answer: 1", "!bad gateway", "!timed out")
    with pytest.raises(ModelCallError, match=r"b \(mockllm/b\) failed: RuntimeError: bad gateway"):
        await turns.together(turns.answer(executor) for executor in turns.team.executors)
    assert [turn.agent for turn in turns.taken] == ["a"]


async def test_an_unknown_provider_is_a_failed_call_that_names_agent_and_endpoint(script: Any) -> None:
    agent = script.executor("a", "Answer: 1").model_copy(
        update={"model": "nosuch/model", "model_args": {}, "base_url": "http://localhost:1/v1"}
    )
    turns = Turns(PROBLEM, Team(executors=(agent,)), 0)
    with pytest.raises(ModelCallError, match=r"a \(nosuch/model at http://localhost:1/v1\) failed"):
        await turns.answer(agent)


async def test_refused_and_empty_responses_are_turns_without_an_answer(script: Any) -> None:
    turns = turns_of(script, "?I cannot answer that.", "")
    refused, empty = [await turns.answer(executor) for executor in turns.team.executors]
    assert (refused.refused, refused.key) == (True, None)
    assert (empty.refused, empty.key, empty.response) == (False, None, "")


async def test_an_episode_adds_up_its_turns_and_survives_json(script: Any) -> None:
    turns = turns_of(script, "Answer: 1", "Réponse: «2»\nAnswer: 2")
    for executor in turns.team.executors:
        await turns.answer(executor)
    episode = Episode(
        problem="task/7",
        question="How many?",
        method="single",
        answer="2",
        response="Answer: 2",
        stop="done",
        beliefs={"2": 0.75, "1": 0.25},
        turns=tuple(turns.taken),
        seconds=1.5,
    )
    assert (episode.calls, episode.input_tokens, episode.output_tokens) == (2, 21, 5)
    assert episode.cost_usd == pytest.approx((10 + 1 + 11 + 4 * 2) / 1e6)
    assert Episode.model_validate_json(episode.model_dump_json()) == episode


LONG = "First count the apples and then count all of the pears too"


@pytest.mark.parametrize(
    ("said", "again", "plan", "calls", "remarks"),
    [
        (["Count, then add."], True, "Count, then add.", 1, []),
        ([LONG], False, "First count the apples and", 1, []),
        ([LONG, " Count twice. "], True, "Count twice.", 2, ["the plan was too long and written once more"]),
        (
            [LONG, f"Or {LONG}"],
            True,
            "Or First count the apples",
            2,
            ["the plan was too long and written once more and then cut at 5 tokens"],
        ),
    ],
)
async def test_a_plan_keeps_to_the_cap_and_is_written_again_once(
    script: Any, said: list[str], again: bool, plan: str, calls: int, remarks: list[str]
) -> None:
    lead = script.coordinator(lambda messages: said[len(script.calls) - 1], counted=True)
    team = Team(executors=(script.executor("a", "Answer: 1"),), coordinator=lead, message_cap=5)
    turns = Turns(PROBLEM, team, 1)
    assert await turns.plan(again=again) == plan
    assert [call.agent for call in script.calls] == ["lead"] * calls
    assert [call.config.max_tokens for call in script.calls] == [5] * calls
    assert [call.config.temperature for call in script.calls] == [0.0, 0.7][:calls]
    assert len({call.config.seed for call in script.calls}) == calls
    assert all(turn.output_tokens <= 5 and turn.act == "plan" for turn in turns.taken)
    assert turns.remarks == remarks


async def test_a_plan_of_exactly_the_cap_is_not_too_long(script: Any) -> None:
    lead = script.coordinator("one two three four five", counted=True)
    team = Team(executors=(script.executor("a", "Answer: 1"),), coordinator=lead, message_cap=5)
    turns = Turns(PROBLEM, team, 1)
    assert await turns.plan(again=True) == "one two three four five"
    assert (len(script.calls), turns.remarks) == (1, [])


async def test_without_a_coordinator_the_first_executor_plans(script: Any) -> None:
    turns = turns_of(script, "Count.", "Answer: 2")
    assert await turns.plan(again=True) == "Count."
    assert (turns.taken[0].agent, turns.taken[0].key) == ("a", None)

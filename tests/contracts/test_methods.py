"""What every method owes, whatever it does: found by listing the folder, run on unequal scripted models."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from inspect_ai.model import ChatMessage

from equipoise.errors import ModelCallError, UnknownName
from equipoise.methods import method as contract
from equipoise.methods.method import Method, parse
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.agent import Price
from equipoise.team.control import ControlSet
from equipoise.team.episode import Episode
from equipoise.team.problem import Example, Problem
from equipoise.team.team import Team

NAMES = contract.available()
SPECS = [
    *NAMES,
    "single(strategy=few_shot)",
    "single(strategy=step_by_step,executor=gamma)",
    "self_consistency(samples=3)",
    "best_of_n(n=4,selector=scorer)",
    "best_of_n(n=3,selector=judge)",
    "debate(rounds=3,stop_when_agreed=true)",
    "debate_judge(rounds=1,stop_when_agreed=false)",
    "role_play(rounds=2)",
    "mixture_of_agents(layers=3)",
    "mixture_of_agents(layers=1)",
    "tree_of_thoughts(breadth=3,depth=2,proposals=3)",
    "cascade(price=0.001)",
    "verifier_stop(controls=all,price=0.001)",
    "dice_pc(message=True)",
    "dice_pc(form=two_rounds)",
    "dice_pc(form=simultaneous,controls=default)",
    "econ(decoding=random,rounds=2)",
    "econ(decoding=random,rounds=3,commitment=vote)",
    "econ(coordinator=false,decoding=fixed)",
    "econ(decoding=random,information=full)",
]
IN_TEAM_ORDER = {"cascade", "dice_pc", "router"}
"""Methods that, without a recording, ask the team in its order and not all of it: the order is their hyperparameter."""

SECRET = "the fact for verifiers only"
PROBLEM = Problem(
    id="sum/1",
    question="What is six times seven?",
    kind=graders.grader("number"),
    examples=(Example(question="What is two times two?", response="Answer: 4"),),
    context={"note": SECRET},
)


def speaker(answer: str) -> Callable[[Sequence[ChatMessage]], str]:
    """A model that obeys every line of the shared prompts and always means the same answer."""

    def reply(messages: Sequence[ChatMessage]) -> str:
        text = messages[-1].text
        if "Write a short plan" in text:
            return "Multiply the two numbers."
        if prompts.CHOOSE in text:
            return "The second convinces me. Best: 2"
        if prompts.RATE in text:
            return "Rating: likely"
        if prompts.STEP in text:
            return f"Answer: {answer}" if "Steps so far" in text else "First, write six seven times."
        return f"I count on my fingers. Answer: {answer}"

    return reply


def team_of(
    script: Any, *, delays: Sequence[float] = (0, 0, 0, 0), order: Sequence[int] = (0, 1, 2), **settings: Any
) -> Team:
    """Two executors who are right and one who is not, of different lengths and prices; alpha is a critic by role."""
    executors = [
        script.executor(
            "alpha", speaker("42"), role="critic", usage=(11, 3), price=Price(output=2.0), delay_s=delays[0]
        ),
        script.executor("beta", speaker("42"), instructions="Be brief.", usage=(20, 7), delay_s=delays[1]),
        script.executor("gamma", speaker("17"), usage=(31, 2), price=Price(input=0.5), delay_s=delays[2]),
    ]
    lead = script.coordinator(speaker("42"), usage=(5, 13), price=Price(input=3.0, output=9.0), delay_s=delays[3])
    return Team(coordinator=lead, executors=tuple(executors[i] for i in order), **settings)


async def play(spec: str | Method, team: Team, *, seed: int = 3) -> Episode:
    method = parse(spec) if isinstance(spec, str) else spec
    return await method.play(PROBLEM, team, Random(seed))


def without_time(episode: Episode) -> dict[str, Any]:
    plain = episode.model_dump()
    return plain | {"seconds": 0, "turns": [turn | {"seconds": 0} for turn in plain["turns"]]}


def asked(script: Any) -> Counter[tuple[Any, ...]]:
    return Counter((c.agent, c.texts, c.config.seed, c.config.temperature) for c in script.calls)


@pytest.mark.parametrize("spec", SPECS)
async def test_the_account_equals_what_the_models_counted(spec: str, script: Any) -> None:
    team = team_of(script)
    episode = await play(spec, team)
    assert 1 <= episode.calls <= parse(spec).calls(team)
    assert episode.calls == len(script.calls)
    assert episode.input_tokens + episode.output_tokens == script.tokens
    prices = {agent.name: agent.price for agent in team.agents}
    due = sum(prices[t.agent].cost_usd(t.input_tokens, t.output_tokens) for t in episode.turns)
    assert episode.cost_usd == pytest.approx(due, rel=1e-12)
    assert episode.method == parse(spec).name
    assert episode.answer is not None
    assert episode.answer in episode.beliefs
    assert PROBLEM.read(episode.response) == episode.answer


@pytest.mark.parametrize("spec", SPECS)
async def test_an_episode_survives_json(spec: str, script: Any) -> None:
    episode = await play(spec, team_of(script))
    assert Episode.model_validate_json(episode.model_dump_json()) == episode


@pytest.mark.parametrize("spec", SPECS)
async def test_equal_seeds_give_equal_episodes(spec: str, script: Any) -> None:
    team = team_of(script)
    first = await play(spec, team, seed=3)
    sent = asked(script)
    script.calls.clear()
    assert without_time(await play(spec, team, seed=3)) == without_time(first)
    assert asked(script) == sent
    script.calls.clear()
    await play(spec, team, seed=4)
    assert not asked(script) & sent


@pytest.mark.parametrize("spec", SPECS)
async def test_the_order_in_which_calls_end_changes_nothing(spec: str, script: Any) -> None:
    first = await play(spec, team_of(script, delays=(0.0, 0.004, 0.008, 0.002)))
    sent = asked(script)
    script.calls.clear()
    second = await play(spec, team_of(script, delays=(0.008, 0.004, 0.0, 0.0)))
    assert asked(script) == sent
    assert (first.answer, first.response, first.beliefs, first.stop) == (
        second.answer,
        second.response,
        second.beliefs,
        second.stop,
    )


@pytest.mark.parametrize("spec", [s for s in SPECS if s.partition("(")[0] not in IN_TEAM_ORDER])
async def test_executors_may_be_listed_in_any_order(spec: str, script: Any) -> None:
    method = parse(spec)
    if any(f.name == "executor" for f in dataclasses.fields(method)):
        method = dataclasses.replace(method, **{"executor": "gamma"})
    first = await play(method, team_of(script))
    second = await play(method, team_of(script, order=(2, 0, 1)))
    assert first.answer == second.answer
    assert first.beliefs == second.beliefs
    assert Counter((t.agent, t.act, t.round) for t in first.turns) == Counter(
        (t.agent, t.act, t.round) for t in second.turns
    )


@pytest.mark.parametrize("spec", SPECS)
async def test_prompts_hold_the_question_once_and_no_private_fact(spec: str, script: Any) -> None:
    await play(spec, team_of(script))
    for call in script.calls:
        text = "\n".join(call.texts)
        assert text.count(PROBLEM.question) == 1
        assert SECRET not in text
        assert call.roles[-1] == "user"
        assert all(text.strip() for text in call.texts)


@pytest.mark.parametrize("budget", [1, 40, 80, 130])
@pytest.mark.parametrize("spec", SPECS)
async def test_no_call_starts_once_the_budget_is_spent(spec: str, budget: int, script: Any) -> None:
    whole = await play(spec, team_of(script))
    script.calls.clear()
    script.tokens = 0
    episode = await play(spec, team_of(script, max_tokens_per_question=budget))
    assert all(call.spent < budget for call in script.calls)
    assert len(script.calls) == episode.calls
    assert episode.input_tokens + episode.output_tokens == script.tokens
    if episode.calls < whole.calls:
        assert episode.stop == "budget"
        answered = [t for t in episode.turns if t.act == "answer" and t.key]
        assert (episode.answer is not None) or not answered
    else:
        assert without_time(episode)["answer"] == whole.answer


@pytest.mark.parametrize("said", ["I cannot say.", "", "?I must not answer that."])
@pytest.mark.parametrize("spec", SPECS)
async def test_a_silent_team_gives_no_answer(spec: str, said: str, script: Any) -> None:
    team = Team(
        coordinator=script.coordinator(said),
        executors=tuple(script.executor(name, said) for name in ("alpha", "beta", "gamma")),
    )
    episode = await play(spec, team)
    assert (episode.answer, episode.stop, episode.beliefs) == (None, "no_answer", {})
    assert 1 <= episode.calls <= parse(spec).calls(team)
    assert all(turn.refused == said.startswith("?") for turn in episode.turns)
    assert all(text.strip() for call in script.calls for text in call.texts)


@pytest.mark.parametrize("spec", SPECS)
async def test_one_silent_member_does_not_silence_the_others(spec: str, script: Any) -> None:
    team = Team(
        executors=(
            script.executor("alpha", speaker("42")),
            script.executor("beta", ""),
            script.executor("gamma", speaker("42")),
        )
    )
    if "gamma" not in spec:
        assert (await play(spec, team)).answer == "42"


@pytest.mark.parametrize("spec", NAMES)
async def test_a_team_of_one_without_a_coordinator_can_play(spec: str, script: Any) -> None:
    team = Team(executors=(script.executor("alone", speaker("42")),))
    episode = await play(spec, team)
    assert episode.answer == "42"
    assert {turn.agent for turn in episode.turns} == {"alone"}
    assert episode.calls <= parse(spec).calls(team)


@pytest.mark.parametrize("spec", SPECS)
async def test_a_failed_call_is_an_error_that_names_the_agent(spec: str, script: Any) -> None:
    team = Team(
        coordinator=script.coordinator("!no route to host"),
        executors=tuple(script.executor(name, "!no route to host") for name in ("alpha", "beta", "gamma")),
    )
    with pytest.raises(ModelCallError, match=r"(lead|alpha|gamma) \(mockllm/.*no route to host"):
        await play(spec, team)


@pytest.mark.parametrize("spec", SPECS)
def test_a_name_says_everything(spec: str) -> None:
    method = parse(spec)
    assert parse(method.name) == method
    assert hash(parse(method.name)) == hash(method)
    assert method.name.partition("(")[0] == spec.partition("(")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_cites_its_paper_and_states_its_cost(name: str) -> None:
    cls = contract.method_type(name)
    module = __import__(cls.__module__, fromlist=["_"])
    assert any(str(year) in cls.reference for year in range(2017, 2027))
    assert "Cost:" in (module.__doc__ or "")
    assert "Deviation" in (module.__doc__ or "")
    assert cls() == parse(name)


@pytest.mark.parametrize("name", NAMES)
def test_variants_can_be_named_and_run(name: str, script: Any) -> None:
    team = team_of(script)
    variants = parse(name).variants(team)
    assert len({variant.name for variant in variants}) == len(variants) >= 1
    assert all(parse(variant.name) == variant for variant in variants)
    assert all(variant.calls(team) >= 1 for variant in variants)


@pytest.mark.parametrize("name", NAMES)
def test_a_method_knows_which_names_its_team_lacks(name: str, script: Any) -> None:
    known = {f.name for f in dataclasses.fields(contract.method_type(name))}
    for parameter in {"executor", "strategy"} & known:
        with pytest.raises(UnknownName, match=f"no {parameter} 'gama'"):
            parse(f"{name}({parameter}=gama)").calls(team_of(script))


async def test_ties_go_to_the_earliest_executor_even_when_the_budget_ends_the_episode(script: Any) -> None:
    def team(delays: Sequence[float]) -> Team:
        executors = [
            script.executor(name, speaker(answer), delay_s=delay)
            for name, answer, delay in zip("abc", ("8", "9", "7"), delays, strict=True)
        ]
        return Team(executors=tuple(executors), max_tokens_per_question=1, controls=ControlSet())

    for delays in ((0.008, 0.004, 0.0), (0.0, 0.004, 0.008)):
        episode = await play("debate", team(delays))
        assert (episode.answer, episode.stop) == ("8", "budget")

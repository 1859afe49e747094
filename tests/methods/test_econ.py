"""ECON: strategy, privacy, stop reasons, account, fall-backs; with scripted models and hand-made minds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pytest
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage

from equipoise.errors import InputError, ModelCallError
from equipoise.games.grid_response import Response
from equipoise.methods import _econ_acts as acts
from equipoise.methods._econ_account import Account, most_calls
from equipoise.methods.econ import Econ, stopped
from equipoise.methods.method import Decision, parse
from equipoise.tasks import graders
from equipoise.team import prompt as prompts
from equipoise.team.agent import Executor
from equipoise.team.episode import Episode, Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

PROBLEM = Problem(id="p", question="What is 6 times 7?", kind=graders.grader("number"))


@dataclass
class ScriptedMind:
    """Profiles and moves as written down."""

    profiles: Sequence[Any]
    gaps: tuple[float, ...] = (0.4, 0.1)
    values: list[float] | None = None
    moves: float | None = None
    heard: list[tuple[list[str], str]] = field(default_factory=list)
    round: int = 0
    width: np.ndarray = field(default_factory=lambda: np.array([1.9, 0.8]))

    def begin(self, question: str, strategy: str) -> np.ndarray:
        return np.array(self.profiles[0])

    def respond(self, answers: Sequence[str], commitment: str) -> Response:
        self.heard.append((list(answers), commitment))
        self.round += 1
        return Response(np.array(self.profiles[self.round]), self.gaps)

    def worth(self) -> list[float] | None:
        return self.values

    def moved(self, before: str, after: str) -> float | None:
        return self.moves


LOW, HIGH = [[0.3, 0.5]] * 3, [[1.5, 0.5]] * 3


def by_round(*answers: str) -> Any:
    """A model that gives its answers one after the other."""
    said = iter(answers)
    last = ""

    def reply(messages: Sequence[ChatMessage]) -> str:
        nonlocal last
        last = next(said, last)
        return f"So. Answer: {last}"

    return reply


def team_of(script: Any, replies: Sequence[Any], *, lead: Any = "Multiply.", **settings: Any) -> Team:
    return Team(
        coordinator=script.coordinator(lead, usage=(30, 10)),
        executors=tuple(
            script.executor(name, reply, usage=(40, 30)) for name, reply in zip("abcdefghij", replies, strict=False)
        ),
        **settings,
    )


async def play(method: Econ, team: Team, mind: ScriptedMind | None, monkeypatch: pytest.MonkeyPatch) -> Episode:
    if mind is not None:
        monkeypatch.setattr(Econ, "_mind", lambda self, turns, rng: mind)
    return await method.play(PROBLEM, team, Random(1))


async def test_executors_are_asked_at_their_own_settings_and_never_see_each_other(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mind = ScriptedMind([[[0.3, 0.2], [1.25, 0.9], [2.0, 0.55]], [[0.9, 0.2], [1.25, 0.9], [0.4, 0.8]]])
    team = team_of(script, [by_round("41", "42"), by_round("43"), by_round("44", "42")])
    episode = await play(Econ(commitment="vote"), team, mind, monkeypatch)
    asked = [c for c in script.calls if c.agent != "lead"]
    assert [(c.agent, c.config.temperature, c.config.top_p) for c in asked] == [
        ("a", 0.3, 0.2),
        ("b", 1.25, 0.9),
        ("c", 2.0, 0.55),
        ("a", 0.9, 0.2),
        ("c", 0.4, 0.8),
    ]
    for call in asked:  # nobody's prompt holds an answer
        assert not any(answer in "\n".join(call.texts) for answer in ("41", "42", "43", "44"))
    assert mind.heard == [(["So. Answer: 41", "So. Answer: 43", "So. Answer: 44"], "So. Answer: 41")]
    assert episode.answer == "42"
    assert episode.stop == "rounds"
    assert episode.measures == {"gap_before": 0.4, "gap": 0.1, "rounds": 1.0}


async def test_full_information_shows_peers_answers(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mind = ScriptedMind([LOW, HIGH])
    team = team_of(script, [by_round("41"), by_round("43"), by_round("44")])
    await play(Econ(commitment="vote", information="full"), team, mind, monkeypatch)
    again = [c for c in script.calls if c.agent != "lead"][3:]
    assert [c.agent for c in again] == ["a", "b", "c"]
    assert all("Solution 2: So. Answer: 44" in c.texts[-1] for c in again[:2])


@pytest.mark.parametrize(
    ("replies", "profiles", "moves", "rounds", "stop", "made"),
    [
        ((("41", "42"),) * 3, [LOW, LOW], None, 1, "stationary", 0),
        ((("42", "42"),) * 3, [LOW, HIGH], None, 3, "unchanged", 1),
        ((("41", "42"),) * 3, [LOW, HIGH], 0.005, 3, "settled", 1),
        ((("41", "42"),) * 3, [LOW, HIGH], 0.5, 1, "rounds", 1),
        ((("41", "42", "41", "42"),) * 3, [LOW, HIGH, LOW, HIGH, LOW], 0.5, 4, "cycle", 3),
    ],
)
async def test_the_five_reasons_to_stop(
    script: Any,
    monkeypatch: pytest.MonkeyPatch,
    replies: Any,
    profiles: Any,
    moves: float | None,
    rounds: int,
    stop: str,
    made: int,
) -> None:
    # An account without limits: what is tested is why rounds end.
    monkeypatch.setattr(Account, "tokens", property(lambda self: 10**6))
    monkeypatch.setattr(Account, "calls", property(lambda self: 10**6))
    mind = ScriptedMind(profiles, moves=moves)
    episode = await play(Econ(rounds=rounds), team_of(script, [by_round(*r) for r in replies]), mind, monkeypatch)
    assert episode.stop == stop
    assert episode.measures["rounds"] == made


def test_a_cycle_needs_two_answers_in_turn() -> None:
    mind = ScriptedMind([LOW], moves=0.5)
    said = [Decision(answer=key, response=key, stop="done", beliefs={}) for key in "abab"]
    assert stopped(said, mind) == "cycle"
    assert stopped(said[:3], mind) is None
    assert stopped([said[0], said[1], said[1]], mind) == "unchanged"
    silent = [Decision(answer=None, response="", stop="done", beliefs={})] * 2
    assert stopped(silent, mind) is None  # nobody has agreed on silence


async def test_without_an_equilibrium_stage_one_commitment_is_made(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = await play(Econ(rounds=0), team_of(script, ["Answer: 1"] * 3), ScriptedMind([LOW]), monkeypatch)
    assert (episode.stop, episode.calls) == ("done", 4)


async def test_without_a_coordinator_there_is_no_plan_and_a_vote(script: Any) -> None:
    team = team_of(script, ["Answer: 5", "Answer: 8", "Answer: 5"])
    episode = await parse("econ(coordinator=false)").play(PROBLEM, team, Random(0))
    assert {turn.act for turn in episode.turns} == {"answer"}
    assert episode.answer == "5"


async def test_without_a_policy_everybody_is_asked_at_the_centre(script: Any) -> None:
    episode = await parse("econ").play(PROBLEM, team_of(script, ["Answer: 5"] * 3), Random(0))
    answers = [c for c in script.calls if c.agent != "lead"]
    assert {(c.config.temperature, c.config.top_p) for c in answers} == {(1.05, 0.5)}
    assert episode.stop == "stationary"
    assert "nothing was learned" in episode.remarks[0]


async def test_random_settings_differ_follow_the_seed_and_not_the_order(script: Any) -> None:
    method = parse("econ(decoding=random,rounds=0)")
    team = team_of(script, ["Answer: 5"] * 3)
    await method.play(PROBLEM, team, Random(0))
    first = {c.agent: (c.config.temperature, c.config.top_p) for c in script.calls if c.agent != "lead"}
    assert len(set(first.values())) == 3
    assert all(0.1 <= t <= 2.0 and 0.1 <= p <= 0.9 for t, p in first.values())
    script.calls.clear()
    await method.play(PROBLEM, team.model_copy(update={"executors": team.executors[::-1]}), Random(0))
    assert {c.agent: (c.config.temperature, c.config.top_p) for c in script.calls if c.agent != "lead"} == first


async def test_fixed_settings_are_those_given(script: Any) -> None:
    method = parse("econ(decoding=fixed,sampling_temperature=0.4,top_p=0.8)")
    episode = await method.play(PROBLEM, team_of(script, ["Answer: 5"] * 3), Random(0))
    answers = [c for c in script.calls if c.agent != "lead"]
    assert {(c.config.temperature, c.config.top_p) for c in answers} == {(0.4, 0.8)}
    assert episode.remarks == ()


# The strategy


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Multiply the two numbers.", None),
        ("Multiply 6 by 7, so 6 * 7 = 42.", 26),
        ("Let x = 6 and multiply.", None),
        ("Answer: 42", 0),
        ("The answer is easy to see", 4),
        (r"Write \boxed{42}", 6),
        ("Name the steps before the answer.", None),
    ],
)
def test_a_leak_is_an_announced_answer_or_a_result(text: str, start: int | None) -> None:
    assert acts.leak(text, PROBLEM.question) == start


@pytest.mark.parametrize(
    ("first", "second", "kept", "remark", "plans"),
    [
        ("Multiply them.", "-", "Multiply them.", None, 1),
        ("Multiply. Answer: 42", "Multiply again.", "Multiply again.", None, 2),
        ("Answer: 42", "Multiply 6 and 7. Answer: 42", "Multiply 6 and 7.", "give an answer", 2),
    ],
)
async def test_a_strategy_that_leaks_is_written_anew_once_and_then_cut(
    script: Any, first: str, second: str, kept: str, remark: str | None, plans: int
) -> None:
    said = iter([first, second])
    lead = lambda messages: next(said)  # noqa: E731
    episode = await parse("econ").play(PROBLEM, team_of(script, ["Answer: 5"] * 3, lead=lead), Random(0))
    asked = [c for c in script.calls if c.agent != "lead"]
    assert all(f"Plan: {kept}\n" in c.texts[-1] for c in asked)
    assert sum(turn.act == "plan" for turn in episode.turns) == plans
    assert any(remark in text for text in episode.remarks) if remark else len(episode.remarks) == 1
    assert all(c.config.max_tokens == 70 for c in script.calls if c.agent == "lead")


async def test_a_strategy_is_measured_in_the_models_own_tokens(script: Any) -> None:
    long = " ".join(f"word{i}" for i in range(70))
    team = Team(
        coordinator=script.coordinator(long, usage=(30, 140)),  # an endpoint that overruns its limit
        executors=(script.executor("a", "Answer: 5", usage=(200, 30)),),
    )
    episode = await parse("econ").play(PROBLEM, team, Random(0))
    (call,) = [c for c in script.calls if c.agent == "a"]
    plan = next(line for line in call.texts[-1].splitlines() if line.startswith("Plan: "))
    assert len(plan.split()) - 1 == 35  # 70 words at two tokens each, cut at 70 tokens
    assert sum(turn.act == "plan" for turn in episode.turns) == 2
    assert "the strategy was cut at 70 tokens" in episode.remarks


# The commitment


def turn(agent: str, text: str, key: str | None, *, wrote: int = 10) -> Turn:
    return Turn(
        agent=agent, model="m", act="answer", round=0, strategy=None, sampling_temperature=None, response=text,
        key=key, sample=0, truncated=False, refused=False, input_tokens=20, output_tokens=wrote, seconds=0, cost_usd=0,
    )  # fmt: skip


def test_votes_weighed_by_value_follow_the_worth_of_those_who_cast_them() -> None:
    answers = [turn("a", "x", "1"), turn("b", "y", "1"), turn("c", "z", "2"), turn("d", "", None)]
    made = acts.by_value(answers, [0.2, 0.25, 0.55, 3.0])
    assert (made.answer, made.response) == ("2", "z")
    assert made.beliefs == pytest.approx({"2": 0.55, "1": 0.45})
    assert acts.by_value(answers, [0.3, 0.4, 0.55, 0.0]).response == "y"
    assert acts.by_value(answers, [-1.0, -0.5, 0.0, 2.0]).answer == "1"  # nothing is worth anything: a vote


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (4, [4]), (5, [2, 3]), (8, [4, 4]), (9, [3, 3, 3]), (10, [3, 3, 4])]
)
def test_more_than_four_executors_stand_under_local_coordinators(count: int, sizes: list[int]) -> None:
    answers = [turn(f"e{i}", "x", "1") for i in range(count)]
    parts = acts.clusters(answers)
    assert [len(part) for part in parts] == sizes
    assert [t.agent for part in parts for t in part] == [f"e{i}" for i in range(count)]


def solutions(turn: Turn) -> list[str]:
    return [line for line in turn.prompt[-1].text.split("\n") if line.startswith("Solution")]


async def test_local_coordinators_commit_before_the_global_one(script: Any) -> None:
    def lead(messages: Sequence[ChatMessage]) -> str:
        text = messages[-1].text
        return "Multiply." if "short plan" in text else f"Answer: {len([w for w in text.split() if w == 'Solution'])}"

    replies = [f"Answer: {i}" for i in range(10, 16)]
    team = team_of(script, replies, lead=lead)
    episode = await parse("econ").play(PROBLEM, team, Random(0))
    judged = [t for t in episode.turns if t.act == "judge"]
    assert [len(solutions(t)) for t in judged] == [3, 3]  # both clusters say 3, so the one above has nothing to decide
    assert episode.beliefs == {"3": 0.0} | {str(i): pytest.approx(1 / 6) for i in range(10, 16)}
    assert episode.answer == "3"
    assert episode.calls <= parse("econ").calls(team)


async def test_nine_executors_answer_twice_under_three_local_coordinators(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Coordinator that believes the last solution it reads, so the last cluster's last answer wins."""

    def lead(messages: Sequence[ChatMessage]) -> str:
        text = messages[-1].text
        return "Multiply." if "short plan" in text else "So. Answer: " + re.findall(r"Answer: (\d+)", text)[-1]

    replies = [by_round(str(10 + i), str(30 + i)) for i in range(9)]
    team = team_of(script, replies, lead=lead)
    mind = ScriptedMind([[[0.3, 0.5]] * 9, [[1.5, 0.5]] * 9], moves=0.5)
    episode = await play(Econ(), team, mind, monkeypatch)
    judged = [t for t in episode.turns if t.act == "judge"]
    assert [(t.round, [line[-2:] for line in solutions(t)]) for t in judged] == [
        (0, ["10", "11", "12"]),
        (0, ["13", "14", "15"]),
        (0, ["16", "17", "18"]),
        (0, ["12", "15", "18"]),
        (1, ["30", "31", "32"]),
        (1, ["33", "34", "35"]),
        (1, ["36", "37", "38"]),
        (1, ["32", "35", "38"]),
    ]
    assert mind.heard[0][1] == "So. Answer: 18"
    assert (episode.answer, episode.stop, episode.remarks) == ("38", "rounds", ())
    assert episode.calls == 1 + 9 + 4 + 9 + 4 <= most_calls(9)
    assert episode.calls <= Econ().calls(team)


# What it may cost


class Counting:
    """Models that count words as tokens, so that prompts that hold more cost more.

    Args:
        lengths: of the executors' first answers.
        plan: length of a strategy.
        again: of later answers, as many words as they may have when more than that; as the first when None.
        verdict: of what a Coordinator decides; as a strategy when None.
        disagree: whether each executor gives an answer of its own.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        *,
        plan: int = 20,
        again: int | None = None,
        verdict: int | None = None,
        disagree: bool = True,
    ) -> None:
        self.lengths, self.plan, self.disagree = lengths, plan, disagree
        self.again, self.verdict = again, verdict or plan

    def team(self) -> Team:
        executors = tuple(
            Executor(name=f"e{i}", **self._model(length, str(i if self.disagree else 0)))
            for i, length in enumerate(self.lengths)
        )
        from equipoise.team.agent import Coordinator

        return Team(coordinator=Coordinator(**self._model(self.plan, "9")), executors=executors)

    def _model(self, words: int, answer: str) -> dict[str, Any]:
        asked = 0

        async def outputs(messages: list[ChatMessage], tools: Any, choice: Any, config: GenerateConfig) -> ModelOutput:
            nonlocal asked
            asked += 1
            planned = "short plan" in messages[-1].text
            long = self.verdict if prompts.DECIDE in messages[-1].text else words
            if self.again and asked > 1 and not planned and prompts.DECIDE not in messages[-1].text:
                long = self.again
            text = " ".join(["step"] * max(long - 2, 0) + (["go", "on"] if planned else ["Answer:", answer]))
            limit = config.max_tokens or 10**6
            text = " ".join(text.split()[:limit])
            output = ModelOutput.from_content("m", text)
            read = sum(len(message.text.split()) for message in messages)
            output.usage = ModelUsage(input_tokens=read, output_tokens=len(text.split()), total_tokens=0)
            return output

        return {"model": "mockllm/m", "model_args": {"custom_outputs": outputs}}


@pytest.mark.parametrize("lengths", [(30, 30, 30), (5, 60, 20), (120, 80, 200), (12, 9)])
@pytest.mark.parametrize("spec", ["econ(rounds=1)", "econ(rounds=4)", "econ(rounds=4,commitment=vote)"])
async def test_a_debate_of_three_rounds_is_never_cheaper(
    lengths: Sequence[int], spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Counting(lengths).team()
    debate = await parse("debate(rounds=2)").play(PROBLEM, team, Random(0))
    n = len(lengths)
    flips = [[[0.3, 0.5]] * n, [[1.5, 0.5]] * n] * 4
    monkeypatch.setattr(Econ, "_mind", lambda self, turns, rng: ScriptedMind(flips, moves=0.5))
    episode = await parse(spec).play(PROBLEM, team, Random(0))
    spent, limit = (e.input_tokens + e.output_tokens for e in (episode, debate))
    assert spent <= limit
    assert episode.calls <= most_calls(n)
    assert episode.calls <= parse(spec).calls(team)
    assert episode.measures["rounds"] >= (1 if min(lengths) > 12 else 0)


@pytest.mark.parametrize("lengths", [(30, 60, 45), (80, 50), tuple(range(40, 130, 10))])
@pytest.mark.parametrize("information", ["private", "full"])
@pytest.mark.parametrize(("commitment", "verdict"), [("coordinator", 20), ("coordinator", 3000), ("vote", 20)])
async def test_nor_where_models_write_as_much_as_they_may(
    lengths: Sequence[int], information: Any, commitment: Any, verdict: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    debate = await parse("debate(rounds=2)").play(PROBLEM, Counting(lengths).team(), Random(0))
    n = len(lengths)
    flips = [[[0.3, 0.5]] * n, [[1.5, 0.5]] * n] * 2
    monkeypatch.setattr(Econ, "_mind", lambda self, turns, rng: ScriptedMind(flips, moves=0.5))
    team = Counting(lengths, again=3000, verdict=verdict).team()
    method = Econ(rounds=2, information=information, commitment=commitment)
    episode = await method.play(PROBLEM, team, Random(0))
    assert episode.input_tokens + episode.output_tokens <= debate.input_tokens + debate.output_tokens
    assert episode.calls <= most_calls(n)
    assert verdict > 20 or [t for t in episode.turns if t.round == 1]  # there was room, and it was used
    assert all(len(solutions(t)) <= 4 for t in episode.turns if t.act == "judge")


def test_verdicts_at_once_share_what_is_left() -> None:
    account = Account(Turns(PROBLEM, Counting((30,) * 9).team(), 0))
    first = [turn(f"e{i}", "x", str(i), wrote=30) for i in range(9)]
    account.open(first, 0)
    parts = [first[:3], first[3:6], first[6:]]
    limits = account.verdict_limits(parts)
    assert limits is not None
    read = sum(account.weighing(part) - int(1.2 * 30) for part in parts)
    spare = account.tokens - 3 * account.weighing(parts[0])
    assert account.tokens - 6 <= read + sum(limits) + spare // 2 <= account.tokens
    account.debate_tokens = account.weighing(parts[0]) * 3 - 1  # room for each of them, and not for all
    assert account.verdict_limits(parts) is None
    assert account.verdict_limits(parts[:2]) is not None
    assert acts.reserve(first, account) == 4 * account.weighing(parts[0])
    assert acts.reserve(first[:3], account) == account.weighing(parts[0])


def test_verdicts_at_once_need_a_call_each() -> None:
    turns = Turns(PROBLEM, Counting((30,) * 9).team(), 0)
    account = Account(turns)
    first = [turn(f"e{i}", "x", str(i), wrote=30) for i in range(9)]
    account.open(first, 0)
    turns.taken = [turn("e0", "x", "1", wrote=0)] * 25
    assert account.calls == 2
    assert account.verdict_limits([first[:3], first[3:6], first[6:]]) is None
    assert account.verdict_limits([first[:3], first[3:6]]) is not None


@pytest.mark.parametrize(("short", "rounds"), [(0, 1), (1, 0)])
async def test_another_round_is_played_where_its_commitment_can_be_paid_too(
    short: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Econ, "_mind", lambda self, turns, rng: ScriptedMind([LOW, HIGH], moves=0.5))
    team = Counting((30, 60, 45)).team()
    first = (await Econ(rounds=0).play(PROBLEM, team, Random(0))).turns[1:4]
    account = Account(Turns(PROBLEM, team, 0))
    account.open(first, 20)
    needed = sum(t.input_tokens + t.output_tokens for t in first) + account.weighing(first)
    monkeypatch.setattr(Account, "tokens", property(lambda self: needed - short))
    assert (await Econ().play(PROBLEM, team, Random(0))).measures["rounds"] == rounds


async def test_where_a_debate_is_cheaper_nothing_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long plan about short answers: two words each, and a plan of sixty."""
    monkeypatch.setattr(Econ, "_mind", lambda self, turns, rng: ScriptedMind([LOW, HIGH], moves=0.5))
    episode = await Econ().play(PROBLEM, Counting((2, 2, 2), plan=60).team(), Random(0))
    assert [turn.act for turn in episode.turns] == ["plan", "answer", "answer", "answer"]
    assert any("vote stood in" in remark for remark in episode.remarks)
    assert any("cost more than a debate" in remark for remark in episode.remarks)
    assert episode.answer == "0"


def test_the_account_knows_what_a_debate_costs() -> None:
    """D equals what a debate of three rounds is billed, where solutions count as their own words only."""
    first = [turn("a", "", "1", wrote=30), turn("b", "", "2", wrote=50)]
    team = Counting((30, 50)).team()
    account = Account(Turns(PROBLEM, team, 0))
    account.open(first, 0)
    by_hand = sum(20 + round * (30 + 50) + wrote for round in range(3) for wrote in (30, 50))
    assert account.debate_tokens == by_hand
    assert account.calls == 9
    planned = Account(Turns(PROBLEM, team, 0))
    planned.open(first, 10)  # the plan in the prompts is not in a debate's, and its readers may count a fifth more
    assert planned.debate_tokens == by_hand - 6 * 15


def test_new_answers_get_at_least_the_room_of_those_before_or_none() -> None:
    account = Account(Turns(PROBLEM, Counting((30, 50)).team(), 0))
    first = [turn("a", "", "1", wrote=30), turn("b", "", "2", wrote=50)]
    account.open(first, 0)
    limits = account.answer_limits(first, reserve=100)
    assert limits is not None
    assert sum(limits) <= account.tokens - 40 - 100
    assert limits[0] >= 30 and limits[1] >= 50
    assert account.answer_limits(first, reserve=account.tokens - 100) is None
    assert account.answer_limits(first, reads=50, reserve=0) == account.answer_limits(first, reserve=100)


# Endpoints that do not take every setting


def picky(refused: set[str], message: str) -> dict[str, Any]:
    async def outputs(messages: list[ChatMessage], tools: Any, choice: Any, config: GenerateConfig) -> ModelOutput:
        if ("top_p" in refused and config.top_p is not None) or (
            "temperature" in refused and config.temperature is not None
        ):
            raise RuntimeError(message)
        output = ModelOutput.from_content("m", "Answer: 5")
        output.usage = ModelUsage(input_tokens=9, output_tokens=3, total_tokens=12)
        return output

    return {"model": "mockllm/picky", "model_args": {"custom_outputs": outputs}}


@pytest.mark.parametrize(
    ("refused", "message", "left"),
    [
        ({"top_p"}, "Unsupported parameter: 'top_p' is not supported with this model.", (1.05, None)),
        ({"top_p"}, "`temperature` and `top_p` cannot both be specified for this model.", (1.05, None)),
        (
            {"temperature", "top_p"},
            "Unsupported value: 'temperature' does not support 1.05; top_p neither.",
            (None, None),
        ),
    ],
)
async def test_a_setting_that_an_endpoint_refuses_is_left_out_and_said(
    refused: set[str], message: str, left: tuple[float | None, float | None]
) -> None:
    acts._refused.clear()
    team = Team(executors=(Executor(name="a", **picky(refused, message)),))
    turns = Turns(PROBLEM, team, 0)
    found = await acts.answered(turns, team.executors[0], (1.05, 0.5))
    assert found.key == "5"
    assert found.sampling_temperature == left[0]
    assert any("takes no top_p" in remark for remark in turns.remarks)
    assert len(turns.taken) == 1
    again = Turns(PROBLEM, team, 0)
    await acts.answered(again, team.executors[0], (1.05, 0.5))
    assert again.remarks == turns.remarks[-1:]  # known by now, so no call fails, and said again
    acts._refused.clear()


async def test_other_failures_are_failures() -> None:
    acts._refused.clear()
    team = Team(executors=(Executor(name="a", **picky({"top_p"}, "top_p: rate limit reached, try again")),))
    with pytest.raises(ModelCallError, match="rate limit"):
        await acts.answered(Turns(PROBLEM, team, 0), team.executors[0], (1.05, 0.5))
    assert not any(acts._refused.values())


async def test_a_policy_that_is_not_there_is_an_error(script: Any, tmp_path: Any) -> None:
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="no checkpoint"):
        await Econ(policy=str(tmp_path)).play(PROBLEM, team_of(script, ["Answer: 5"] * 3), Random(0))

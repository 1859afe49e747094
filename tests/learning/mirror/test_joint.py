"""Joint rollouts: prompts of the ordinary path, rewards by own answer and vote, more rollouts where they differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from equipoise.errors import InputError
from equipoise.learning.belief_live import Asked
from equipoise.learning.mirror.joint import JointPlay, joined
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.tasks import graders
from equipoise.team import turns
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

TEAM = Team.from_dict(
    {
        "team": {"max_tokens": 9},
        "coordinator": {"model": "embedded/mason"},
        "executor": [
            {"name": "a", "model": "embedded/abacus", "instructions": "Be brief.", "max_tokens": 7},
            {"name": "b", "model": "embedded/sage", "strategies": ["verify"]},
            {"name": "c", "model": "embedded/sage"},
        ],
        "controls": {"strategies": ["step_by_step", "direct"], "sampling_temperatures": [0.7]},
    }
)
NUMBER = graders.grader("number")
ASKED = [
    Asked(problem=Problem(id=f"q{i}", question=f"What is {i} + 1?", kind=NUMBER), gold=str(i + 1)) for i in range(3)
]


class Models:
    """Remembers what was asked; a prompt is as long as how often was asked before, or as its question is long."""

    names = ("a", "b", "c")

    def __init__(self) -> None:
        self.seen: list[tuple[int, list[dict[str, str]]]] = []

    def context(self, i: int) -> int:
        return (1000, 1000, 300)[i]

    def prompt(self, i: int, messages: Sequence[dict[str, str]]) -> list[int]:
        self.seen.append((i, list(messages)))
        return [1] * max(3 + len(self.seen) % 2, messages[-1]["content"].count("long "))


class Engine:
    """Says given answers, in order, executor by executor."""

    def __init__(self, answers: Sequence[Sequence[str]]) -> None:
        self.answers = [iter(said) for said in answers]
        self.asked: list[dict[str, Any]] = []

    def generate(self, executor: int, prompts: Sequence[Sequence[int]], **settings: Any) -> Rollouts:
        self.asked.append({"executor": executor, "prompts": len(prompts), **settings})
        texts = tuple(next(self.answers[executor]) for _ in prompts)
        width = max(map(len, prompts))
        lengths = torch.tensor([len(text) for text in texts])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        return Rollouts(
            prompts=torch.ones(len(prompts), width, dtype=torch.long),
            prompt_mask=torch.tensor([[i >= width - len(p) for i in range(width)] for p in prompts]),
            tokens=mask.long() * (executor + 2),
            mask=mask,
            truncated=torch.zeros(len(prompts), dtype=torch.bool),
            texts=texts,
        )

    def prove(self, executor: int, rollouts: Rollouts, tolerance: float = 1e-4) -> float:
        return 0.0


def play(answers: Sequence[Sequence[str]], **settings: Any) -> tuple[JointPlay, Models, Engine]:
    models, engine = Models(), Engine(answers)
    return JointPlay(models, engine, TEAM, ASKED, **settings), models, engine  # type: ignore[arg-type]


def test_a_question_that_leaves_no_room_is_named_before_anything_is_drawn() -> None:
    def asked(*lengths: int) -> JointPlay:
        held = [Problem(id=f"q{n}", question="long " * n + "?", kind=NUMBER) for n in lengths]
        return JointPlay(Models(), Engine([]), TEAM, [Asked(problem=each, gold="1") for each in held])  # type: ignore[arg-type]

    asked(5, 299, 20).check_room()
    with pytest.raises(InputError, match="question 'q300' makes a prompt of 300 tokens and leaves 'c' no room"):
        asked(5, 300, 20).check_room()


def said(*numbers: int | None) -> list[str]:
    return [f"Answer: {number}" if number is not None else "hm" for number in numbers]


def test_rewards_are_shares_of_the_vote_and_of_the_own_answer() -> None:
    # Question 2 (gold 3): a right alone; b and c right; all three different, so a's wins; nobody answers.
    given = [said(3, 9, 3, None), said(8, 3, 4, None), said(8, 3, 5, None)]
    found = play(given, own=0.25)[0].play([2], group=4, seed=0)
    assert found.vote_right.tolist() == [False, True, True, False]
    assert found.own_right.tolist() == [[True, False, False], [False, True, True], [True, False, False], [False] * 3]
    wanted = [[0.25, 0, 0], [0.75, 1, 1], [1, 0.75, 0.75], [0, 0, 0]]
    assert found.rewards.tolist() == [pytest.approx(row) for row in wanted]
    assert found.returns.tolist() == pytest.approx([sum(row) / 3 for row in wanted])
    assert found.generated == sum(len(text) for texts in given for text in texts)


def test_the_vote_is_the_one_of_the_methods() -> None:
    from equipoise.methods.method import by_vote
    from equipoise.team.episode import Turn

    given = [said(5, 4, 5), said(4, 5, None), said(4, None, 4)]
    found = play(given)[0].play([0], group=3, seed=0)
    for keys in found.keys:
        given_turns = [
            Turn(
                agent=str(i),
                model="m",
                act="answer",
                round=0,
                prompt=(),
                response="",
                key=key,
                truncated=False,
                input_tokens=0,
                output_tokens=0,
                seconds=0.0,
                cost_usd=0.0,
                strategy=None,
                sample=0,
                sampling_temperature=None,
                refused=False,
            )
            for i, key in enumerate(keys)
        ]
        assert by_vote(given_turns).answer == {("5", "4", "4"): "4", ("4", "5", None): "4", ("5", None, "4"): "5"}[keys]


def test_prompts_are_those_of_the_ordinary_path(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[list[tuple[str, str]]] = []

    class Model:
        async def generate(self, messages: list[Any], **rest: Any) -> Any:
            sent.append([(message.role, message.text) for message in messages])
            raise ValueError("enough")

    monkeypatch.setattr(turns, "model_of", lambda agent: Model())
    for executor in TEAM.executors:
        with pytest.raises(Exception, match="enough"):
            asyncio.run(Turns(ASKED[1].problem, TEAM, 0).answer(executor))
    made, models, engine = play([said(2)] * 3)
    made.play([1], group=1, seed=0)
    assert [[(m["role"], m["content"]) for m in messages] for _, messages in models.seen] == sent
    assert [asked["max_tokens"] for asked in engine.asked] == [7, 9, 9]
    assert {asked["sampling_temperature"] for asked in engine.asked} == {1.0}
    assert len({asked["seed"] for asked in engine.asked}) == 3


def test_looks_are_sampled_as_the_team_plays_and_limits_only_fall() -> None:
    made, _, engine = play([said(1)] * 3, max_tokens=8)
    made.play([0], group=1, seed=0, as_played=True)
    assert {asked["sampling_temperature"] for asked in engine.asked} == {0.7}
    assert [asked["max_tokens"] for asked in engine.asked] == [7, 8, 8]


def test_questions_whose_returns_differ_most_are_answered_twice_as_often() -> None:
    # Question 0: everybody always right. Question 1: all right or all wrong.
    once = [*said(1, 1), *said(2, 9), *said(2, 9)]
    made, _, engine = play([once, once, once])
    found = made.play([0, 1], group=2, seed=5, raise_variance=0.2)
    assert found.groups.tolist() == [0, 0, 1, 1, 1, 1]
    assert found.vote_right.tolist() == [True, True, True, False, True, False]
    assert [asked["prompts"] for asked in engine.asked] == [4, 4, 4, 2, 2, 2]
    assert len({asked["seed"] for asked in engine.asked}) == 6
    assert all(len(rollouts.texts) == 6 for rollouts in found.rollouts)
    none = play([once, once, once])[0].play([0, 1], group=2, seed=5, raise_variance=0.3)
    assert len(none.keys) == 4


def test_joined_rollouts_keep_prompts_right_and_answers_left() -> None:
    first = play([said(1)] * 3)[0].play([0], group=1, seed=0)
    second = play([["Answer: 123456"]] * 3)[0].play([1], group=1, seed=0)
    both = joined(first, second).rollouts[0]
    for row, alone in enumerate((first.rollouts[0], second.rollouts[0])):
        assert both.tokens[row][both.mask[row]].tolist() == alone.tokens[0][alone.mask[0]].tolist()
        assert both.prompts[row][both.prompt_mask[row]].tolist() == alone.prompts[0][alone.prompt_mask[0]].tolist()
        assert both.prompt_mask[row, -1] and both.mask[row, 0]


def test_a_plan_is_written_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    async def plan(self: Turns, *rest: Any, **more: Any) -> str:
        written.append(self.problem.id)
        return f"Plan of {self.problem.id}."

    monkeypatch.setattr(Turns, "plan", plan)
    kept = tmp_path / "plans.json"
    made, models, _ = play([said(2, 3, 2, 3)] * 3, plans=kept)
    made.play([1, 2], group=1, seed=0)
    made.play([1, 2], group=1, seed=1)
    assert written == ["q1", "q2"]
    assert "Plan: Plan of q1." in models.seen[0][1][-1]["content"]
    made, models, _ = play([said(2)] * 3, plans=kept)
    made.play([1], group=1, seed=0)
    assert written == ["q1", "q2"] and "Plan: Plan of q1." in models.seen[0][1][-1]["content"]
    assert sorted(json.loads(kept.read_text()).values()) == ["Plan of q1.", "Plan of q2."]


def test_the_grader_is_asked_once_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    monkeypatch.setattr(Asked, "right", lambda self, key: bool(asked.append(key)))
    made = play([said(2, 2, None)] * 3)[0]
    made.play([1], group=3, seed=0)
    assert asked == ["2"]

"""Rollouts on a recording and of a live team."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs.control_players import by_agent
from equipoise.errors import InputError, ModelCallError
from equipoise.learning.bandit import learn_from
from equipoise.learning.live_rollouts import LiveRollouts
from equipoise.learning.rollouts import RecordedRollouts
from equipoise.policies.bandit_settings import BanditSettings
from equipoise.policies.observations import unseen, wanted
from equipoise.tasks import graders
from equipoise.team.control import ControlSet
from equipoise.team.problem import Problem
from equipoise.team.team import Team

NUMBER = graders.grader("number")


def test_a_recording_pays_what_the_game_of_controls_pays(recorded: Any) -> None:
    """The tensor, enumerated by `beliefs.control_game`, is the mean of rollouts over all questions."""
    rng = np.random.default_rng(0)
    answers = np.where(rng.random((80, 3)) < [0.8, 0.6, 0.4], 0, rng.integers(-1, 3, (80, 3)))
    train = recorded(answers, [1.0, 2.0, 5.0], ("x|p", "x|q", "y|p"))
    players, price = by_agent(train.columns), 0.01
    source = RecordedRollouts(train, players, price=price)
    tensor = source.game.tensor
    assert tensor is not None and tensor.shape == (1, 3, 2)
    questions = np.arange(80)
    for profile in product(range(3), range(2)):
        asked = wanted(players, np.tile(profile, (80, 1)), 3, source.anchor)
        nothing = unseen(train.columns, train.questions)
        seen = asyncio.run(source.ask(questions, nothing, asked, questions))
        earned = source.right(questions, seen) - price * seen.cost.sum(axis=1)
        assert earned.mean() == pytest.approx(tensor[0][profile], abs=1e-9)
        assert seen.correct is None and not seen.answered[~asked].any()


def test_a_recording_without_labels_teaches_nothing(recorded: Any) -> None:
    train = replace(recorded([[0, 1]] * 5, [1.0, 1.0], ("x", "y")), correct=None)
    with pytest.raises(InputError, match="without labels"):
        RecordedRollouts(train, by_agent(train.columns))


def grade(problem: Problem, key: str) -> float:
    """One point for 7."""
    return float(key == "7")


def problems(count: int) -> list[Problem]:
    """So many questions."""
    return [Problem(id=f"q{i}", question=f"How many of {i}?", kind=NUMBER) for i in range(count)]


async def test_a_live_team_is_asked_by_the_calls_that_were_wanted_each_with_its_seed(script: Any) -> None:
    team = Team(
        executors=(script.executor("a", "Answer: 7", usage=(3, 4)), script.executor("b", "Answer: 8", usage=(3, 9))),
        controls=ControlSet(strategies=("direct", "verify"), abstain=False),
    )
    source = LiveRollouts(team, problems(2), grade)
    assert source.columns == ("a|direct", "a|verify", "b|direct", "b|verify")
    assert [player.columns for player in source.players] == [(0, 1), (2, 3)] and not source.abstain
    questions = np.array([0, 0, 1])
    asked = np.array([[1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 1, 1]], dtype=bool)
    nothing = unseen(source.columns, source.texts[questions])
    seen = await source.ask(questions, nothing, asked, np.array([5, 6, 5]))
    assert sorted(call.agent for call in script.calls) == ["a", "a", "b", "b", "b"]
    assert (source.calls, source.tokens, source.failed) == (5, 4 * 2 + 9 * 3, 0)
    assert seen.cost.tolist() == [[4, 0, 0, 9], [4, 0, 0, 0], [0, 0, 9, 9]]
    # A plain vote: a tie goes to the earliest column, and two say 8 of the third.
    assert source.right(questions, seen).tolist() == [1.0, 1.0, 0.0]
    seeds = [call.config.seed for call in script.calls if call.agent == "a"]
    assert len(set(seeds)) == 2  # the same prompt twice, for two rollouts
    later = await source.ask(questions, seen, np.eye(3, 4, dtype=bool) & ~seen.asked, np.array([5, 6, 5]))
    assert later.asked.sum() == 6 and later.answered[1, 1] and later.answers[0, 0] == seen.answers[0, 0]


async def test_a_call_that_fails_is_no_answer_and_a_team_that_fails_ends_learning(script: Any) -> None:
    team = Team(
        executors=(script.executor("a", "!down"), script.executor("b", "Answer: 7")),
        controls=ControlSet(strategies=("direct",)),
    )
    source = LiveRollouts(team, problems(3), grade, anchor="b|direct")
    settings = BanditSettings(iterations=3, questions=2, group=4, updates=1, batch=8, hidden=(4,))
    learned = await learn_from(source, settings)
    answered = sum(call.agent == "b" for call in script.calls)
    assert source.calls == answered > 0 and source.failed == sum(call.agent == "a" for call in script.calls) > 0
    assert learned.iterations[-1].calls == source.calls + source.failed  # what was asked
    assert 0.0 < learned.iterations[-1].right <= 1.0
    dead = Team(executors=(script.executor("a", "!down"),), controls=ControlSet(strategies=("direct",)))
    with pytest.raises(ModelCallError, match="down"):
        await learn_from(LiveRollouts(dead, problems(1), grade), settings)


def test_a_live_team_needs_problems_and_an_anchor_that_exists(script: Any) -> None:
    team = Team(executors=(script.executor("a", "Answer: 7"),), controls=ControlSet(strategies=("direct",)))
    with pytest.raises(InputError, match="no problem"):
        LiveRollouts(team, [], grade)
    with pytest.raises(InputError, match=r"a\|direct"):
        LiveRollouts(team, problems(1), grade, anchor="a|verify")

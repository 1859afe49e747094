"""Who is judged: the fixed-control team is every agent under its first control, and learns nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.beliefs.policy import run
from equipoise.beliefs.vote import Vote
from equipoise.errors import InputError
from equipoise.frontier.contenders import FIXED, FixedTeam, contenders, learned, unfit
from equipoise.frontier.judging import judge
from equipoise.methods.dice_pc import DicePc


def two_prompts(rows):
    """Agents a, b and c, each under the prompts "s" and "t", "t" being better and dearer."""
    first = rows(questions=200, skills=(0.7, 0.6, 0.65), seed=3)
    second = [
        row.model_copy(update={"strategy": "t", "out_tokens": 100})
        for row in rows(questions=200, skills=(0.95, 0.9, 0.9), seed=4)
    ]
    return [row for pair in zip(first, second, strict=True) for row in pair]


def test_it_is_the_plain_vote_of_first_columns_and_costs_what_they_cost(rows, pool):
    ballots = pool(two_prompts(rows)).ballots
    assert ballots.columns == ("a|s", "a|t", "b|s", "b|t", "c|s", "c|t")
    played = run(FixedTeam().learn(ballots), ballots)
    alone = ballots.only([0, 2, 4])
    assert (played.asked == [True, False] * 3).all() and (played.steps == 1).all()
    vote = run(Vote(), alone)
    assert (played.chosen * ballots.correct).sum() == pytest.approx((vote.chosen * alone.correct).sum())
    assert (played.asked * ballots.cost).sum() == alone.cost.sum()


def test_first_is_first_in_the_order_of_the_columns_and_labels_are_not_looked_at(rows, pool):
    ballots = pool(two_prompts(rows)).ballots.only([3, 0, 2, 1, 5, 4])
    played = run(FixedTeam().learn(ballots), ballots)
    assert (played.asked == [True, True, False, False, True, False]).all()
    ((price, policy),) = learned(FixedTeam(), ballots, [0.1, 0.2])
    assert price == 0.0 and np.array_equal(run(policy, ballots).asked, played.asked)
    assert unfit(FixedTeam(), replace(ballots, correct=None)) is None


def test_one_prompt_an_agent_is_the_plain_vote(rows, pool):
    ballots = pool(rows()).ballots
    ours, vote = run(FixedTeam().learn(ballots), ballots), run(Vote(), ballots)
    assert np.array_equal(ours.asked, vote.asked) and ours.chosen == pytest.approx(vote.chosen)


def test_it_is_judged_by_default_beside_learned_control(rows, pool):
    named = {method.name: method for method in contenders()}
    assert isinstance(named[FIXED], FixedTeam) and isinstance(named["dice_pc"], DicePc)
    found = judge(pool(two_prompts(rows)), contenders([f" {FIXED} ", "dice_pc(price=0.0005)"]))
    fixed, control = found.default(FIXED), found.default("dice_pc(price=0.0005)")
    assert fixed.tokens == pytest.approx(10 + 20 + 30)
    assert control.accuracy.mean > fixed.accuracy.mean  # better prompts are there to be found


def test_a_policy_or_a_recording_of_its_own_is_not_judged():
    for spec in ("dice_pc(policy=here)", "dice_pc(recording=here)"):
        with pytest.raises(InputError, match="learns from the one that is judged"):
            contenders([spec])
    with pytest.raises(InputError, match="single, fixed_control"):
        contenders(["debate"])

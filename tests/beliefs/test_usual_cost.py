"""Where what was learned holds: answers of another length are another benchmark's, and a plain vote decides there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs.cascading import learn_cascades
from equipoise.beliefs.policy import run
from equipoise.beliefs.usual_cost import learn_usual_cost
from equipoise.beliefs.vote import Vote


def priced(ballots: Any, mean: float, seed: int = 0) -> Any:
    cost = np.random.default_rng(seed).lognormal(np.log(mean), 0.3, ballots.cost.shape)
    return replace(ballots, cost=np.where(ballots.answered, cost, 0.0))


def test_answers_of_the_training_benchmark_are_usual_and_much_longer_or_shorter_ones_are_not(simulate: Any) -> None:
    train = priced(simulate([0.8, 0.7, 0.6], 3, 300, silent=0.1), 50.0)
    known = learn_usual_cost(train)
    assert not known.strange(priced(train, 50.0, seed=1)).any()
    assert not known.strange(priced(train, 100.0, seed=1)).any()
    answered = train.answered.any(axis=1)
    for mean in (5.0 / 2, 50.0 * 20):
        np.testing.assert_array_equal(known.strange(priced(train, mean, seed=1)), answered)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e4])
def test_the_unit_of_cost_does_not_matter(simulate: Any, unit: float) -> None:
    train, other = (priced(simulate([0.8, 0.7], 3, 200), mean, seed=2) for mean in (20.0, 200.0))
    strange = learn_usual_cost(train).strange(other)
    scaled = learn_usual_cost(replace(train, cost=unit * train.cost)).strange(replace(other, cost=unit * other.cost))
    np.testing.assert_array_equal(strange, scaled)


def test_a_column_that_costs_nothing_is_never_strange(simulate: Any) -> None:
    train = simulate([0.8, 0.7], 3, 100)
    known = learn_usual_cost(replace(train, cost=np.zeros(train.cost.shape)))
    assert np.isfinite(known.reach).all()
    assert not known.strange(priced(train, 1e9)).any()


def test_a_cascade_on_another_benchmark_is_the_vote_for_less(simulate: Any) -> None:
    train = priced(simulate([0.9, 0.6, 0.6, 0.6, 0.6], 3, 400, seed=1), 20.0)
    other = priced(simulate([0.35, 0.7, 0.7, 0.7, 0.7], 3, 800, seed=2), 900.0)
    (policy,) = learn_cascades(train, [None])
    ours, vote = run(policy, other), run(Vote(), other)
    assert (ours.chosen * other.correct).sum() == pytest.approx((vote.chosen * other.correct).sum(), abs=4)
    assert (ours.asked * other.cost).sum() < 0.95 * (vote.asked * other.cost).sum()
    trusting = run(replace(policy, known=None), other)  # pyright: ignore[reportArgumentType]
    assert (trusting.chosen * other.correct).sum() < (vote.chosen * other.correct).sum() - 40


def test_single_outliers_change_their_own_question_only(simulate: Any) -> None:
    train = priced(simulate([0.9, 0.7, 0.7], 3, 300, seed=3), 30.0)
    (policy,) = learn_cascades(train, [None])
    before = run(policy, train)
    cost = train.cost.copy()
    cost[7] *= 1000
    after = run(policy, replace(train, cost=cost))
    rest = np.arange(len(train)) != 7
    np.testing.assert_array_equal(before.asked[rest], after.asked[rest])
    np.testing.assert_allclose(before.belief[rest], after.belief[rest])

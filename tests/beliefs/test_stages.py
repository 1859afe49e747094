"""The states of an order: against plain loops over questions and places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs.ballots import NO_ANSWER, Ballots
from equipoise.beliefs.signals import CONTEXT, learn_signals
from equipoise.beliefs.stages import stages

ORDER, WEIGHTS = np.array([3, 0, 2]), np.array([1.3, 9.0, 0.4, 0.7, 2.0])


@pytest.fixture
def ballots(simulate: Any) -> Ballots:
    drawn = simulate([0.8, 0.6, 0.5, 0.4, 0.7], 2, 150, seed=4, silent=0.2)
    return replace(drawn, cost=np.random.default_rng(2).uniform(1, 9, drawn.cost.shape))


def support(answers: list[int]) -> dict[int, float]:
    """What each answer weighs after some places of the order, in order of first appearance."""
    found: dict[int, float] = {}
    for answer, column in zip(answers, ORDER, strict=False):
        if answer != NO_ANSWER:
            found[answer] = found.get(answer, 0.0) + WEIGHTS[column]
    return found


def test_who_leads_is_right_and_is_out_of_reach(ballots: Ballots) -> None:
    found = stages(ballots, ORDER, WEIGHTS)
    assert found.right.shape == found.settles.shape == (3, 150)
    assert np.array_equal(found.cost, ballots.cost[:, ORDER])
    assert ballots.correct is not None
    for question in range(len(ballots)):
        given = ballots.answers[question, ORDER].tolist()
        truth = {int(a) for a, ok in zip(ballots.answers[question], ballots.correct[question], strict=True) if ok}
        for place in range(3):
            weighed = support(given[: place + 1])
            ranked = sorted(weighed.values(), reverse=True)
            best = max(weighed, key=weighed.__getitem__, default=None)
            assert found.right[place, question] == (best in truth)
            ahead = (ranked[0] if ranked else 0.0) - (ranked[1] if len(ranked) > 1 else 0.0)
            assert found.settles[place, question] == (ahead > WEIGHTS[ORDER[place + 1 :]].sum() + 1e-9)


def test_a_silent_column_is_never_right(ballots: Ballots) -> None:
    assert ballots.correct is not None
    claimed = replace(ballots, correct=np.ones_like(ballots.correct))
    silent = ~ballots.answered[:, ORDER[0]]
    assert silent.any()
    assert (stages(claimed, ORDER, WEIGHTS).right[0] == ~silent).all()


def test_terms_belong_to_their_question_and_stay_in_bounds(ballots: Ballots) -> None:
    signals = learn_signals(ballots)
    for told, count in ((None, 4), (signals, 4 + 2 * CONTEXT)):
        found = stages(ballots, ORDER, WEIGHTS, told)
        belief = found.belief()
        terms = found.terms(belief)
        assert terms.shape == (3, 150, count)
        assert (terms[..., -1] == 1).all() and (terms[..., 0] > 0).all() and (terms[..., 0] < 1).all()
        some = np.random.default_rng(3).permutation(150)[:40]
        part = stages(ballots.at(some), ORDER, WEIGHTS, told)
        assert part.terms(belief) == pytest.approx(terms[:, some])


def test_columns_outside_the_order_do_not_matter(ballots: Ballots) -> None:
    answers = ballots.answers.copy()
    answers[:, [1, 4]] = NO_ANSWER
    before, after = (stages(b, ORDER, WEIGHTS) for b in (ballots, replace(ballots, answers=answers)))
    assert np.array_equal(before.right, after.right) and np.array_equal(before.settles, after.settles)
    assert np.array_equal(before.leads[2].features, after.leads[2].features)

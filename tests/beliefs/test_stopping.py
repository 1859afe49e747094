"""Optimal stopping against dynamic programming by brute force, and early votes against every way they could go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.beliefs.ballots import NO_ANSWER, Ballots
from equipoise.beliefs.policy import run
from equipoise.beliefs.prefixes import lead, settled
from equipoise.beliefs.stopping import EarlyVote, basis, ends, induct, spread
from equipoise.beliefs.vote import Vote

COST = (1.0, 2.0, 3.0, 1.5)


def of_answers(answers: np.ndarray) -> Ballots:
    answers = np.asarray(answers, dtype=np.int16)
    return Ballots(
        columns=tuple("abcdefgh"[: answers.shape[1]]),
        questions=np.full(len(answers), "?", dtype=object),
        answers=answers,
        cost=np.ones(answers.shape),
        correct=None,
        checks=None,
        asked=np.ones(answers.shape, dtype=bool),
    )


def sure_after(history: tuple[int, ...], odds: float) -> float:
    """Bayes' belief in the more frequent of two answers, by equally good columns."""
    ahead = abs(2 * sum(history) - len(history))
    return odds**ahead / (1 + odds**ahead)


def best_play(places: int, odds: float, price: float) -> Callable[[tuple[int, ...]], bool]:
    """Whether the optimal rule goes on after some answers (1 for the first of the two): expectimax over all futures."""
    p = odds / (1 + odds)

    def chance(history: tuple[int, ...]) -> float:
        ones, zeros = sum(history), len(history) - sum(history)
        return (p**ones * (1 - p) ** zeros + p**zeros * (1 - p) ** ones) / 2

    @lru_cache
    def go(history: tuple[int, ...]) -> float:
        if len(history) == places:
            return -np.inf
        nexts = [(chance((*history, x)) / chance(history), (*history, x)) for x in (0, 1)]
        return sum(weight * value(h) for weight, h in nexts) - price * COST[len(history)]

    @lru_cache
    def value(history: tuple[int, ...]) -> float:
        return max(sure_after(history, odds), go(history))

    return lambda history: go(history) > sure_after(history, odds)


@pytest.mark.parametrize("odds", [2, 3])
@pytest.mark.parametrize("places", [3, 4])
@pytest.mark.parametrize("price", [0.004, 0.012, 0.02, 0.028, 0.04, 0.06, 0.1])
def test_backward_induction_finds_what_brute_force_finds(places: int, odds: int, price: float) -> None:
    patterns = list(product((0, 1), repeat=places))
    # Every pattern of right and wrong as often as it is likely; answers are right where they are 1.
    rows = np.repeat(np.array(patterns), [100 * odds ** sum(pattern) for pattern in patterns], axis=0)
    order = np.arange(places)
    leads = [lead(of_answers(rows), order, t + 1, np.ones(places)) for t in range(places)]
    right = np.stack([rows[np.arange(len(rows)), now.top] for now in leads]).astype(float)
    # A tie is right half the time in truth, whichever answer is said to lead; 0.5 is its exact expectation.
    right = np.where(np.stack([now.tied for now in leads]) == 2, 0.5, right)
    belief = np.stack([[sure_after(tuple(row[: t + 1]), odds) for row in rows] for t in range(places)])
    settles = np.zeros(belief.shape, dtype=bool)
    terms = basis(belief, np.zeros((*belief.shape, 0)))
    gains = induct(terms, right, settles, np.tile(COST[:places], (len(rows), 1)), np.array([price]))
    (last,) = ends(gains, terms, settles)
    goes_on = best_play(places, odds, price)
    for row, end in zip(rows, last, strict=True):
        stops = [t for t in range(places) if not goes_on(tuple(int(x) for x in row[: t + 1]))]
        assert end == stops[0]


ANSWERS = st.integers(2, 6).flatmap(
    lambda columns: st.lists(st.lists(st.integers(-1, 3), min_size=columns, max_size=columns), min_size=1, max_size=5)
)


@given(ANSWERS)
def test_an_early_vote_is_the_vote(answers: list[list[int]]) -> None:
    ballots = of_answers(np.array(answers))
    early, vote = run(EarlyVote(), ballots), run(Vote(), ballots)
    assert early.chosen == pytest.approx(vote.chosen) or _same_answers(ballots, early.chosen, vote.chosen)


def _same_answers(ballots: Ballots, one: np.ndarray, other: np.ndarray) -> bool:
    """Whether equal weight lies on equal answers, whichever column is named for them."""
    return bool(np.allclose((ballots.same * one[:, None, :]).sum(2), (ballots.same * other[:, None, :]).sum(2)))


@given(ANSWERS)
def test_an_early_vote_ends_exactly_when_nothing_can_draw_level(answers: list[list[int]]) -> None:
    ballots = of_answers(np.array(answers))
    asked = run(EarlyVote(), ballots).asked.sum(axis=1)
    columns = len(ballots.columns)
    for row, count in zip(answers, asked, strict=True):
        assert count == columns or _certain(row[:count], columns)
        assert count == 1 or not _certain(row[: count - 1], columns)


def _certain(given: list[int], columns: int) -> bool:
    """Whether one answer wins alone whatever the others say; the worst they can do is to agree."""
    votes = sorted((given.count(a) for a in set(given) - {NO_ANSWER}), reverse=True)
    return bool(votes) and votes[0] > (votes[1] if len(votes) > 1 else 0) + columns - len(given)


def test_the_best_column_breaks_ties_and_its_order_is_followed() -> None:
    ballots = of_answers(np.array([[5, 6, 5, 6], [5, 6, 6, 6]]))
    policy = EarlyVote(order=np.array([3, 0, 1, 2]), votes=1 + 1e-3 * 2.0 ** -np.array([2.0, 3, 4, 1]))
    played = run(policy, ballots)
    assert played.chosen.argmax(axis=1).tolist() == [1, 1]
    # Two of four votes, the best column's among them, beat any other two.
    assert played.asked.tolist() == [[True, True, False, True]] * 2


@given(ANSWERS, st.floats(0.02, 0.98), st.lists(st.floats(0, 4), min_size=6, max_size=6))
def test_beliefs_are_shared_among_answers(answers: list[list[int]], sure: float, weights: list[float]) -> None:
    ballots = of_answers(np.array(answers))
    count = len(ballots.columns)
    now = lead(ballots, np.arange(count), count, np.array(weights[:count]))
    beliefs = spread(now, np.minimum(sure, 1 / now.tied))
    assert (beliefs >= 0).all()
    assert ((beliefs * now.first).sum(axis=1) <= 1 + 1e-9).all()
    assert (beliefs[ballots.answers == NO_ANSWER] == 0).all()
    assert np.allclose(np.where(ballots.same, beliefs[:, :, None] - beliefs[:, None, :], 0), 0)
    some = ballots.answered.any(axis=1)
    leading = np.where(now.leads, beliefs, 0).max(axis=1)
    assert (leading >= beliefs.max(axis=1) - 1e-12)[some].all()


def test_who_leads_and_by_how_much() -> None:
    ballots = of_answers(np.array([[7, 8, 7, -1], [-1, 3, 4, 4], [-1, -1, 2, 2]]))
    weights, order = np.array([1.0, 2.5, 1.0, 4.0]), np.array([0, 1, 2, 3])
    now = lead(ballots, order, 3, weights)
    assert now.top.tolist() == [1, 1, 2]
    assert now.margin == pytest.approx([0.5, 1.5, 1.0])
    assert now.features[0, :7] == pytest.approx([2.5, 0.5, -np.log(np.exp(-0.5) + np.exp(-2.5)), 1, 1 / 3, 2, 3])
    assert now.features[:, 7:].tolist() == [[-1, 1, -1, 0], [0, 1, -1, 0], [0, 0, 1, 0]]
    assert settled(now, order, 3, weights).tolist() == [False] * 3
    assert settled(now, order, 3, np.array([1.0, 2.5, 1.0, 0.4])).tolist() == [True] * 3

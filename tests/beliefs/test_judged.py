"""Choosing among candidates at prices: against a search by hand, and in any unit of cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs import pricing
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.judged import Judged, prices_to_try, taken
from equipoise.beliefs.pricing import Curve


@pytest.fixture
def train(simulate: Any) -> Ballots:
    return replace(simulate([0.8, 0.7, 0.6], 3, 90), cost=np.tile([100.0, 30.0, 70.0], (90, 1)))


def judged_at(prices: np.ndarray, unit: float = 1.0) -> Judged[str]:
    """Three candidates: a dear good one, a cheap bad one, and one that nobody should take."""
    accuracy, cost = np.array([0.90, 0.70, 0.60]), np.array([80.0, 10.0, 150.0]) * unit
    return Judged(
        candidates=["dear", "cheap", "silly"],
        prices=prices,
        accuracy=np.tile(accuracy[:, None], len(prices)),
        cost=np.tile(cost[:, None], len(prices)),
        vote=Curve(prices=np.zeros(1), accuracy=np.array([0.89]), cost=np.array([200.0 * unit])),
        weighted=0.895,
    )


def test_the_largest_utility_is_taken_and_the_named_prices_are_kept(train: Ballots) -> None:
    switch = (0.90 - 0.70) / (80 - 10)  # accuracy − price · cost is equal here
    named = [switch * 1.01, 0.0, switch * 0.99, 1.0]
    prices, picked = taken(judged_at(prices_to_try(train, named)), train, named)
    assert prices.tolist() == named
    assert picked.tolist() == [1, 0, 0, 1]


def test_where_no_price_is_named_it_is_the_usual_one_of_what_is_taken(train: Ballots) -> None:
    wanted = [None, 1e-3]
    tried = prices_to_try(train, wanted)
    assert np.array_equal(tried, np.unique([*pricing.grid(train.cost), 1e-3]))
    prices, picked = taken(judged_at(tried), train, wanted)
    # "dear" is within half a point of every vote and costs less than half: it is kept as long as utility takes it.
    grid = pricing.grid(train.cost)
    assert prices[0] == grid[grid < (0.90 - 0.70) / (80 - 10)].max()
    assert (picked.tolist(), prices[1]) == ([0, 0], 1e-3)


def test_a_named_price_does_not_change_the_usual_one(train: Ballots) -> None:
    (alone,), _ = taken(judged_at(prices_to_try(train, [None])), train, [None])
    wanted = [7.0, None, 1e-9, 0.999 * (0.90 - 0.70) / (80 - 10)]  # the last is beyond the grid's, and would be taken
    prices, _ = taken(judged_at(prices_to_try(train, wanted)), train, wanted)
    assert prices[1] == alone


def test_prices_scale_inversely_with_the_unit_of_cost(train: Ballots) -> None:
    usd = replace(train, cost=train.cost * 1e-7)
    tokens, _ = taken(judged_at(prices_to_try(train, [None])), train, [None])
    money, picked = taken(judged_at(prices_to_try(usd, [None]), 1e-7), usd, [None])
    assert money * 1e-7 == pytest.approx(tokens)
    assert picked.tolist() == [0]


def test_some_of_the_candidates_keep_their_numbers(train: Ballots) -> None:
    some = judged_at(np.array([0.0, 0.01])).only([2, 0])
    assert some.candidates == ["silly", "dear"]
    assert some.utility == pytest.approx(np.array([[0.6, 0.6 - 1.5], [0.9, 0.9 - 0.8]]))

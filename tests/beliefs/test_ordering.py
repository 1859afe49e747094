"""Orders of columns, against every permutation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from equipoise.beliefs import pricing
from equipoise.beliefs.ordering import LONGEST, coverage, orders


def until_success(order: tuple[int, ...], p: np.ndarray, cost: np.ndarray) -> float:
    """Expected cost of asking independent columns until one succeeds."""
    open_, total = 1.0, 0.0
    for column in order:
        total += open_ * cost[column]
        open_ *= 1 - p[column]
    return total


@pytest.mark.parametrize("seed", range(4))
def test_independent_columns_are_asked_in_the_optimal_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, cost = rng.uniform(0.2, 0.8, 5), rng.uniform(1, 9, 5)
    right = rng.random((60_000, 5)) < p
    order, chances = coverage(right, p, cost)
    best = min(until_success(other, p, cost) for other in permutations(range(5)))
    assert until_success(tuple(order), p, cost) == pytest.approx(best, rel=0.005)
    assert chances[:3] == pytest.approx(p[order][:3], abs=0.03)


def test_a_copy_of_an_earlier_column_comes_last() -> None:
    rng = np.random.default_rng(0)
    strong, weak = rng.random(500) < 0.7, rng.random(500) < 0.4
    right = np.column_stack([strong, strong, weak])
    order, chances = coverage(right, right.mean(axis=0), np.ones(3))
    assert order.tolist() == [0, 2, 1]
    assert chances[2] < 0.02


def test_orders_run_from_accuracy_first_to_cheap_first_and_free_columns_come_first() -> None:
    p, cost = np.array([0.5, 0.9, 0.7]), np.array([0.0, 10.0, 1.0])
    right = np.random.default_rng(0).random((200, 3)) < p
    found = [order.tolist() for order in orders(right, p, cost)]
    assert found[0] == [1, 2, 0]
    assert [0, 2, 1] in found
    assert len({tuple(order) for order in found}) == len(found)
    assert coverage(right, p, cost)[0][0] == 0


def test_an_order_has_an_end() -> None:
    right = np.random.default_rng(0).random((100, 30)) < 0.5
    assert all(len(order) == LONGEST for order in orders(right, right.mean(axis=0), np.arange(1.0, 31)))
    assert len(coverage(right, right.mean(axis=0), np.ones(30))[0]) == 30


def curve(accuracy: list[float], cost: list[float]) -> pricing.Curve:
    return pricing.Curve(prices=np.arange(float(len(cost))), accuracy=np.array(accuracy), cost=np.array(cost))


@pytest.mark.parametrize(
    ("weighted", "vote", "usual"),
    [
        (0.9, 0.8, 1.0),  # within half a point of the weighted vote
        (0.6, 0.6, 3.0),  # worse than the vote is not asked for
        (0.6, 0.894, 2.0),  # within half a point of the plain vote
        (0.99, 0.5, 1.0),  # nothing reaches it: within half a point of the best
    ],
)
def test_the_usual_price_is_the_largest_that_keeps_the_accuracy(weighted: float, vote: float, usual: float) -> None:
    found = curve([0.9, 0.896, 0.894, 0.7], [40.0, 30.0, 20.0, 10.0])
    assert pricing.usual(found, curve([vote], [100.0]), weighted) == usual


@pytest.mark.parametrize(
    ("vote", "usual"),
    [
        (0.80, 2.0),  # half of the cost keeps 0.07 of a gain of 0.1
        (0.83, 2.0),  # 0.04 of 0.07
        (0.86, 0.0),  # 0.01 of 0.04 is less than half
        (0.904, 0.0),  # it would lose to the plain vote
    ],
)
def test_half_of_the_cost_is_worth_half_of_the_gain(vote: float, usual: float) -> None:
    found = curve([0.9, 0.88, 0.87, 0.6], [80.0, 70.0, 50.0, 10.0])
    assert pricing.usual(found, curve([vote], [100.0]), 0.9) == usual


def test_folds_are_of_equal_size_and_drawn_anew() -> None:
    assert (pricing.folds(47) != pricing.folds(47, 1)).any()
    assert np.bincount(pricing.folds(47)).tolist() == [5] * 7 + [4] * 3

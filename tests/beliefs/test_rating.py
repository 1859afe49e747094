"""Ratings as numbers: their order, and a stable choice of the best."""

from __future__ import annotations

from equipoise.beliefs import rating


def test_sure_outweighs_several_likely_and_an_unread_rating_is_worth_least() -> None:
    assert rating.worth("sure") > 10 * rating.worth("likely")
    assert rating.worth("likely") > 10 * rating.worth("impossible") > rating.worth(None) == 0


def test_the_best_come_first_and_equals_keep_their_order() -> None:
    assert rating.best([1.0, 20.0, 1.0, 0.001, 20.0], 3) == [1, 4, 0]
    assert rating.best([2.0], 3) == [0]
    assert rating.best([], 2) == []

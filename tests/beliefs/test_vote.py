"""Votes: shares, weights, ties and silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.beliefs import vote

KEYS = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=9)


def test_silence_casts_no_vote_and_shares_fall() -> None:
    shares = vote.shares(["x", None, "y", "y", None, "y"])
    assert shares == {"y": 0.75, "x": 0.25}
    assert list(shares) == ["y", "x"]


def test_weights_can_overrule_the_count() -> None:
    shares = vote.shares(["x", "y", "y"], [5.0, 1.0, 2.0])
    assert shares == {"x": 0.625, "y": 0.375}
    assert vote.winner(shares) == "x"


def test_weights_belong_to_voters_even_beside_silent_ones() -> None:
    assert vote.shares([None, "x", "y"], [9.0, 1.0, 3.0]) == {"y": 0.75, "x": 0.25}


def test_a_tie_goes_to_the_first_and_nobody_wins_an_empty_vote() -> None:
    assert vote.winner(vote.shares(["y", "x", "x", "y"])) == "y"
    assert vote.shares([None, None]) == {}
    assert vote.winner({}) is None


def test_answers_without_any_weight_share_equally() -> None:
    assert vote.shares(["x", "y", "x", None], [0.0, 0.0, 0.0, 1.0]) == {"x": 0.5, "y": 0.5}


def test_one_weight_per_voter() -> None:
    with pytest.raises(ValueError, match="zip"):
        vote.shares(["x", "y"], [1.0])


@given(KEYS, st.integers(2, 5))
def test_shares_sum_to_one_and_ignore_the_scale_of_weights(keys: list[str | None], scale: int) -> None:
    shares = vote.shares(keys)
    assert sum(shares.values()) == pytest.approx(1 if any(keys) else 0)
    assert vote.shares(keys, [float(scale)] * len(keys)) == pytest.approx(shares)


@given(KEYS, st.randoms())
def test_the_order_of_voters_changes_no_share(keys: list[str | None], random: object) -> None:
    shuffled = list(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert vote.shares(shuffled) == pytest.approx(vote.shares(keys))

"""The ring of groups, and the leave-one-out baseline."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equipoise.errors import InputError
from equipoise.learning.replay_buffer import ReplayBuffer, leave_one_out


def groups(first: int, count: int, size: int = 3) -> np.ndarray:
    """Groups numbered from one on, each rollout telling its group."""
    return np.repeat(np.arange(first, first + count), size).reshape(count, size)


def test_the_ring_keeps_the_last_groups_and_forgets_the_oldest_first() -> None:
    buffer = ReplayBuffer(14, 3, {"number": ((), np.int64), "pair": ((2,), np.float32)})
    assert buffer.groups == 4  # 14 rollouts hold four whole groups of three
    for first, count in ((0, 3), (3, 2), (5, 3)):
        numbers = groups(first, count)
        buffer.add(number=numbers, pair=np.stack([numbers, -numbers], axis=-1).astype(np.float32))
        held = buffer.all()
        last = first + count
        assert sorted(held["number"][:, 0]) == list(range(max(0, last - 4), last))
        assert (held["pair"][..., 0] == held["number"]).all() and (held["pair"][..., 1] == -held["number"]).all()
    assert len(buffer) == 4
    buffer.add(number=groups(100, 9), pair=np.zeros((9, 3, 2), np.float32))  # more than fit
    assert sorted(buffer.all()["number"][:, 0]) == [105, 106, 107, 108]


def test_draws_are_of_held_groups_only_whole_and_the_same_for_equal_chance() -> None:
    buffer = ReplayBuffer(100, 3, {"number": ((), np.int64)})
    with pytest.raises(InputError, match="empty"):
        buffer.sample(1, np.random.default_rng(0))
    buffer.add(number=groups(1, 5))
    drawn = buffer.sample(400, np.random.default_rng(7))["number"]
    assert drawn.shape == (400, 3) and (drawn == drawn[:, :1]).all()
    assert set(drawn[:, 0]) == {1, 2, 3, 4, 5}
    assert (drawn == buffer.sample(400, np.random.default_rng(7))["number"]).all()


def test_a_restored_ring_goes_on_at_the_same_place() -> None:
    fields = {"number": ((), np.int64)}
    one, other = ReplayBuffer(12, 3, fields), ReplayBuffer(12, 3, fields)
    one.add(number=groups(0, 6))
    other.restore(one.state())
    for buffer in (one, other):
        buffer.add(number=groups(6, 1))
    assert (one.all()["number"] == other.all()["number"]).all()


def test_fields_must_be_those_of_the_buffer_and_one_group_must_fit() -> None:
    with pytest.raises(InputError, match="no group of 8"):
        ReplayBuffer(7, 8, {"number": ((), np.int64)})
    with pytest.raises(InputError, match="holds"):
        ReplayBuffer(8, 8, {"number": ((), np.int64)}).add(other=np.zeros((1, 8)))


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_the_baseline_is_the_mean_of_the_others(kind: object) -> None:
    returns = np.random.default_rng(0).normal(size=(4, 2, 5))
    by_hand = np.array([[[np.mean(np.delete(row, g)) for g in range(5)] for row in pair] for pair in returns])
    assert np.allclose(np.asarray(leave_one_out(kind(returns))), by_hand)  # type: ignore[operator]

"""Two temperatures: where the reference is undecided, and elsewhere at the same share."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch

from equipoise.learning.mirror.settings import MirrorSettings, Partition
from equipoise.learning.mirror.temperatures import hot_tokens, prox_weights, temperatures

SETTINGS = MirrorSettings(alpha_high=0.3, alpha_low=0.02, entropy_threshold=1.0)


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(11) < torch.tensor([11, 4, 7, 1])[:, None]
    entropies = torch.rand(4, 11, generator=generator) * 1.6 * mask
    return entropies, -torch.rand(4, 11, generator=generator) * 3 * mask, mask


def test_the_high_temperature_is_where_the_reference_is_undecided() -> None:
    entropies, logs, mask = batch()
    alpha = temperatures(entropies, logs, mask, SETTINGS, seed=0)
    assert torch.equal(alpha > 0.1, (entropies >= 1.0) & mask)
    assert alpha[mask].unique().tolist() == pytest.approx([0.02, 0.3])
    assert alpha[~mask].abs().max() == 0.0


@pytest.mark.parametrize("partition", ["uniform", "random", "gradient_norm"])
def test_partitions_heat_as_many_tokens_elsewhere(partition: Partition) -> None:
    entropies, logs, mask = batch()
    by_entropy = hot_tokens(entropies, logs, mask, SETTINGS, seed=0)
    other = hot_tokens(entropies, logs, mask, replace(SETTINGS, partition=partition), seed=0)
    assert other.sum() == by_entropy.sum() > 0
    assert not (other & ~mask).any()
    assert not torch.equal(other, by_entropy)
    again = hot_tokens(entropies, logs, mask, replace(SETTINGS, partition=partition), seed=1)
    assert torch.equal(again, other) == (partition != "random")


def test_gradient_norm_takes_the_least_likely_tokens_and_uniform_is_even() -> None:
    entropies, logs, mask = batch()
    steep = hot_tokens(entropies, logs, mask, replace(SETTINGS, partition="gradient_norm"), seed=0)
    assert logs[steep].max() <= logs[mask & ~steep].min()
    places = hot_tokens(entropies, logs, mask, replace(SETTINGS, partition="uniform"), seed=0)[mask].nonzero()[:, 0]
    gaps = places.diff()
    assert gaps.max() - gaps.min() <= 1


def test_homogeneous_is_one_temperature_with_the_same_total() -> None:
    entropies, logs, mask = batch()
    two = temperatures(entropies, logs, mask, SETTINGS, seed=0)
    one = temperatures(entropies, logs, mask, replace(SETTINGS, partition="homogeneous"), seed=0)
    assert one[mask].unique().numel() == 1
    assert float(one.sum()) == pytest.approx(float(two.sum()), rel=1e-5)
    assert one[~mask].abs().max() == 0.0


def test_the_prox_makes_the_damping() -> None:
    alpha = torch.tensor([0.1, 0.01])
    assert prox_weights(alpha, SETTINGS).tolist() == [0.0, 0.0]
    assert prox_weights(alpha, replace(SETTINGS, eta=0.25)).tolist() == pytest.approx([0.3, 0.03])
    assert prox_weights(alpha, replace(SETTINGS, prox=0.5)).tolist() == pytest.approx([0.5, 0.5])

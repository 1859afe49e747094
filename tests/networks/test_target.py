"""Soft updates are exact, and a frozen module is the same to the bit after training beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.errors import InputError
from equipoise.networks.belief_network import BeliefNetwork, BeliefNetworkSettings
from equipoise.networks.target import freeze, frozen_copy, soft_update, trainable, unfreeze

SMALL = BeliefNetworkSettings(embedding=3, observation=3, belief=4, width=4, heads=2, feedforward=4, context=4)


def networks(seeds: range) -> list[BeliefNetwork]:
    return [BeliefNetwork(SMALL, seed=seed).double() for seed in seeds]


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.0, 1.0])
def test_a_soft_update_is_the_formula(rate: float) -> None:
    target, online = networks(range(2))
    before, followed = arrays(target), arrays(online)
    soft_update(target, online, rate=rate)
    for name, after in arrays(target).items():
        np.testing.assert_allclose(after, rate * followed[name] + (1 - rate) * before[name], rtol=1e-15, atol=1e-17)
        np.testing.assert_array_equal(followed[name], arrays(online)[name])
        if rate in (0.0, 1.0):
            np.testing.assert_array_equal(after, followed[name] if rate else before[name])


def test_many_updates_close_the_distance_geometrically() -> None:
    target, online = networks(range(2))
    before, followed = arrays(target), arrays(online)
    for _ in range(100):
        soft_update(target, online, rate=0.01)
    for name, after in arrays(target).items():
        np.testing.assert_allclose(after - followed[name], 0.99**100 * (before[name] - followed[name]), atol=1e-14)


def test_buffers_are_copied() -> None:
    target, online = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    online(torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    soft_update(target, online)
    assert torch.equal(target.running_mean, online.running_mean)
    assert target.num_batches_tracked == 1


def test_what_cannot_be_followed_is_refused_before_anything_moves() -> None:
    target = networks(range(1))[0]
    before = arrays(target)
    with pytest.raises(InputError, match="differ in their parameters"):
        soft_update(target, nn.Linear(2, 2))
    with pytest.raises(InputError, match=r"is 1\.5; it lies in"):
        soft_update(target, target, rate=1.5)
    for name, after in arrays(target).items():
        np.testing.assert_array_equal(after, before[name])


def test_a_frozen_copy_stands_still_and_takes_no_gradient() -> None:
    online = networks(range(1))[0]
    target = frozen_copy(online)
    assert not target.training and online.training
    assert trainable(target) == [] and len(trainable(online)) == len(list(online.parameters()))
    before = arrays(target)
    with torch.no_grad():
        next(online.parameters()).add_(1.0)
    for name, after in arrays(target).items():
        np.testing.assert_array_equal(after, before[name])


def test_training_one_network_leaves_the_frozen_ones_as_they_are_to_the_bit(draw) -> None:
    """Momentum and weight decay included, even where the optimiser knew the parameters before."""
    team = networks(range(3))
    everything = [parameter for network in team for parameter in network.parameters()]
    optimiser = torch.optim.AdamW(everything, lr=1e-2, weight_decay=0.1)

    def step() -> None:
        optimiser.zero_grad(set_to_none=False)
        sum(network(draw(4, 2, 3), draw(4, 3)).value.pow(2).sum() for network in team).backward()
        optimiser.step()

    step()
    for network in team[:2]:
        freeze(network)
    before = [arrays(network) for network in team]
    for _ in range(3):
        step()
    for network, held in zip(team[:2], before[:2], strict=True):
        for name, after in arrays(network).items():
            np.testing.assert_array_equal(after, held[name])
    assert any((after != before[2][name]).any() for name, after in arrays(team[2]).items())
    unfreeze(team[0])
    step()
    assert any((after != before[0][name]).any() for name, after in arrays(team[0]).items())

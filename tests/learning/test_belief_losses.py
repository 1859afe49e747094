"""Each loss of ECON against a value computed by hand."""

from __future__ import annotations

from math import sqrt

import pytest
import torch

from equipoise.learning.belief_losses import encoder_loss, equilibrium_loss, mix_loss, td_loss


def test_td_loss_by_hand() -> None:
    values = torch.tensor([0.5, 1.0], requires_grad=True)
    rewards, future = torch.tensor([0.2, 0.9]), torch.tensor([0.4, 0.0])
    loss = td_loss(values, rewards, future, gamma=0.5)
    # (0.2 + 0.5 · 0.4 − 0.5)² = 0.01, (0.9 − 1)² = 0.01
    assert loss.item() == pytest.approx(0.01)
    loss.backward()
    assert values.grad is not None
    assert values.grad.tolist() == pytest.approx([0.1, 0.1])  # −2 · error / 2


def test_td_loss_does_not_move_its_target() -> None:
    values, future = torch.tensor([0.5], requires_grad=True), torch.tensor([1.0], requires_grad=True)
    td_loss(values, torch.tensor([0.0]), future).backward()
    assert future.grad is None


def test_mix_loss_by_hand() -> None:
    features = torch.tensor([[[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]])
    commitment = torch.tensor([[5.0, 0.0]])
    values, total = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([0.75])
    loss = mix_loss(torch.tensor(0.2), features, commitment, values, total, aligned=0.1, close=0.3)
    # 1 − cos: 0, 1, 1 − 1/√2.  (Q_i − Q_tot)²: 1/16, 1/16, 9/16.
    by_hand = 0.2 + 0.1 * (1 + (1 - 1 / sqrt(2)) ** 2) + 0.3 * 11 / 16
    assert loss.item() == pytest.approx(by_hand)


def test_nothing_is_aligned_to_a_commitment_that_is_none() -> None:
    features = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    commitment = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    values, total = torch.zeros(2, 1), torch.zeros(2)
    loss = mix_loss(torch.tensor(0.0), features, commitment, values, total, aligned=1.0, close=1.0)
    assert loss.item() == pytest.approx(0.5)  # of two rows one counts, with 1 − cos = 1


def test_encoder_loss_by_hand() -> None:
    assert encoder_loss(torch.tensor(0.3), torch.tensor([0.1, 0.2, 0.4]), each=0.1).item() == pytest.approx(0.37)


def test_equilibrium_loss_by_hand() -> None:
    gains = torch.tensor([[[0.1, 0.2], [0.0, 0.3]]])
    totals = torch.tensor([[0.9, 0.5]])
    # gaps 0.3 and 0.3 → mean square 0.09; the commitment lost 0.4 → 0.16
    assert equilibrium_loss(gains, totals).item() == pytest.approx(0.09 + 0.16)
    risen = equilibrium_loss(gains, totals.flip(1))
    assert risen.item() == pytest.approx(0.09)


def test_a_single_stage_has_no_hinge() -> None:
    assert equilibrium_loss(torch.tensor([[[0.5, 0.1]]]), torch.tensor([[0.3]])).item() == pytest.approx(0.36)

"""Bids and their regression."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equipoise.learning.bandit_losses import regression, taken, team_values
from equipoise.policies.bandit_settings import BanditSettings
from equipoise.policies.control_values import ControlValues


def test_without_a_baseline_the_loss_is_the_mean_squared_error_and_so_it_is_at_level_one() -> None:
    rng = torch.Generator().manual_seed(0)
    predicted, observed = torch.randn(6, 4, 2, generator=rng), torch.randn(6, 4, 1, generator=rng)
    plain = torch.nn.functional.mse_loss(predicted, observed.expand_as(predicted))
    assert torch.isclose(regression(predicted, observed, baseline=False, level=0.3), plain)
    assert torch.isclose(regression(predicted, observed, baseline=True, level=1.0), plain)
    assert not torch.isclose(regression(predicted, observed, baseline=True, level=0.3), plain)


def test_with_a_baseline_alone_it_does_not_matter_how_hard_a_question_is() -> None:
    rng = torch.Generator().manual_seed(1)
    predicted, observed = torch.randn(6, 4, 1, generator=rng), torch.randn(6, 4, 1, generator=rng)
    harder = observed + 10 * torch.randn(6, 1, 1, generator=rng)
    before, after = (regression(predicted, y, baseline=True, level=0.0) for y in (observed, harder))
    assert torch.isclose(before, after, rtol=1e-4)
    assert regression(predicted, harder, baseline=True, level=0.1) > before + 1


def test_the_best_additive_fit_has_the_values_of_controls_against_the_others_play() -> None:
    """Unequal numbers of controls, unequal play: slopes of the regression are differences of E[R | u_i]."""
    rng = np.random.default_rng(2)
    payoff = rng.normal(size=(2, 3))
    play = (np.array([0.3, 0.7]), np.array([0.5, 0.1, 0.4]))
    counts = np.rint(1000 * np.outer(*play)).astype(int)  # exactly this play
    one, other = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices((2, 3)))
    actions = torch.as_tensor(np.column_stack([one, other]))
    observed = torch.as_tensor(payoff[one, other])[:, None, None]
    bids = torch.zeros(2, 3, dtype=torch.float64, requires_grad=True)
    constant = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([bids, constant], max_iter=200, tolerance_grad=1e-12)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        chosen = taken(bids.expand(len(actions), 2, 3), actions)
        fitted = regression(team_values(True, chosen, constant)[:, None], observed, baseline=False, level=1.0)
        fitted.backward()
        return fitted

    optimiser.step(loss)
    found = bids.detach().numpy()
    expected = payoff @ play[1], play[0] @ payoff
    assert np.allclose(np.diff(found[0, :2]), np.diff(expected[0]), atol=1e-5)
    assert np.allclose(np.diff(found[1]), np.diff(expected[1]), atol=1e-5)


@pytest.mark.parametrize("mixer", ["linear", "hypernetwork", "none"])
@pytest.mark.parametrize("encoder", ["features", "transformer"])
def test_learning_starts_from_no_preference_and_every_part_is_trained(mixer: str, encoder: str) -> None:
    settings = BanditSettings(mixer=mixer, encoder=encoder, hidden=(8,))  # type: ignore[arg-type]
    values = ControlValues(5, (2, 3), settings)
    history = torch.randn(7, 2, 5, generator=torch.Generator().manual_seed(0))
    bids, constant = values(history)
    assert bids.shape == (7, 2, 3) and constant.shape == (7,)
    assert not bids.detach().any()
    for _ in range(3):  # the last layer moves first, then what lies before it
        bids, constant = values(history)
        target = torch.arange(7.0)
        loss = ((bids * bids.new_tensor([1.0, -2.0, 3.0])).sum((1, 2)) + constant - target).square().mean()
        values.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in values.parameters():
                if parameter.grad is not None:
                    parameter.sub_(1e-3 * parameter.grad)
    still = [
        name for name, parameter in values.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert [name for name in still if "positions" not in name and "in_proj_bias" not in name] == []
    if encoder == "transformer":  # an earlier round is read too
        changed = history.clone()
        changed[:, 0] += 1.0
        assert not torch.allclose(values(changed)[0], values(history)[0])

r"""The regression that fits bids to rewards, errors taken within groups.

With e_g = y_g − Q_tot,g and the leave-one-out mean of the group's other errors,

$$L = \Big(\frac{G-1}{G}\Big)^2 \operatorname{mean}\Big(e_g - \frac{1}{G-1}\sum_{g' \ne g} e_{g'}\Big)^2
  + \ell \operatorname{mean}(\bar e^2)$$

ℓ = 1 is the plain mean squared error. A small ℓ keeps how hard a question is out of the comparison of controls, and
both y and Q are differenced, so that older rollouts stay comparable with new ones.

Source: DICE (arXiv 2606.08068), critic regression and G rollouts a prompt (`dice.md`, section 4).
"""

from __future__ import annotations

from torch import Tensor

from equipoise.learning.replay_buffer import leave_one_out


def taken(bids: Tensor, actions: Tensor) -> Tensor:
    """The bids of the controls taken. Shapes [..., N, controls], [..., N] → [..., N]."""
    return bids.gather(-1, actions[..., None])[..., 0]


def team_values(mixed: bool, chosen: Tensor, constant: Tensor) -> Tensor:
    """What is regressed on the return: Q_tot, or each executor's value. Shapes [..., N], [...] → [..., 1 or N]."""
    return (chosen.sum(-1) + constant)[..., None] if mixed else chosen


def regression(predicted: Tensor, observed: Tensor, *, baseline: bool, level: float) -> Tensor:
    """The loss. Shapes [groups, G, K], [groups, G, 1 or K] → [].

    Args:
        predicted: the team's value, K = 1, or those of N executors that each stand alone.
        observed: the targets.
        baseline: whether errors are compared within groups.
        level: ℓ.
    """
    errors = (observed - predicted).transpose(-1, -2)
    if not baseline:
        return (errors**2).mean()
    share = (errors.shape[-1] - 1) / errors.shape[-1]
    within = share * (errors - leave_one_out(errors))
    return (within**2).mean() + level * (errors.mean(-1) ** 2).mean()

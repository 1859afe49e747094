r"""The losses of ECON, each a few lines, so that each can be checked by hand.

$$L_{TD} = \bigl(r + \gamma \max_{e'} Q'(e') - Q\bigr)^2$$
$$L_{mix} = L_{TD}^{tot} + \lambda_b \sum_i \bigl(1 - \cos(F_i, C)\bigr)^2 + \lambda_m \sum_i (Q_i - Q_{tot})^2, \qquad
L_e = L_{TD}^{tot} + \lambda_e \sum_i L_{TD}^i$$
$$L_{BNE} = \Bigl(\sum_i \max_{e'} [Q_{tot}(e', e_{-i}) - Q_{tot}(e)]\Bigr)^2 + \max(0, Q_{tot}^{s} - Q_{tot}^{s+1})^2$$

All are means over a batch. Q' is a target network, and the maximum over the continuous e' is over a grid. L_BNE is the
squared best-response gap and a hinge: a commitment made later should not be worth less. Only prompt heads follow L_BNE;
a critic that followed it would flatten Q_tot, which closes every gap and means nothing.

Source: ECON (arXiv 2506.08292), losses (`econ.md`, section 5). L_BNE is named in the public code, not in the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

GAMMA = 0.99
LAMBDA = 0.1


def td_loss(values: Tensor, rewards: Tensor, future: Tensor, *, gamma: float = GAMMA) -> Tensor:
    """L_TD, a scalar. Shapes [...] all; `future` is max Q' of the next stage, 0 where there is none."""
    return ((rewards + gamma * future).detach() - values).square().mean()


def mix_loss(
    td_total: Tensor,
    features: Tensor,
    commitment: Tensor,
    values: Tensor,
    total: Tensor,
    *,
    aligned: float = LAMBDA,
    close: float = LAMBDA,
) -> Tensor:
    """L_mix, a scalar.

    Args:
        td_total: L_TD of Q_tot.
        features: F [batch, executors, embedding].
        commitment: embedding of C [batch, embedding]; where it is 0, there is nothing to align to.
        values: Q_i [batch, executors].
        total: Q_tot [batch].
        aligned, close: λ_b and λ_m.
    """
    there = commitment.norm(dim=-1) > 0
    away = 1.0 - F.cosine_similarity(features, commitment[:, None], dim=-1)
    alignment = (away.square().sum(-1) * there).mean()
    closeness = (values - total[:, None]).square().sum(-1).mean()
    return td_total + aligned * alignment + close * closeness


def encoder_loss(td_total: Tensor, td_each: Tensor, *, each: float = LAMBDA) -> Tensor:
    """L_e, a scalar: L_TD of Q_tot and λ_e times the sum of the executors' own, shape [executors]."""
    return td_total + each * td_each.sum()


def equilibrium_loss(gains: Tensor, totals: Tensor) -> Tensor:
    """L_BNE, a scalar.

    Args:
        gains: what each executor could gain alone, in every stage [batch, stages, executors].
        totals: Q_tot of the profiles [batch, stages].
    """
    gap = gains.sum(-1).square().mean()
    if totals.shape[1] < 2:
        return gap
    return gap + torch.relu(totals[:, :-1] - totals[:, 1:]).square().mean()

r"""The monotone mixer: what a profile is worth to the team, from what it is worth to each.

$$Q_\mathrm{tot} = \sum_i w_i(z)\,Q_i + b(z), \qquad w_i(z) = \mathrm{softplus}(\cdot) > 0$$

∂Q_tot/∂Q_i = w_i(z) ≥ 0 whatever the parameters are, so each agent's best control is best for the team (the
individual–global–max property), and the advantage of one agent is scaled, never turned around. z is the public context
feature. `linear` has constant weights and bias; `hypernetwork` computes both from z. Both start near the mean, with
w_i = 1/N at z = 0 or everywhere. Cost: O(N), or O(d_z h + h N) with h hidden units.

Sources: DICE (arXiv 2606.08068), monotone mixer (`dice.md`, section 3); Rashid et al., QMIX (ICML 2018).
"""

from __future__ import annotations

from math import expm1, log
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import InputError, UnknownName
from equipoise.networks.seeding import seeded

Kind = Literal["linear", "hypernetwork"]


class MonotoneMixer(nn.Module):
    """Q_tot of the agents' values, increasing in each.

    Args:
        agents: N.
        kind: "linear" or "hypernetwork".
        context: d_z, size of the public context feature; a hypernetwork needs it, a linear mixer takes none.
        hidden: units of the hypernetwork.
        seed: of the initial weights.

    Raises:
        UnknownName: no such kind.
        InputError: a context where none is read, or none where one is.
    """

    def __init__(
        self, agents: int, *, kind: Kind = "linear", context: int | None = None, hidden: int = 64, seed: int = 0
    ) -> None:
        super().__init__()
        if kind not in ("linear", "hypernetwork"):
            raise UnknownName("mixer", kind, ("linear", "hypernetwork"))
        if (kind == "hypernetwork") != (context is not None):
            raise InputError(f"the mixer '{kind}' and context={context} do not fit: only a hypernetwork reads one.")
        self.agents = agents
        mean = torch.full((agents,), log(expm1(1 / agents)))  # softplus of it is 1/N
        self.hypernetwork: nn.Sequential | None = None
        if context is None:
            self.raw_weights = nn.Parameter(mean)
            self.constant = nn.Parameter(torch.zeros(()))
            return
        with seeded(seed):
            reading, output = nn.Linear(context, hidden), nn.Linear(hidden, agents + 1)
        self.hypernetwork = nn.Sequential(reading, nn.Tanh(), output)
        with torch.no_grad():
            output.weight.mul_(0.1)
            output.bias.copy_(torch.cat([mean, torch.zeros(1)]))
            reading.bias.zero_()  # so that z = 0 gives the mean itself

    def forward(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """Q_tot. Shapes [..., agents], [..., d_z] → [...]."""
        weights, bias = self.terms(context)
        return (weights * values).sum(-1) + bias

    def terms(self, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """w(z) > 0 and b(z). Shapes [..., d_z] → [..., agents], [...]; [agents], [] if linear.

        Raises:
            InputError: a hypernetwork without a context, or a linear mixer with one.
        """
        if self.hypernetwork is None:
            if context is not None:
                raise InputError("a linear mixer reads no context. Use kind='hypernetwork'.")
            return F.softplus(self.raw_weights), self.constant
        if context is None:
            raise InputError("a hypernetwork mixer needs the public context feature z.")
        raw = self.hypernetwork(context)
        return F.softplus(raw[..., :-1]), raw[..., -1]

r"""Perceptrons of many agents in one product: each agent has weights of its own, stacked along an axis.

$$y_{b,n,r} = W_n\,x_{b,n,r} + c_n$$

A loop over agents would launch N small products where one batched product does the same work: O(B N R d_in d_out).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StackedLinear(nn.Module):
    """One linear map per agent. Shapes [..., agents, rows, inputs] → [..., agents, rows, outputs].

    Args:
        agents: N.
        inputs: d_in.
        outputs: d_out.
        bias: whether there is a constant.

    Weights are uniform on ±1/√d_in, as those of `nn.Linear`.
    """

    def __init__(self, agents: int, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(agents, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(agents, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Each agent's rows through its own map."""
        y = torch.einsum("...nri,nio->...nro", x, self.weight)
        return y if self.bias is None else y + self.bias[:, None]


class StackedPerceptron(nn.Module):
    """One perceptron per agent, gelu between its layers. Shapes [..., agents, rows, d_0] → [..., agents, rows, d_L].

    Args:
        agents: N.
        sizes: (d_0, …, d_L).
    """

    def __init__(self, agents: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(StackedLinear(agents, inputs, outputs) for inputs, outputs in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """Each agent's rows through its own perceptron."""
        for layer in self.layers[:-1]:
            x = F.gelu(layer(x))
        return self.layers[-1](x)

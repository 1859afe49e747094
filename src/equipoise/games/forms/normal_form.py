"""A normal form: N agents, each with its own number of actions, and one payoff tensor per agent.

    Q_i(a) = E_{a_-i ~ π_-i}[u_i(a, a_-i)]

The heterogeneous quantal response equilibrium of (u_i, τ_i) is the logit QRE of u_i/τ_i at λ = 1 (McKelvey and Palfrey,
1995). A Q evaluation costs N·M, M = ∏ A_i: see `tensor_game`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.layout import Layout
from equipoise.games.validation import check_shape, per_agent


class NormalForm(TensorGame):
    """A normal-form game.

    Args:
        payoffs: `[i][a1]…[aN]`, one tensor per agent, all of the same shape.

    Raises:
        InputError: a tensor that is ragged, not finite or of another shape than [A1, …, AN]; says which.
    """

    def __init__(self, payoffs: Sequence[Any] | np.ndarray) -> None:
        tensors = per_agent(payoffs, "payoffs")
        if not tensors:
            raise InputError("payoffs has no agents; it needs one tensor per agent.")
        shape = tensors[0].shape
        if len(shape) != len(tensors) or 0 in shape:
            needs = "one axis per agent, none of length 0"
            raise InputError(f"payoffs[0] has shape {list(shape)} for {len(tensors)} agents; it needs {needs}.")
        for agent, tensor in enumerate(tensors):
            check_shape(tensor, shape, f"payoffs[{agent}]")
        super().__init__(Layout(tuple((actions,) for actions in shape), nested=False), tensors)

    @property
    def actions(self) -> tuple[int, ...]:
        """Number of actions of each agent."""
        return self.tensors[0].shape

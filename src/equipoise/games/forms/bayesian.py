"""A Bayesian game with finitely many types and a common prior, solved ex interim.

    Q_i(θ_i, a) = Σ_{θ_-i} p(θ_-i | θ_i) E_{a_-i ~ π_-i(·|θ_-i)}[u_i(θ, a, a_-i)]

It is a normal form among (agent, type) pairs (Harsanyi, 1967), but that form's tensor, exponential in the number of
types, is never built: with x = (θ_i, a_i), W_i[x] = p(θ_-i | θ_i) u_i(θ, a) contracts with the blocks π_j[(θ_j,
a_j)] as an N-agent tensor does. Correlated priors are allowed. Q costs N·M, M = ∏ T_i A_i. A type of prior
probability 0 has no conditional belief; its own is taken as the product of the others' marginals, so that its policy
is defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.layout import Layout
from equipoise.games.validation import as_array, check_distribution, check_shape, per_agent


class Bayesian(TensorGame):
    """A Bayesian game; policies are `[agent][type][action]`.

    Args:
        prior: common prior over type profiles, `[θ1]…[θN]`, sums to 1.
        payoffs: `[i][θ1]…[θN][a1]…[aN]`.

    Raises:
        InputError: a prior that is no distribution, payoffs not finite or of the wrong shape; says which entry.
    """

    def __init__(self, prior: Any, payoffs: Sequence[Any] | np.ndarray) -> None:
        self.prior = as_array(prior, "prior")
        check_distribution(self.prior, "prior", axes=self.prior.ndim)
        tensors = per_agent(payoffs, "payoffs")
        agents, types = self.prior.ndim, self.prior.shape
        if len(tensors) != agents:
            raise InputError(f"payoffs has {len(tensors)} agents; the prior has {agents} axes, one per agent.")
        if tensors[0].ndim != 2 * agents or 0 in tensors[0].shape:
            needs = f"[{', '.join(map(str, types))}, then one axis of actions per agent]"
            raise InputError(f"payoffs[0] has shape {list(tensors[0].shape)}; it needs {needs}.")
        actions = tensors[0].shape[agents:]
        for agent, tensor in enumerate(tensors):
            check_shape(tensor, (*types, *actions), f"payoffs[{agent}]")
        layout = Layout(tuple((count,) * number for count, number in zip(actions, types, strict=True)), set_name="type")
        super().__init__(layout, [self._weighted(tensor, agent) for agent, tensor in enumerate(tensors)])

    def conditional(self, agent: int) -> np.ndarray:
        """p(θ_-i | θ_i), laid out as the prior is. Shape [θ1, …, θN]; sums to 1 over the others' axes."""
        agents = self.prior.ndim
        others = tuple(axis for axis in range(agents) if axis != agent)
        own = self.prior.sum(axis=others, keepdims=True)
        product = np.ones((1,) * agents)
        for axis in others:
            product = product * self.prior.sum(axis=tuple(a for a in range(agents) if a != axis), keepdims=True)
        safe = np.where(own > 0, own, 1.0)
        return np.where(own > 0, self.prior / safe, product * np.ones_like(self.prior))

    def _weighted(self, tensor: np.ndarray, agent: int) -> np.ndarray:
        """W_i with its axes paired as [(θ1, a1), …, (θN, aN)]."""
        agents = self.prior.ndim
        belief = self.conditional(agent).reshape(self.prior.shape + (1,) * agents)
        paired = (belief * tensor).transpose([axis for agent_ in range(agents) for axis in (agent_, agents + agent_)])
        sizes = [paired.shape[2 * k] * paired.shape[2 * k + 1] for k in range(agents)]
        return paired.reshape(sizes)

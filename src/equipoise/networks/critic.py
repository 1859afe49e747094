r"""Critics, the soft baseline and the logit response.

$$Q_i(b, u), \qquad V_i(b) = \alpha_i \log \sum_u \rho_i(u)\,e^{Q_i(b,u)/\alpha_i}, \qquad
\pi_i(u \mid b) = \rho_i(u)\,e^{(Q_i(b,u) - V_i(b))/\alpha_i}$$

The temperature α may differ by agent and state: its shape broadcasts against `values.shape[:-1]`. Everything is
computed on logarithms with the largest subtracted, so that α = 1e-6 neither overflows nor divides by zero. V ≤ max Q,
and V → max Q on the support of ρ as α → 0. ρ is a reference policy: without one it is uniform, and V is the soft value
of a KL penalty. The paper's V = α log Σ exp(Q/α), with entropy in place of KL, is the same with log ρ = 0, larger by
α log |U|.

The same numbers as `equipoise.games.response`, here with gradients: ∂V/∂Q = π.

`Critic` has one output per control of a finite set; `FeatureCritic` scores a control's feature vector, so that
candidates may change from state to state. Parameters are each agent's own; all agents go through one product.

Sources: DICE (arXiv 2606.08068), critics and soft baseline (`dice.md`, section 3), logit response B^α (section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import InputError
from equipoise.networks.seeding import seeded
from equipoise.networks.stacked import StackedLinear, StackedPerceptron


class Critic(nn.Module):
    """Q_i(b, u) for a fixed finite set of controls of each agent.

    Args:
        belief: d_B, size of a belief.
        controls: |U_i| of each agent; they may differ.
        hidden: widths between belief and values.
        seed: of the initial weights.

    Attributes:
        available: bool, which columns are controls of an agent. Shape [agents, most controls].
        log_uniform: the uniform reference, −log |U_i|, and −∞ where there is no control. Shape as `available`.
    """

    available: Tensor
    log_uniform: Tensor

    def __init__(self, belief: int, controls: Sequence[int], *, hidden: Sequence[int] = (256,), seed: int = 0) -> None:
        super().__init__()
        if not controls or min(controls) < 1:
            raise InputError(f"controls is {list(controls)}; every agent needs at least one.")
        counts = torch.tensor(controls)
        with seeded(seed):
            self.values = StackedPerceptron(len(controls), (belief, *hidden, int(counts.max())))
        available = torch.arange(int(counts.max())) < counts[:, None]
        self.register_buffer("available", available, persistent=False)
        uniform = (-counts.double().log())[:, None].to(torch.get_default_dtype())
        self.register_buffer("log_uniform", uniform.where(available, float("-inf")), persistent=False)

    def forward(self, beliefs: Tensor) -> Tensor:
        """Q of all controls; 0, without gradient, where an agent has no such control: see `available`.

        Shapes [..., agents, d_B] → [..., agents, most controls].
        """
        return self.values(beliefs[..., None, :])[..., 0, :].masked_fill(~self.available, 0.0)


class FeatureCritic(nn.Module):
    """Q_i(b, f) for controls given as feature vectors, any number of them.

    Args:
        agents: N.
        belief: d_B, size of a belief.
        features: size of a control's feature vector.
        hidden: widths between input and value, at least one.
        seed: of the initial weights.
    """

    def __init__(
        self, agents: int, belief: int, features: int, *, hidden: Sequence[int] = (256, 256), seed: int = 0
    ) -> None:
        super().__init__()
        with seeded(seed):
            # W [b; f] = W_b b + W_f f: the belief's half is computed once, not once per candidate.
            self.from_belief = StackedLinear(agents, belief, hidden[0])
            self.from_features = StackedLinear(agents, features, hidden[0], bias=False)
            self.rest = StackedPerceptron(agents, (*hidden, 1))

    def forward(self, beliefs: Tensor, features: Tensor) -> Tensor:
        """Q of all candidates. Shape [..., agents, candidates].

        Args:
            beliefs: shape [..., agents, d_B].
            features: shape [..., agents, candidates, features]; the leading axes broadcast, so that
                [agents, candidates, features] serve all states.
        """
        hidden = self.from_belief(beliefs[..., None, :]) + self.from_features(features)
        return self.rest(F.gelu(hidden))[..., 0]


def soft_value(values: Tensor, temperature: Tensor | float, log_reference: Tensor | None = None) -> Tensor:
    """The soft baseline V. Shapes [..., controls], broadcastable to [...], broadcastable to [..., controls] → [...].

    Args:
        values: Q, finite.
        temperature: α > 0, per agent, per state, or one for all.
        log_reference: log ρ, −∞ where a control is not available; None for uniform; 0 for the paper's form.

    Raises:
        InputError: a temperature that is not positive.
    """
    heat, log_reference = _checked(values, temperature, log_reference)
    return heat[..., 0] * torch.logsumexp(log_reference + values / heat, dim=-1)


def log_logit_response(values: Tensor, temperature: Tensor | float, log_reference: Tensor | None = None) -> Tensor:
    """log π of the logit response; −∞ where ρ is 0. Shape [..., controls]; arguments as of `soft_value`."""
    heat, log_reference = _checked(values, temperature, log_reference)
    return F.log_softmax(log_reference + values / heat, dim=-1)


def logit_response(values: Tensor, temperature: Tensor | float, log_reference: Tensor | None = None) -> Tensor:
    """π ∝ ρ exp(Q/α), summing to 1. Shape [..., controls]; arguments as of `soft_value`."""
    heat, log_reference = _checked(values, temperature, log_reference)
    return F.softmax(log_reference + values / heat, dim=-1)


def _checked(values: Tensor, temperature: Tensor | float, log_reference: Tensor | None) -> tuple[Tensor, Tensor]:
    """α with an axis for controls, and log ρ of the shape of `values`."""
    heat = torch.as_tensor(temperature, dtype=values.dtype, device=values.device)[..., None]
    if not bool((heat > 0).all()):
        raise InputError(f"a temperature is {float(heat.min()):g}; every one must be positive.")
    if log_reference is None:
        uniform = -torch.tensor(values.shape[-1], dtype=values.dtype, device=values.device).log()
        return heat, uniform.expand(values.shape)
    return heat, log_reference.to(values.dtype).expand(values.shape)

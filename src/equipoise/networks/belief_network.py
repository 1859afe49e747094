r"""The belief network of one executor: from what it saw to a belief, a prompt embedding and a value.

$$b_i = B_i(\tau_i, o_i), \qquad e_i = e_{\min} + (e_{\max} - e_{\min})\,\sigma(W_e b_i + c_e), \qquad
Q_i = f_i(b_i, e_i)$$

τ_i is the local trajectory, embedded texts in order, empty at first; o_i the observation, an embedding of question and
Coordinator strategy. e = [T, p], sampling temperature and nucleus threshold, and a repetition penalty on request. The
trunk is the causal transformer of `belief_encoder`, reading the trajectory and then the observation.

Q_i takes e as an input. Without that the TD losses would give the prompt heads no gradient; with it they follow the
deterministic policy gradient ∂Q/∂e · ∂e/∂(W_e, c_e) (Silver et al., ICML 2014). A critic's loss hands
`prompt.detach()` to `value`, the policy's loss the prompt itself.

Every executor has an instance, and so parameters, of its own. For embeddings of 192 numbers a network has 0.98 M, and
three of them with group encoder and mixer 3.19 M. The paper reports about 1.7 M, which networks of their own cannot
meet at its width of 256: three times two blocks hold 1.58 M in their attention matrices alone. `width=128` with
`feedforward=512` gives 1.85 M.

Source: ECON (arXiv 2506.08292), BeliefNetwork (`econ.md`, section 2): 2 blocks, 4 heads, d = 256, dropout 0.1, b of
128 numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import InputError
from equipoise.networks.belief_encoder import BeliefEncoder, BeliefEncoderSettings
from equipoise.networks.prompt_range import PromptRange
from equipoise.networks.seeding import seeded

WAVES = 3
"""Cosines of each component of e that the critic reads."""


@dataclass(frozen=True, kw_only=True)
class BeliefNetworkSettings:
    """What a belief network is made of.

    Attributes:
        embedding: size of an embedded text of the trajectory.
        observation: size of the observation; 2 × `embedding` for question and strategy side by side.
        belief: size of b.
        width: d of the transformer.
        layers: its blocks.
        heads: its attention heads.
        feedforward: its inner width.
        dropout: in training mode.
        context: most texts that are read, the observation included, the last ones.
        prompt: components and bounds of e.
    """

    embedding: int = 192
    observation: int = 384
    belief: int = 128
    width: int = 256
    layers: int = 2
    heads: int = 4
    feedforward: int = 256
    dropout: float = 0.1
    context: int = 64
    prompt: PromptRange = field(default_factory=PromptRange)


@dataclass(frozen=True, eq=False)
class Believed:
    """What a belief network says.

    Attributes:
        belief: b. Shape [batch, belief].
        prompt: e, within its range. Shape [batch, components].
        value: Q(b, e). Shape [batch].
    """

    belief: Tensor
    prompt: Tensor
    value: Tensor


class BeliefNetwork(nn.Module):
    """B_i of one executor.

    Args:
        settings: its sizes.
        seed: of the initial weights; give each executor another.
    """

    low: Tensor
    high: Tensor

    def __init__(self, settings: BeliefNetworkSettings = BeliefNetworkSettings(), *, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings
        trunk = BeliefEncoderSettings(
            features=settings.embedding,
            belief=settings.belief,
            width=settings.width,
            layers=settings.layers,
            heads=settings.heads,
            feedforward=settings.feedforward,
            context=settings.context,
            dropout=settings.dropout,
        )
        self.trunk = BeliefEncoder(trunk, seed=seed)
        components = len(settings.prompt)
        # A stream of its own: the trunk was drawn from the seed itself.
        with seeded(seed + 0x9E3779B9):
            self.from_observation = nn.Linear(settings.observation, settings.embedding)
            self.prompt_heads = nn.Linear(settings.belief, components)
            inputs = settings.belief + components * (1 + WAVES)
            self.critic = nn.Sequential(nn.Linear(inputs, settings.belief), nn.GELU(), nn.Linear(settings.belief, 1))
        self.register_buffer("low", torch.tensor(settings.prompt.low), persistent=False)
        self.register_buffer("high", torch.tensor(settings.prompt.high), persistent=False)

    def forward(self, trajectory: Tensor, observation: Tensor, mask: Tensor | None = None) -> Believed:
        """Belief, prompt embedding and its value.

        Args:
            trajectory: embedded texts; time may be 0. Shape [batch, time, embedding].
            observation: shape [batch, observation].
            mask: bool, True where the trajectory holds a text; None if everywhere. Shape [batch, time].

        Raises:
            InputError: sizes other than the settings'.
        """
        belief = self.believe(trajectory, observation, mask)
        prompt = self.prompt(belief)
        return Believed(belief, prompt, self.value(belief, prompt))

    def believe(self, trajectory: Tensor, observation: Tensor, mask: Tensor | None = None) -> Tensor:
        """b; arguments as of `forward`. Shape [batch, belief]."""
        if observation.shape != (len(trajectory), self.settings.observation):
            needs = [len(trajectory), self.settings.observation]
            raise InputError(f"the observation has shape {list(observation.shape)}; this belief network needs {needs}.")
        seen = torch.cat([trajectory, self.from_observation(observation)[:, None]], dim=1)
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        return self.trunk(seen, mask)

    def prompt(self, belief: Tensor) -> Tensor:
        """e at a belief, strictly within its range up to rounding. Shapes [..., belief] → [..., components]."""
        return self.low + (self.high - self.low) * torch.sigmoid(self.prompt_heads(belief))

    def value(self, belief: Tensor, prompt: Tensor) -> Tensor:
        """Q at a belief and any e. Shapes [..., belief], [..., components] → [...]; leading axes broadcast.

        `value(belief[:, None], grid)` is the value of a whole grid of e, shape [batch, points].
        """
        first, activation, last = self.critic
        assert isinstance(first, nn.Linear)
        size = belief.shape[-1]
        # W [b; f] = W_b b + W_f f: a belief's half is computed once, not once per point of a grid.
        hidden = F.linear(belief, first.weight[:, :size], first.bias)
        hidden = hidden + F.linear(self._features(prompt), first.weight[:, size:])
        return last(activation(hidden))[..., 0]

    def _features(self, prompt: Tensor) -> Tensor:
        """e on [−1, 1] and its first cosines: a peak inside the range is seen from few samples, not only a slope."""
        share = (prompt - self.low) / (self.high - self.low)
        waves = torch.cos(torch.pi * share[..., None] * torch.arange(1, WAVES + 1, device=share.device))
        return torch.cat([2 * share - 1, waves.flatten(-2)], dim=-1)

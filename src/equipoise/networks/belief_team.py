r"""All networks of one ECON team: a belief network per executor, the group encoder and the mixer.

$$b_i = B_i(\tau_i, o), \qquad e_i = \mathrm{head}_i(b_i), \qquad
V(e_1, \dots, e_N) = Q_\mathrm{tot}\bigl(e, \, Q_i(b_i, e_i), \, E(b)\bigr)$$

At given beliefs V is the payoff that all executors share, as a function of their prompt embeddings alone: what best
responses are computed on (`equipoise.games.grid_response`). Beliefs and E do not depend on e, so a grid of profiles
costs the small critics and the mixer only.

Executors are told apart by name and not by place: a network's first weights depend on the seed and its executor's name.
A team that gains an executor keeps the networks it had. Source: ECON (arXiv 2506.08292), `econ.md`, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor, nn

from equipoise.errors import InputError
from equipoise.games.grid_response import Box, Values
from equipoise.networks.attention_mixer import AttentionMixer, Mixed
from equipoise.networks.belief_network import BeliefNetwork, BeliefNetworkSettings
from equipoise.networks.group_encoder import GroupEncoder
from equipoise.networks.target import freeze


class BeliefTeam(nn.Module):
    """The networks of a team.

    Args:
        names: of the executors, in the order of all axes called executors.
        settings: sizes of every belief network.
        seed: of the initial weights.
    """

    def __init__(self, names: Sequence[str], settings: BeliefNetworkSettings, *, seed: int = 0) -> None:
        super().__init__()
        self.names = tuple(names)
        self.settings = settings
        self.networks = nn.ModuleList(BeliefNetwork(settings, seed=_seed(seed, name)) for name in names)
        group = settings.belief
        self.encoder = GroupEncoder(settings.belief, group, seed=_seed(seed, "\0encoder"))
        self.mixer = AttentionMixer(
            len(settings.prompt), group, settings.embedding, width=group, seed=_seed(seed, "\0mixer")
        )

    @property
    def box(self) -> Box:
        """Where prompt embeddings lie."""
        return Box(self.settings.prompt.low, self.settings.prompt.high)

    def members(self) -> list[BeliefNetwork]:
        """The belief networks, in the order of the names."""
        return [network for network in self.networks if isinstance(network, BeliefNetwork)]

    def heads(self) -> list[nn.Parameter]:
        """The parameters of all prompt heads: the policy; everything else is critic."""
        return [parameter for network in self.members() for parameter in network.prompt_heads.parameters()]

    def believe(self, trajectory: Tensor, observation: Tensor, mask: Tensor | None = None) -> Tensor:
        """The beliefs b. Shape [batch, executors, belief].

        Args:
            trajectory: what each executor has seen [batch, executors, time, embedding].
            observation: of the question, the same for all [batch, observation].
            mask: bool, True where the trajectories hold a text [batch, time]; None if everywhere.
        """
        found = [network.believe(trajectory[:, i], observation, mask) for i, network in enumerate(self.members())]
        return torch.stack(found, dim=1)

    def prompts(self, beliefs: Tensor) -> Tensor:
        """e of every executor. Shapes [batch, executors, belief] → [batch, executors, components]."""
        return torch.stack([network.prompt(beliefs[:, i]) for i, network in enumerate(self.members())], dim=1)

    def values(self, beliefs: Tensor, prompts: Tensor) -> Tensor:
        """Q_i(b_i, e_i). Shapes [..., executors, belief], [..., executors, components] → [..., executors]."""
        members = enumerate(self.members())
        return torch.stack([network.value(beliefs[..., i, :], prompts[..., i, :]) for i, network in members], dim=-1)

    def mix(self, beliefs: Tensor, prompts: Tensor, values: Tensor) -> Mixed:
        """Q_tot, its weights and features. Shapes [batch, executors, …], [batch, executors]."""
        return self.mixer(prompts, values, self.encoder(beliefs))

    def totals(self, beliefs: Tensor, profiles: Tensor) -> Tensor:
        """V of many profiles. Shapes [batch, executors, belief], [batch, M, executors, components] → [batch, M]."""
        values = self.values(beliefs[:, None], profiles)
        return self.mixer.totals(profiles, values, self.encoder(beliefs))

    def payoff(self, beliefs: Tensor) -> Values:
        """V at some beliefs for `equipoise.games.grid_response`: [batch, M, executors, components] → [batch, M].

        Nothing of it has a gradient.
        """

        def values(profiles: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return self.totals(beliefs, torch.as_tensor(profiles, dtype=beliefs.dtype)).double().numpy()

        return values


def adopt(team: BeliefTeam, known: BeliefTeam) -> None:
    """Takes over the networks of known executors, the group encoder and the mixer, and freezes them.

    Raises:
        InputError: the sizes differ, or nobody is new.
    """
    if team.settings != known.settings:
        raise InputError("the networks to grow from have other sizes. Train with the settings that they have.")
    if not set(team.names) - set(known.names):
        raise InputError(f"nobody of {', '.join(team.names)} is new to the policy. Name a team with another executor.")
    parts = [(team.encoder, known.encoder), (team.mixer, known.mixer)]
    members = dict(zip(known.names, known.members(), strict=True))
    parts += [(own, members[name]) for name, own in zip(team.names, team.members(), strict=True) if name in members]
    for own, taken in parts:
        own.load_state_dict(taken.state_dict())
        freeze(own)


def _seed(seed: int, name: str) -> int:
    return int.from_bytes(sha256(f"{seed}|{name}".encode()).digest()[:6], "big")

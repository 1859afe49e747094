"""How a team plays a round with given bids: what is free to do, with which probabilities, and whom that asks.

The learner and the learned policy play through this, so that what was learned is what is deployed. Probabilities are
the logit response of `networks.critic`; without regularisation the best control; and with fixed controls each
executor's first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.control_players import Player
from equipoise.beliefs.weighted_vote import WeightedVote
from equipoise.networks.critic import logit_response, soft_value
from equipoise.policies.bandit_settings import BanditSettings
from equipoise.policies.bandit_temperatures import Temperatures
from equipoise.policies.observations import Observer, available, wanted


@dataclass(frozen=True, kw_only=True, eq=False)
class ControlTeam:
    """Who plays, and by which rules.

    Attributes:
        columns: C names.
        players: N, with their columns.
        anchor: the column asked where everybody abstains in the first round; None for none.
        abstain: whether a player may be silent in the first round though it could ask.
        voter: decides between answers.
        observer: what is known before a round, as numbers.
        temperatures: τ.
        log_reference: [N, most controls] log ρ, −∞ where there is no such control.
        settings: response, rounds and the rest.
    """

    columns: tuple[str, ...]
    players: tuple[Player, ...]
    anchor: int | None
    abstain: bool
    voter: WeightedVote
    observer: Observer
    temperatures: Temperatures
    log_reference: Floats
    settings: BanditSettings

    @property
    def controls(self) -> tuple[int, ...]:
        """|U_i| of every player, abstaining included."""
        return tuple(len(player.columns) + 1 for player in self.players)

    def free(self, seen: Ballots, round: int) -> Bools:
        """[M, N, most controls] what may be done in round 0 or 1; where nobody asked in the first, it is over."""
        if not round:
            return available(self.players, seen.asked, abstain=self.abstain)
        over = ~seen.asked.any(axis=1, keepdims=True)
        return available(self.players, seen.asked | over)

    def asks(self, actions: NDArray[np.intp], round: int) -> Bools:
        """[M, C] whom joint controls ask. Shape [M, N]."""
        return wanted(self.players, actions, len(self.columns), None if round else self.anchor)

    def policy(self, bids: Tensor, heat: Tensor, free: Tensor, round: int, *, explore: bool = False) -> Tensor:
        """[M, N, most controls] probabilities of controls.

        Args:
            bids: [M, N, most controls].
            heat: [M, N] temperatures.
            free: [M, N, most controls] bool.
            round: 0 or 1.
            explore: whether a policy without regularisation tries other controls as well.
        """
        if self.settings.fixed:
            silent = torch.tensor([count - 1 for count in self.controls])
            return _only((silent if round else torch.zeros_like(silent)).expand(bids.shape[:-1]), free)
        if self.settings.regularised:
            return logit_response(bids, heat, self.references(free))
        best = _only(bids.masked_fill(~free, -torch.inf).argmax(-1), free)
        chance = self.settings.epsilon if explore else 0.0
        return (1.0 - chance) * best + chance * free / free.sum(-1, keepdim=True)

    def worth(self, bids: Tensor, heat: Tensor, free: Tensor) -> Tensor:
        """[M, N] what each player's choice is worth: its expected bid, the soft value, or the best without entropy."""
        if not self.settings.regularised:
            return bids.masked_fill(~free, -torch.inf).amax(-1)
        reference = self.references(free)
        if self.settings.value == "soft":
            return soft_value(bids, heat, reference)
        return (logit_response(bids, heat, reference) * bids).sum(-1)

    def references(self, free: Tensor) -> Tensor:
        """[M, N, most controls] log ρ, −∞ where a control is not free."""
        return torch.as_tensor(self.log_reference, dtype=torch.float32).masked_fill(~free, -torch.inf)


def _only(actions: Tensor, free: Tensor) -> Tensor:
    """[M, N, most controls] all probability on one control. Shape [M, N]."""
    return one_hot(actions, free.shape[-1]).to(torch.float32)


def draw(policy: NDArray[np.floating], chances: Floats) -> NDArray[np.intp]:
    """[M, N] controls by inverse distribution function. Shapes [M, N, controls], [M, N] uniform in [0, 1)."""
    steps = np.cumsum(policy, axis=-1, dtype=np.float64)
    return (chances[..., None] * steps[..., -1:] >= steps).sum(axis=-1)

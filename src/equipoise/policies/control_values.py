r"""What controls are worth: belief, critics and mixer in one module.

$$\text{bid}_i(h, u) = w_i(z)\, Q_i(b(h), u), \qquad Q_\mathrm{tot}(h, u) = \sum_i \text{bid}_i(h, u_i) + b(z)$$

The logit response is taken on bids, not on Q_i: the regression determines the products w_i Q_i alone, and these are in
units of reward, as temperatures are. Under a product policy the best additive fit of R is the sum of its main effects,

$$\text{bid}_i(h, u) = E_{u_{-i} \sim \pi_{-i}}[R(u, u_{-i})] + \text{const}$$

the Q_i^π of the game (Hoeffding's decomposition), so what executors' controls do together needs no richer mixer as long
as replay is recent; what remains of older policies is averaged over, as in fictitious play.

Sources: DICE (arXiv 2606.08068), critics and mixer (`dice.md`, sections 3 and 4).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from equipoise.networks.belief_encoder import BeliefEncoder, BeliefEncoderSettings
from equipoise.networks.critic import Critic
from equipoise.networks.mixer import MonotoneMixer
from equipoise.policies.bandit_settings import BanditSettings


class ControlValues(nn.Module):
    """Bids of all controls at a history.

    Args:
        features: numbers of a token.
        controls: |U_i| of each player.
        settings: encoder, hidden widths, mixer and seed.
    """

    def __init__(self, features: int, controls: Sequence[int], settings: BanditSettings) -> None:
        super().__init__()
        self.encoder: BeliefEncoder | None = None
        size = features
        if settings.encoder == "transformer":
            self.encoder = BeliefEncoder(BeliefEncoderSettings(features=features), seed=settings.seed)
            size = self.encoder.settings.belief
        self.critic = Critic(size, controls, hidden=settings.hidden, seed=settings.seed + 1)
        last = self.critic.values.layers[-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # so that learning starts from the reference policy
        self.mixer: MonotoneMixer | None = None
        if settings.mixer != "none":
            context = features if settings.mixer == "hypernetwork" else None
            kind = settings.mixer
            self.mixer = MonotoneMixer(len(controls), kind=kind, context=context, seed=settings.seed + 2)

    def forward(self, history: Tensor) -> tuple[Tensor, Tensor]:
        """Bids, and b(z) of the team. Shapes [M, rounds, features] → [M, N, most controls], [M]."""
        token = history[:, -1]
        belief = token if self.encoder is None else self.encoder(history)
        values = self.critic(belief[:, None].expand(-1, len(self.critic.available), -1))
        if self.mixer is None:
            return values, values.new_zeros(len(values))
        weights, constant = self.mixer.terms(None if self.mixer.hypernetwork is None else token)
        return weights[..., None] * values, constant.expand(len(values))

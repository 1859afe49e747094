r"""The attention mixer: Q_tot of a group from its members' prompts, values and the group representation.

$$x_i = g(e_i, E), \qquad
w_i = \sum_h s_h(E)\,\operatorname{softmax}_i \bigl(q_h(E) \cdot k_h(x_i)/\sqrt{d_h}\bigr), \qquad
Q_\mathrm{tot} = \sum_i w_i\,Q_i + c(E)$$

Attention weights are positive, scales s = softplus(·) too, and neither they nor the bias c see any Q_i. So
∂Q_tot/∂Q_i = w_i ≥ 0 whatever the parameters are: an executor's gain is never the team's loss. Relabelling executors
relabels w and F and leaves Q_tot as it is; any number of executors fits. At first s = 1/H, and the weights sum to 1.

The features F_i = W_F (x_i + pooled value) have the size of a text embedding: L_mix aligns them to the commitment C by
1 − cos(F_i, C). Cost: O(N d²).

Sources: ECON (arXiv 2506.08292), mixer (`econ.md`, sections 2 and 5); weights and bias in the manner of Yang et al.,
Qatten (arXiv 2002.03939).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.networks.seeding import seeded


@dataclass(frozen=True, eq=False)
class Mixed:
    """What a mixer says of a group.

    Attributes:
        total: Q_tot. Shape [batch].
        weights: w ≥ 0, its derivative by each Q_i. Shape [batch, executors].
        features: F, to be aligned to the commitment's embedding. Shape [batch, executors, embedding].
    """

    total: Tensor
    weights: Tensor
    features: Tensor


class AttentionMixer(nn.Module):
    """Q_tot by attention, increasing in each Q_i.

    Args:
        components: of a prompt embedding e.
        group: size of E.
        embedding: size of the commitment's embedding, and so of F.
        width: d of the attention; a multiple of `heads`.
        heads: H.
        seed: of the initial weights.
    """

    def __init__(
        self,
        components: int = 2,
        group: int = 128,
        embedding: int = 192,
        *,
        width: int = 128,
        heads: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with seeded(seed):
            self.token = nn.Sequential(nn.Linear(components + group, width), nn.GELU())
            self.query = nn.Linear(group, width)
            self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
            self.raw_scale = nn.Linear(group, heads)
            self.bias = nn.Sequential(nn.Linear(group, width), nn.GELU(), nn.Linear(width, 1))
            self.output = nn.Linear(width, embedding)
        with torch.no_grad():
            self.raw_scale.weight.zero_()
            self.raw_scale.bias.fill_(log(expm1(1 / heads)))  # softplus of it is 1/H

    def forward(self, prompts: Tensor, values: Tensor, group: Tensor) -> Mixed:
        """Q_tot, its weights and the features.

        Args:
            prompts: e of each executor. Shape [batch, executors, components].
            values: Q of each executor. Shape [batch, executors].
            group: E. Shape [batch, group].
        """
        seen = torch.cat([prompts, group[:, None].expand(-1, prompts.shape[1], -1)], dim=-1)
        tokens = self.token(seen)
        query = self.query(group)[:, None]
        pooled, attention = self.attention(query, tokens, tokens, average_attn_weights=False)
        weights = torch.einsum("bh,bhi->bi", F.softplus(self.raw_scale(group)), attention[:, :, 0])
        total = (weights * values).sum(-1) + self.bias(group)[..., 0]
        return Mixed(total, weights, self.output(tokens + pooled))

    def totals(self, profiles: Tensor, values: Tensor, group: Tensor) -> Tensor:
        """Q_tot of many profiles of each group, without features. Shape [batch, M].

        The query is taken to the tokens' side once a group, so a profile costs H d products an executor, not d².

        Args:
            profiles: e of each executor. Shape [batch, M, executors, components].
            values: Q of each executor. Shape [batch, M, executors].
            group: E. Shape [batch, group].
        """
        linear, activation = self.token
        assert isinstance(linear, nn.Linear)
        components, heads = profiles.shape[-1], self.attention.num_heads
        shared = F.linear(group, linear.weight[:, components:], linear.bias)[:, None, None]
        tokens = activation(F.linear(profiles, linear.weight[:, :components]) + shared)
        query_weight, key_weight, _ = self.attention.in_proj_weight.chunk(3)
        query_bias = self.attention.in_proj_bias.chunk(3)[0]
        query = F.linear(self.query(group), query_weight, query_bias).unflatten(-1, (heads, -1))
        # The keys' bias is the same for all executors, and drops out of the softmax.
        read = torch.einsum("bhk,hkd->bhd", query, key_weight.unflatten(0, (heads, -1)))
        scores = torch.einsum("bmnd,bhd->bmnh", tokens, read) * query.shape[-1] ** -0.5
        weights = torch.einsum("bmnh,bh->bmn", scores.softmax(dim=2), F.softplus(self.raw_scale(group)))
        return (weights * values).sum(-1) + self.bias(group)

r"""The group encoder: what a group believes, as one vector.

$$E = W \operatorname{mean}_i \mathrm{LN}\bigl(x_i + \mathrm{MHA}(x_1, \dots, x_N)_i\bigr) + c, \qquad x_i = W_x b_i$$

Beliefs attend to each other and are averaged: the order of executors changes nothing, and any number of them fits.
A group whose members all believe the same has the same E whatever its size. Cost: O(N d² + N² d).

Sources: ECON (arXiv 2506.08292), BeliefEncoder (`econ.md`, section 2), E of 128; Lee et al., Set Transformer (ICML
2019), for attention and pooling that are invariant.
"""

from __future__ import annotations

from torch import Tensor, nn

from equipoise.networks.seeding import seeded


class GroupEncoder(nn.Module):
    """E of the beliefs of any number of executors.

    Args:
        belief: size of b.
        group: size of E.
        heads: attention heads; a divisor of `group`.
        seed: of the initial weights.
    """

    def __init__(self, belief: int = 128, group: int = 128, *, heads: int = 4, seed: int = 0) -> None:
        super().__init__()
        with seeded(seed):
            self.embedding = nn.Linear(belief, group)
            self.attention = nn.MultiheadAttention(group, heads, batch_first=True)
            self.norm = nn.LayerNorm(group)
            self.output = nn.Linear(group, group)

    def forward(self, beliefs: Tensor) -> Tensor:
        """E. Shapes [batch, executors, belief] → [batch, group]."""
        x = self.embedding(beliefs)
        attended, _ = self.attention(x, x, x, need_weights=False)
        return self.output(self.norm(x + attended).mean(1))

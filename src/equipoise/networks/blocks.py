r"""A stack of transformer blocks, of torch's own layers, with layer normalisation before each part.

$$x \leftarrow x + \mathrm{MHA}(\mathrm{LN}(x)), \qquad x \leftarrow x + W_2\,\mathrm{gelu}(W_1 \mathrm{LN}(x)),
\qquad y = \mathrm{LN}(x)$$

Cost of T positions of width d with feed-forward width f: O(T d² + T d f + T² d) a block. Sources: Vaswani et al.
(2017); normalisation first after Xiong et al. (ICML 2020), which trains without warm-up.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import InputError

# torch's fused inference kernel knows this activation only in its exact form, and is left aside for the tanh form. That
# kernel holds all T × T scores of all heads at once and rounds differently from training; this path does neither.
_ACTIVATION = partial(F.gelu, approximate="tanh")


class Blocks(nn.Module):
    """Transformer blocks of equal width.

    Args:
        width: d, a multiple of `heads`.
        heads: attention heads.
        layers: blocks, ≥ 1.
        feedforward: f, the inner width.
        dropout: in [0, 1), drawn from torch's global generator, in training mode only.
        causal: whether a position sees itself and earlier ones only.

    Raises:
        InputError: the width is no multiple of the heads.
    """

    def __init__(
        self, *, width: int, heads: int, layers: int, feedforward: int, dropout: float = 0.0, causal: bool = False
    ) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"width {width} is no multiple of {heads} heads. Choose one that is.")
        # One layer is made after the other: nn.TransformerEncoder would copy the first, weights and all.
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, feedforward, dropout, activation=_ACTIVATION, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        """The stack's output. Shapes [batch, T, d] → [batch, T, d]."""
        mask = None
        if self.causal:
            mask = torch.full((x.shape[1], x.shape[1]), float("-inf"), dtype=x.dtype, device=x.device).triu(1)
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=self.causal)
        return self.norm(x)

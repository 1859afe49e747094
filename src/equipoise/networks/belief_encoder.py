r"""The belief encoder: what an agent has seen, as one vector.

$$b_i = \mathcal{B}(h_i) = W\,\mathrm{Transformer}\bigl(s,\; x_1 + p_1,\; \dots,\; x_\ell + p_\ell\bigr)_\ell + c$$

h_i holds an agent's own observations, actions and rewards and the public stream. x are its last ℓ ≤ 2048 embedded
tokens, p learned positions and s a learned start, which makes the belief before anything was seen. Attention is causal:
entry t of `along` is the belief after t tokens and does not change with what follows. Padding is moved behind each
row's tokens, so causality hides it too, and no mask of T × T entries per row is stored.

It is trained through the critic's loss only: hand `b.detach()` to everything else. Cost: O(T d² + T² d) a block and
row.

Sources: DICE (arXiv 2606.08068), belief encoder (`dice.md`, section 3): 2 layers, 4 heads, hidden 256, d_B = 256, 512
for interactive tasks. The paper is silent on the feed-forward width; 4 d is the transformer's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equipoise.errors import InputError
from equipoise.networks.blocks import Blocks
from equipoise.networks.history import last
from equipoise.networks.seeding import seeded


@dataclass(frozen=True, kw_only=True)
class BeliefEncoderSettings:
    """What a belief encoder is made of. Name one of `vocabulary` and `features`.

    Attributes:
        vocabulary: number of token ids, for histories of ids.
        features: size of a feature vector, for histories that are embedded already.
        belief: d_B, size of the belief; 512 for interactive tasks.
        width: d of the transformer.
        layers: its blocks.
        heads: its attention heads.
        feedforward: its inner width; None for 4 d.
        context: most tokens that are read, the last ones.
        dropout: in training mode.
    """

    vocabulary: int | None = None
    features: int | None = None
    belief: int = 256
    width: int = 256
    layers: int = 2
    heads: int = 4
    feedforward: int | None = None
    context: int = 2048
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if (self.vocabulary is None) == (self.features is None):
            raise InputError("a belief encoder reads token ids or feature vectors: name `vocabulary` or `features`.")


class BeliefEncoder(nn.Module):
    """A causal transformer from histories to beliefs.

    Args:
        settings: its sizes.
        seed: of the initial weights.
    """

    def __init__(self, settings: BeliefEncoderSettings, *, seed: int = 0) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        with seeded(seed):
            self.embedding: nn.Module
            if settings.vocabulary is not None:
                self.embedding = nn.Embedding(settings.vocabulary, width)
                nn.init.normal_(self.embedding.weight, std=width**-0.5)
            else:
                assert settings.features is not None
                self.embedding = nn.Linear(settings.features, width)
            self.start = nn.Parameter(torch.randn(width) * width**-0.5)
            self.positions = nn.Parameter(torch.randn(settings.context, width) * width**-0.5)
            self.blocks = Blocks(
                width=width,
                heads=settings.heads,
                layers=settings.layers,
                feedforward=settings.feedforward or 4 * width,
                dropout=settings.dropout,
                causal=True,
            )
            self.output = nn.Linear(width, settings.belief)

    def forward(self, history: Tensor, mask: Tensor | None = None) -> Tensor:
        """The beliefs b. Shape [batch, d_B].

        Args:
            history: token ids [batch, time], or feature vectors [batch, time, features]; time may be 0.
            mask: bool, True where a token is; None if everywhere. Shape [batch, time].

        Raises:
            InputError: a shape that the settings do not read.
        """
        hidden, lengths = self._hidden(history, mask)
        return self.output(hidden[torch.arange(len(hidden), device=hidden.device), lengths])

    def along(self, history: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The beliefs after 0, 1, … of the kept tokens, and how many each row has; see `forward`.

        Shapes [batch, 1 + W, d_B] and [batch]. Entries after a row's own length mean nothing.
        """
        hidden, lengths = self._hidden(history, mask)
        return self.output(hidden), lengths

    def _hidden(self, history: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        axes = 2 if self.settings.features is None else 3
        if history.ndim != axes or (axes == 3 and history.shape[2] != self.settings.features):
            reads = "[batch, time] of ids" if axes == 2 else f"[batch, time, {self.settings.features}]"
            raise InputError(f"a history has shape {list(history.shape)}; this belief encoder reads {reads}.")
        kept, lengths = last(history, mask, self.settings.context)
        embedded = self.embedding(kept) + self.positions[: kept.shape[1]]
        start = self.start.expand(len(kept), 1, -1)
        return self.blocks(torch.cat([start, embedded], dim=1)), lengths

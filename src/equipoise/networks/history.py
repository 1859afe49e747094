"""Histories of unequal length in one array: which positions hold something, and the last of them.

A mask `[batch, time]` is True where a position holds a token. Padding may stand anywhere; `last` moves it behind what
is held, where a causal network never sees it. Cost: O(batch × time log time).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equipoise.errors import InputError


def last(history: Tensor, mask: Tensor | None, most: int) -> tuple[Tensor, Tensor]:
    """The last tokens of each row in their order, padding behind them, and how many there are.

    Args:
        history: token ids or feature vectors. Shape [batch, time, …].
        mask: bool, True where a token is; None if everywhere. Shape [batch, time].
        most: tokens to keep, ≥ 1.

    Returns:
        kept: shape [batch, W, …], W the most tokens of any row, at most `most`. What follows a row's own tokens is 0.
        lengths: shape [batch], in 0…W.

    Raises:
        InputError: a mask of another shape, or one that is not bool.
    """
    batch, time = history.shape[:2]
    if mask is None:
        kept = history[:, max(time - most, 0) :]
        return kept, torch.full((batch,), kept.shape[1], device=history.device)
    if mask.shape != history.shape[:2] or mask.dtype != torch.bool:
        asked = f"{mask.dtype} of shape {list(mask.shape)}"
        raise InputError(f"the mask is {asked}; the history needs torch.bool of shape {[batch, time]}.")
    held = mask.sum(1)
    lengths = held.clamp(max=most)
    width = int(lengths.max()) if batch else 0
    order = mask.int().argsort(dim=1, descending=True, stable=True)
    columns = torch.arange(width, device=history.device)
    source = order.gather(1, (columns + (held - lengths)[:, None]).clamp(max=max(time - 1, 0)))
    kept = history[torch.arange(batch, device=history.device)[:, None], source]
    filled = (columns < lengths[:, None]).reshape(batch, width, *[1] * (history.ndim - 2))
    return torch.where(filled, kept, torch.zeros_like(kept)), lengths

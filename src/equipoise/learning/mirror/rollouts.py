"""What executors said, as tensors: prompts padded on the left, responses on the right, so that they meet in the middle.

prompts [R, P]   · · a b c        tokens [R, T]   x y z ⏹ ·
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Rollouts:
    """R responses of one executor, on the model's device, in the order asked for.

    Attributes:
        prompts: token ids, padded on the left. [R, P]
        prompt_mask: True at a prompt's tokens. [R, P]
        tokens: token ids of the responses, padded on the right. [R, T]
        mask: True at a response's tokens, the end mark included. [R, T]
        truncated: no end mark within the limit. [R]
        texts: the responses without special tokens.
    """

    prompts: Tensor
    prompt_mask: Tensor
    tokens: Tensor
    mask: Tensor
    truncated: Tensor
    texts: tuple[str, ...]

    @property
    def lengths(self) -> Tensor:
        """Tokens of each response, the end mark included. [R]"""
        return self.mask.sum(-1)

    def select(self, rows: Sequence[int] | Tensor) -> Rollouts:
        """Some of the rows, in the order given, as wide as all."""
        at = torch.as_tensor(rows, dtype=torch.long, device=self.tokens.device)
        return Rollouts(
            prompts=self.prompts[at],
            prompt_mask=self.prompt_mask[at],
            tokens=self.tokens[at],
            mask=self.mask[at],
            truncated=self.truncated[at],
            texts=tuple(self.texts[row] for row in at.tolist()),
        )

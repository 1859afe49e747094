"""How rows go through a model: dealt out to steps, cut into parts, and how far parts agree.

Answers to one question stay together, so that its prompt is read once (see `shared_prompts`); sorting by length leaves
little padding, and a budget of tokens bounds memory whatever the lengths are. Cost: O(R log R), and O(r) a row for
parts of r rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Sizes:
    """Sizes of R rows, in tokens, and which of them share a prompt.

    Attributes:
        prompts: tokens of the prompts [R].
        answers: tokens of the answers [R].
        groups: number of each row's prompt [R].
    """

    prompts: Tensor
    answers: Tensor
    groups: Tensor

    @property
    def total(self) -> Tensor:
        """Tokens of every row, its prompt included [R]."""
        return self.prompts + self.answers


def dealt(groups: Tensor, hands: int, generator: torch.Generator) -> list[Tensor]:
    """Rows dealt out at random into hands of nearly equal size, none of them empty; groups stay together.

    Args:
        groups: number of each row's group, from 0 [R].
        hands: how many.
        generator: of the order of groups.
    """
    held = groups.cpu()
    place = torch.randperm(int(held.max()) + 1, generator=generator)
    return [hand for hand in torch.argsort(place[held], stable=True).tensor_split(hands) if len(hand)]


def parts(rows: Tensor, sizes: Sizes, *, tokens: int, least: int = 1) -> list[Tensor]:
    """Rows in parts, each of at most so many tokens with its padding, or of one row; groups together, short ones first.

    A part's tokens are its distinct prompts times the longest, and its rows times the longest answer.

    Args:
        rows: their numbers.
        sizes: of all rows there are.
        tokens: most in a part.
        least: parts, at least, where there are as many rows.
    """
    prompts, answers, groups = (held.cpu()[rows].numpy() for held in (sizes.prompts, sizes.answers, sizes.groups))
    order = np.lexsort((answers, groups, prompts))
    most, found, begin = ceil(len(rows) / least), [], 0
    for end in range(1, len(rows) + 1):
        more = order[begin : end + 1]
        needed = len(set(groups[more])) * prompts[more].max() + len(more) * answers[more].max()
        if end == len(rows) or end - begin == most or needed > tokens:
            found.append(rows[torch.from_numpy(order[begin:end])])
            begin = end
    return found


def agreement(sums: Sequence[tuple[float, Tensor]]) -> tuple[float | None, float | None]:
    """How the parts' gradients spread, and the standard error of their mean against its norm; None for one part.

    Args:
        sums: of every part, its share of the step's tokens, and the gradient added up so far, its own included.
    """
    if len(sums) < 2:
        return None, None
    shares = torch.tensor([share for share, _ in sums])
    running = torch.stack([total for _, total in sums])
    own = torch.diff(running, dim=0, prepend=torch.zeros_like(running[:1]))
    each = own / shares[:, None].clamp(min=1e-9).to(own)  # the gradient of a part's mean
    whole = float(running[-1].square().sum())
    squares = float((shares.to(own) * each.square().sum(1)).sum())
    if squares == 0.0:
        return 0.0, 0.0
    spread = min(max(1.0 - whole / squares, 0.0), 1.0)
    error = (max(squares - whole, 0.0) / (len(sums) - 1)) ** 0.5
    return spread, error / whole**0.5 if whole else None

"""How rows go through a model: dealt out to steps, cut into parts, and how far parts agree.

Answers to one question stay together but where a step or a part ends between them, so that its prompt is mostly read
once (see `shared_prompts`); sorting by length leaves
little padding, and a budget of tokens bounds memory whatever the lengths are. Cost: O(R log R), and O(r) a row for
parts of r rows.
"""

from __future__ import annotations

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
    """Rows dealt out at random into hands of nearly equal size, none of them empty; few groups are cut.

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


class Agreement:
    """How the gradients of a step's parts agree, told as they add up; beside the sum only the one before is held.

    With shares s of the step's tokens and g the gradients of the parts' means, ḡ = Σ s g and S = Σ s ‖g‖².
    """

    def __init__(self) -> None:
        self._parts, self._squares, self._whole = 0, 0.0, 0.0
        self._before: Tensor | None = None

    def add(self, share: float, total: Tensor) -> None:
        """Nothing; one part more.

        Args:
            share: s of the part.
            total: the gradient added up so far, the part's s g included.
        """
        own = total if self._before is None else total - self._before
        self._squares += float(own.square().sum()) / max(share, 1e-9)
        self._parts, self._before, self._whole = self._parts + 1, total, float(total.square().sum())

    @property
    def spread(self) -> float | None:
        """1 − ‖ḡ‖²/S, in [0, 1]; None for fewer than two parts."""
        if self._parts < 2:
            return None
        return min(max(1.0 - self._whole / self._squares, 0.0), 1.0) if self._squares else 0.0

    @property
    def noise(self) -> float | None:
        """The standard error of ḡ against ‖ḡ‖; None for fewer than two parts, or where ḡ = 0 and they differ."""
        if self._parts < 2:
            return None
        if self._squares == 0.0:
            return 0.0
        error = (max(self._squares - self._whole, 0.0) / (self._parts - 1)) ** 0.5
        return error / self._whole**0.5 if self._whole else None

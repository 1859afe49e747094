"""One decoding step for many rows with settings of their own: penalty, temperature, nucleus, and a draw per row.

A row's token is drawn by inverting its cumulative distribution at a uniform number from the row's own generator, so
what a row says depends on its seed and not on who shares the batch (up to floating-point rounding of the logits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a row is decoded.

    Attributes:
        temperature: ≥ 0; 0 takes the likeliest token.
        top_p: nucleus threshold in (0, 1] (Holtzman et al., 2020); the token that crosses it is kept.
        repetition_penalty: > 0; divides positive and multiplies negative logits of tokens that the row already
            holds, prompt included (Keskar et al., 2019); 1 is none.
        max_tokens: most tokens of the output, the end mark included.
        seed: of the row's draws.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    seed: int = 0


@dataclass(eq=False)
class Row:
    """A sequence in the making.

    Attributes:
        prompt: token ids, at least one.
        written: token ids so far; the end mark is not kept here.
        output_tokens: tokens drawn so far, the end mark included.
    """

    prompt: tuple[int, ...]
    sampling: Sampling
    written: list[int] = field(default_factory=list)
    output_tokens: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.sampling.seed)

    @property
    def length(self) -> int:
        """Tokens of prompt and output."""
        return len(self.prompt) + len(self.written)


class Chooser:
    """Chooses the next tokens of a fixed list of rows.

    Args:
        rows: R rows; their settings are read once.
        vocabulary: V, size of the logits' last axis.
    """

    def __init__(self, rows: Sequence[Row], vocabulary: int) -> None:
        self._rows = rows
        self._temperature = torch.tensor([row.sampling.temperature for row in rows])[:, None]
        self._top_p = torch.tensor([row.sampling.top_p for row in rows], dtype=torch.float64)[:, None]
        self._penalty = torch.tensor([row.sampling.repetition_penalty for row in rows])[:, None]
        self._greedy = bool((self._temperature == 0).all())
        self._held: Tensor | None = None
        if bool((self._penalty != 1).any()):
            self._held = torch.zeros(len(rows), vocabulary, dtype=torch.bool)
            for held, row in zip(self._held, rows, strict=True):
                held[torch.tensor([*row.prompt, *row.written])] = True

    def choose(self, logits: Tensor) -> list[int]:
        """Next token ids of the R rows, from `logits` `[R, V]`."""
        if self._held is not None:
            punished = torch.where(logits < 0, logits * self._penalty, logits / self._penalty)
            logits = torch.where(self._held, punished, logits)
        best = logits.argmax(-1)
        chosen = best if self._greedy else torch.where(self._temperature[:, 0] == 0, best, self._drawn(logits))
        if self._held is not None:
            self._held.scatter_(1, chosen[:, None], True)
        return chosen.tolist()

    def _drawn(self, logits: Tensor) -> Tensor:
        """A draw per row, `[R]`; in double precision, so that no rounding lets a token of probability 0 through."""
        temperature = torch.where(self._temperature == 0, 1.0, self._temperature)
        mass = torch.softmax((logits / temperature).double(), -1)
        if bool((self._top_p < 1).any()):
            ranked, order = mass.sort(dim=-1, descending=True, stable=True)
            outside = ranked.cumsum(-1) - ranked >= self._top_p
            mass = mass.scatter(1, order, ranked.masked_fill(outside, 0.0))
        cumulated = mass.cumsum(-1)
        uniform = torch.tensor([row.random.random() for row in self._rows], dtype=torch.float64)[:, None]
        return (cumulated <= uniform * cumulated[:, -1:]).sum(-1)

"""The range of a prompt embedding e: which decoding settings an executor's belief decides, and between which bounds.

Source: ECON (arXiv 2506.08292), prompt heads (`econ.md`, section 2): T in [0.1, 2.0], nucleus threshold p in
[0.1, 0.9]; a repetition penalty, never below 1, is a component of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import ValidationError
from torch import Tensor

from equipoise.errors import InputError
from equipoise.team.control import Control


@dataclass(frozen=True, kw_only=True)
class PromptRange:
    """Components of e, in order.

    Attributes:
        names: decoding settings of a `Control`.
        low: least value of each.
        high: greatest value of each, above the least.
    """

    names: tuple[str, ...] = ("sampling_temperature", "top_p")
    low: tuple[float, ...] = (0.1, 0.1)
    high: tuple[float, ...] = (2.0, 0.9)

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.low) == len(self.high):
            raise InputError("a prompt range needs a name, a least and a greatest value for each component.")
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if name == "strategy" or name not in Control.model_fields or low >= high:
                settings = ", ".join(field for field in Control.model_fields if field != "strategy")
                raise InputError(f"the range {name} {low:g}…{high:g} is none of {settings} with least below greatest.")
        try:
            for bounds in (self.low, self.high):
                Control.model_validate(dict(zip(self.names, bounds, strict=True)))
        except ValidationError as error:
            raise InputError(f"a prompt range leaves what a control allows: {error}") from None

    def __len__(self) -> int:
        return len(self.names)

    def settings(self, prompt: Tensor) -> dict[str, float]:
        """One e, shape [components], as decoding settings by name, clipped to the range."""
        numbers = zip(self.names, prompt.tolist(), self.low, self.high, strict=True)
        return {name: min(max(number, low), high) for name, number, low, high in numbers}

    def grid(self, points: int) -> Tensor:
        """Every combination of `points` ≥ 2 equally spaced values of each component. Shape [pointsᵏ, components]."""
        axes = [torch.linspace(low, high, points) for low, high in zip(self.low, self.high, strict=True)]
        return torch.cartesian_prod(*axes).reshape(-1, len(self))


WITH_PENALTY = PromptRange(
    names=("sampling_temperature", "top_p", "repetition_penalty"), low=(0.1, 0.1, 1.0), high=(2.0, 0.9, 2.0)
)
"""The default range and a repetition penalty."""

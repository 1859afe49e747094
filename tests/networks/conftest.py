"""Draws and weights for the tests of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch


@pytest.fixture
def scrambled() -> Callable[[Any, int], Any]:
    """Makes a module's parameters large normal draws in float64: no property may hang on small ones."""

    def scramble(module: Any, seed: int) -> Any:
        generator = torch.Generator().manual_seed(seed)
        module = module.double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 1.5)
        return module

    return scramble


@pytest.fixture
def draw() -> Callable[..., Any]:
    """Normal draws in float64 of a shape, a new one each time, the same in every run."""
    generator = torch.Generator().manual_seed(11)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)

"""The state of an optimiser as named tensors, so that a checkpoint can hold it without pickling."""

from __future__ import annotations

import torch
from torch import Tensor


def adam_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as tensors by name."""
    return {f"{i}-{key}": value for i, held in optimiser.state_dict()["state"].items() for key, value in held.items()}


def load_adam(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Takes over what `adam_tensors` gave, into an optimiser of the same parameters."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        place, _, key = name.partition("-")
        state.setdefault(int(place), {})[key] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})

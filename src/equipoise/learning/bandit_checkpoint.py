"""Everything that a run of bandit learning needs to go on as if it had never stopped, as tensors and JSON.

Weights, the optimiser's moments, the replay buffer, the state of chance and the policies of late lie in one
`networks.checkpoint`, which is replaced whole: a run that is killed, by Ctrl-C or otherwise, leaves the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from equipoise.errors import InputError
from equipoise.learning.replay_buffer import ReplayBuffer
from equipoise.networks import checkpoint

_HALF = (1 << 64) - 1


def save(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    buffer: ReplayBuffer,
    rng: np.random.Generator,
    *,
    recent: list[np.ndarray],
    told: Mapping[str, Any],
) -> None:
    """Writes a checkpoint, replacing the one before.

    Args:
        folder: of this checkpoint alone.
        modules: by name.
        optimiser: whose moments are kept.
        buffer: whose rollouts are kept.
        rng: of everything that chance decides.
        recent: policies of equal shape.
        told: what a run must have in common to go on, and where it is; JSON.
    """
    tensors = {f"buffer.{name}": torch.from_numpy(values) for name, values in buffer.state().items()}
    for place, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{place}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    tensors["rng"] = torch.from_numpy(_chance(rng))
    if recent:
        tensors["recent"] = torch.from_numpy(np.stack(recent))
    checkpoint.save(folder, modules, config=told, tensors=tensors)


def restore(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimiser: torch.optim.Optimizer,
    buffer: ReplayBuffer,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """The policies of late, after everything else was put back in place.

    Raises:
        InputError: the checkpoint is damaged or does not fit.
    """
    tensors = checkpoint.load(folder, modules)
    held = {name.removeprefix("buffer."): value for name, value in tensors.items() if name.startswith("buffer.")}
    buffer.restore({name: value.numpy() for name, value in held.items()})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, place, part = name.split(".")
            moments.setdefault(int(place), {})[part] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    _set_chance(rng, tensors["rng"].numpy())
    return list(tensors["recent"].numpy()) if "recent" in tensors else []


def begun(folder: Path, same: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the checkpoint in a folder tells; None where there is none.

    Args:
        folder: where it would be.
        same: what it must have been begun with.

    Raises:
        InputError: it was begun with something else, which is named.
    """
    if not checkpoint.exists(folder):
        return None
    told = checkpoint.read_config(folder)
    differs = [f"{name} was {told.get(name)}, now {value}" for name, value in same.items() if told.get(name) != value]
    if differs:
        raise InputError(
            f"'{folder.parent}' was begun otherwise: {'; '.join(differs)[:500]}. Repeat it to go on, or name another "
            "folder."
        )
    return told


def _chance(rng: np.random.Generator) -> np.ndarray:
    """The state of a PCG64 generator as six 64-bit numbers."""
    state: Any = rng.bit_generator.state
    numbers = [part for name in ("state", "inc") for part in divmod(state["state"][name], _HALF + 1)]
    return np.array([*numbers, state["has_uint32"], state["uinteger"]], dtype=np.uint64).view(np.int64)


def _set_chance(rng: np.random.Generator, numbers: np.ndarray) -> None:
    high, low, high_step, low_step, has, left = (int(number) for number in numbers.view(np.uint64))
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": high_step << 64 | low_step},
        "has_uint32": has,
        "uinteger": left,
    }

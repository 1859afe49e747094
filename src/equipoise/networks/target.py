r"""Target networks and frozen ones.

$$\phi' \leftarrow \tau\,\phi + (1 - \tau)\,\phi'$$

A target network follows the trained one at rate τ, so that what a TD loss aims at moves slowly (Lillicrap et al., ICLR
2016; ECON, arXiv 2506.08292, τ = 0.01: `econ.md`, section 5). Buffers are copied.

A frozen module has no gradients, so no optimiser step changes a bit of it: what adding one model to a trained team
needs (`econ.md`, section 6). Cost: O(parameters).
"""

from __future__ import annotations

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

from equipoise.errors import InputError

Module = TypeVar("Module", bound=nn.Module)


@torch.no_grad()
def soft_update(target: nn.Module, online: nn.Module, *, rate: float = 0.01) -> None:
    """Moves a target's parameters towards the online network's, in place.

    Args:
        target: φ'.
        online: φ, of the same structure.
        rate: τ in [0, 1]; 1 copies.

    Raises:
        InputError: a rate outside [0, 1], or other names or shapes; nothing has changed then.
    """
    if not 0 <= rate <= 1:
        raise InputError(f"the rate of a soft update is {rate:g}; it lies in [0, 1].")
    if _shapes(target) != _shapes(online):
        raise InputError("the target and the online network differ in their parameters. Make it with `frozen_copy`.")
    followed = dict(online.named_parameters())
    for name, parameter in target.named_parameters():
        parameter.mul_(1 - rate).add_(followed[name], alpha=rate)
    held = dict(online.named_buffers())
    for name, buffer in target.named_buffers():
        buffer.copy_(held[name])


def frozen_copy(module: Module) -> Module:
    """A copy that takes no gradient and drops nothing out: a target, or a snapshot."""
    return freeze(deepcopy(module)).eval()


def freeze(module: Module) -> Module:
    """The module itself, its parameters without gradients from now on; those it held are dropped.

    An optimiser would go on moving a parameter by momentum as long as it had a gradient.
    """
    for parameter in module.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    return module


def unfreeze(module: Module) -> Module:
    """The module itself, all its parameters trainable."""
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    return module


def trainable(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that an optimiser may move."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.shape for name, tensor in named}

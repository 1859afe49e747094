r"""Which tokens are kept open: two temperatures, the high one where the frozen reference itself is undecided.

$$\alpha(h) = \begin{cases}\alpha_\mathrm{high} & H(\pi_\mathrm{ref}(\cdot|h)) \ge h_0\\
\alpha_\mathrm{low} & \text{elsewhere}\end{cases}$$

The reference never changes, so α(h) is a fact of the prefix and not of the training. The other partitions heat the same
*share* of a batch's tokens, so that they differ in where the heat goes and not in how much of it there is:

    uniform         evenly spaced along the batch
    random          by lot
    gradient_norm   where 1 − π_ref(x) is largest: the norm of ∂ log π(x)/∂ logits lies between that and √2 times it
    homogeneous     nowhere in particular: every token carries the mean temperature

Cost: O(tokens log tokens). Source: DICE (arXiv 2606.08068), temperature schedule (`dice.md`, sections 5 and 7).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equipoise.errors import UnknownName
from equipoise.learning.mirror.settings import MirrorSettings


def hot_tokens(
    entropies: Tensor, log_probabilities: Tensor, mask: Tensor, settings: MirrorSettings, *, seed: int
) -> Tensor:
    """Bool, the tokens that carry the high temperature; never a masked one. Shape [R, T].

    Args:
        entropies: of the frozen reference at every prefix, in nats. Shape [R, T].
        log_probabilities: log π_ref of the tokens. Shape [R, T].
        mask: bool, the tokens there are. Shape [R, T].
        settings: threshold and partition.
        seed: of the partition "random".

    Raises:
        UnknownName: a partition that puts the heat in no place.
    """
    undecided = (entropies >= settings.entropy_threshold) & mask
    if settings.partition == "entropy":
        return undecided
    tokens, hot = int(mask.sum()), int(undecided.sum())
    places = torch.arange(tokens)
    match settings.partition:
        case "uniform":
            chosen = (places + 1) * hot // max(tokens, 1) > places * hot // max(tokens, 1)
        case "random":
            drawn = torch.randperm(tokens, generator=torch.Generator().manual_seed(seed))
            chosen = torch.zeros(tokens, dtype=torch.bool).index_fill(0, drawn[:hot], True)
        case "gradient_norm":
            # A stable order, so that ties fall alike on every machine.
            steep = torch.argsort(log_probabilities[mask].detach().cpu(), stable=True)
            chosen = torch.zeros(tokens, dtype=torch.bool).index_fill(0, steep[:hot], True)
        case _:
            raise UnknownName("partition", settings.partition, ("entropy", "uniform", "random", "gradient_norm"))
    found = torch.zeros_like(mask)
    found[mask] = chosen.to(mask.device)
    return found


def temperatures(
    entropies: Tensor, log_probabilities: Tensor, mask: Tensor, settings: MirrorSettings, *, seed: int
) -> Tensor:
    """α of every token; 0 where there is none. Shapes as of `hot_tokens`."""
    high, low = settings.alpha_high, settings.alpha_low
    if settings.partition == "homogeneous":
        hot = ((entropies >= settings.entropy_threshold) & mask).sum() / mask.sum().clamp(min=1)
        alpha = (low + (high - low) * hot).to(entropies.dtype).expand_as(entropies)
    else:
        hot = hot_tokens(entropies, log_probabilities, mask, settings, seed=seed)
        alpha = torch.where(hot, high, low).to(entropies.dtype)
    return alpha.masked_fill(~mask, 0.0)


def prox_weights(alpha: Tensor, settings: MirrorSettings) -> Tensor:
    """β = prox + α(1 − η)/η of every token, which makes the step the mirror map's of damping η. Shape as α."""
    return settings.prox + alpha * (1.0 - settings.eta) / settings.eta

r"""Hidden states of rollouts, each distinct prompt read once: G answers to one question share what was read of it.

    a prompt:    keys and values of its P positions, once
    its answers: G rows of T positions, which attend to copies of those

so R = Q·G rows cost Q P + R T positions instead of R (P + T). Gradients add up over the copies: what flows back into a
prompt is the sum over its rows, exactly as if each had been read by itself. With prompts longer than answers and G = 8
that is twice as fast or more; memory of activations falls alike.

Where a model's cache is not plain keys and values of all positions (sliding windows, recurrent states), or activations
are computed twice to save memory, which excludes a cache, every row is read by itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from equipoise.learning.mirror.rollouts import Rollouts


def states_before(causal: Any, rollouts: Rollouts) -> Tensor:
    """The last hidden state before each token of the rollouts, as wide as the longest of them. [R, T, d]

    Args:
        causal: a causal language model of transformers, unwrapped.
        rollouts: R rows; those with equal prompts share them.
    """
    backbone = getattr(causal, causal.base_model_prefix)
    columns = max(int(rollouts.mask.sum(-1).max()), 1)
    start = rollouts.prompts.shape[1] - int(rollouts.prompt_mask.sum(-1).max())
    prompts, read = rollouts.prompts[:, start:], rollouts.prompt_mask[:, start:].bool()
    tokens, written = rollouts.tokens[:, :columns], rollouts.mask[:, :columns]
    first, row = distinct(prompts, read)
    cache = DynamicCache(config=causal.config)
    if len(first) == len(row) or not _shareable(backbone, cache):
        ids, attended = torch.cat([prompts, tokens], 1), torch.cat([read, written], 1)
        return _states(backbone, ids, attended, use_cache=False)[:, -columns - 1 : -1]
    last = _states(backbone, prompts[first], read[first], past_key_values=cache, use_cache=True)[row, -1:]
    if columns == 1:
        return last
    for layer in cache.layers:
        assert isinstance(layer, DynamicLayer) and layer.keys is not None and layer.values is not None
        layer.keys, layer.values = layer.keys[row], layer.values[row]
    attended = torch.cat([read, written[:, :-1]], 1)
    after = _states(backbone, tokens[:, :-1], attended, past_key_values=cache, use_cache=True)
    return torch.cat([last, after], 1)


def distinct(prompts: Tensor, read: Tensor) -> tuple[Tensor, Tensor]:
    """A row of each distinct prompt, and the number of each row's prompt. Shapes [distinct], [R].

    Args:
        prompts: ids padded on the left [R, P].
        read: True at a prompt's tokens [R, P].
    """
    found, row = torch.unique(torch.where(read.bool(), prompts, -1), dim=0, return_inverse=True)
    places = torch.arange(len(row), device=row.device)
    first = torch.full((len(found),), len(row), device=row.device).scatter_reduce(0, row, places, "amin")
    return first, row


def _states(backbone: Any, ids: Tensor, attended: Tensor, **cache: Any) -> Tensor:
    positions = (attended.long().cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    return backbone(input_ids=ids, attention_mask=attended.long(), position_ids=positions, **cache).last_hidden_state


def _shareable(backbone: Any, cache: DynamicCache) -> bool:
    twice = getattr(backbone, "gradient_checkpointing", False) and backbone.training
    return not twice and bool(cache.layers) and all(type(layer) is DynamicLayer for layer in cache.layers)

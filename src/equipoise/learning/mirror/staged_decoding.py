"""`generate` in stages: prompts are read once each, and rows that have ended leave the batch.

`generate` carries a batch until its last row has ended, so its cost is R rows × the longest response, though the mean
may be a quarter of that. Here it stops when a quarter of the running rows has ended; the others go on in a new call
with their part of the cache: about Σ lengths instead of R × the longest, for a copy of the cache at each of
log(R)/log(4/3) stages. And G responses to one prompt read it once: their rows of the cache are copies.

Where a model's cache is not plain keys and values of all positions (sliding windows, recurrent states), rows cannot be
moved this way; then one call of `generate` does it all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from equipoise.models.generation.key_value_cache import gather

_LEAVE_SHARE = 0.25
"""A stage ends when this share of its rows has ended."""


class Forced(LogitsProcessor):
    """Makes `generate` write given tokens, and keeps the log-probability that its own logits give each.

    Args:
        tokens: what to write. [R, T]

    Attributes:
        rows: numbers of the rows that still run.
        log_probabilities: of the tokens; 0 where nothing was written. [R, T]
    """

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens
        self._step = 0
        self.rows = torch.arange(len(tokens), device=tokens.device)
        self.log_probabilities = torch.zeros(tokens.shape, device=tokens.device)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores that leave one token for each row. [rows, V]"""
        token = self._tokens[self.rows, self._step][:, None]
        self.log_probabilities[self.rows, self._step] = torch.log_softmax(scores, -1).gather(-1, token)[:, 0]
        self._step += 1
        return torch.full_like(scores, -torch.inf).scatter_(1, token, 0.0)


class _Thinned(StoppingCriteria):
    """Stops all rows when a share of them has ended."""

    def __init__(self, ends: Tensor, rows: int) -> None:
        self._ends = ends
        self.ended = torch.zeros(rows, dtype=torch.bool, device=ends.device)

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        """Whether each row stops. [rows]"""
        self.ended |= torch.isin(input_ids[:, -1], self._ends)
        return (self.ended.float().mean() >= _LEAVE_SHARE).expand(len(input_ids))


def decode(
    causal: Any,
    prompts: Sequence[Sequence[int]],
    config: Callable[[int], GenerationConfig],
    *,
    max_tokens: int,
    ends: Sequence[int],
    forced: Forced | None = None,
) -> list[list[int]]:
    """Responses to prompts of token ids, in their order; what follows an end mark is not cut off yet.

    Args:
        causal: a causal language model of transformers, in evaluation mode, in inference mode.
        prompts: token ids, at least one each.
        config: how to decode up to so many new tokens.
        max_tokens: most tokens of a response.
        ends: end marks.
        forced: writes given tokens instead of the model's own, and keeps their log-probabilities.
    """
    ids, mask, cache = _read(causal, prompts)
    marks = torch.tensor(list(ends), device=causal.device)
    running = torch.arange(len(prompts), device=causal.device)
    written: list[list[int]] = [[] for _ in prompts]
    left = max_tokens
    while len(running) and left:
        thinned = _Thinned(marks, len(running))
        movable = cache is not None
        if forced is not None:
            forced.rows = running
        output = causal.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=config(left),
            stopping_criteria=StoppingCriteriaList([thinned] if movable else []),
            logits_processor=LogitsProcessorList([forced] if forced is not None else []),
            **({"past_key_values": cache} if movable else {}),
        )
        new = output[:, ids.shape[1] :]
        for row, tokens in zip(running.tolist(), new.tolist(), strict=True):
            written[row] += tokens
        left -= new.shape[1]
        if cache is None or not left:
            break
        stay = (~thinned.ended).nonzero()[:, 0]
        mask = torch.cat([mask, mask.new_ones(new.shape)], 1)[stay]
        running, width = running[stay], int(mask.sum(-1).max()) if len(stay) else 0
        ids, mask = output[stay][:, -width:], mask[:, -width:]
        if len(stay):
            # The newest token of a row is not in the cache yet: it is read first in the next stage.
            cache = gather([(cache, stay.tolist(), width - 1)], width - 1)
    return written


def _read(causal: Any, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, Cache | None]:
    """Ids and mask of prompts padded on the left, [R, P] each, and a cache of all but their last tokens."""
    numbers = {prompt: i for i, prompt in enumerate(dict.fromkeys(map(tuple, prompts)))}
    width = max(map(len, numbers))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in numbers], device=causal.device)
    lengths = torch.tensor([len(prompt) for prompt in numbers], device=causal.device)
    mask = (torch.arange(width, device=causal.device) >= width - lengths[:, None]).long()
    rows = [numbers[tuple(prompt)] for prompt in prompts]
    cache = DynamicCache(config=causal.config)
    if width > 1 and all(type(layer) is DynamicLayer for layer in cache.layers):
        causal(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=(mask[:, :-1].cumsum(-1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return ids[rows], mask[rows], gather([(cache, rows, width - 1)], width - 1)
    return ids[rows], mask[rows], None

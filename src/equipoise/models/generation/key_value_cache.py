"""The keys and values of many rows that come and go, right-aligned: a row's last token lies in the last filled column.

transformers' own growing cache copies everything at each step; this one writes into spare columns, and copies only
when rows leave or enter. Keys carry their positions already, so a row may move to other columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

_SPARE_COLUMNS = 64


class RoomyLayer(DynamicLayer):
    """One layer's keys and values, `[rows, heads, columns, width]`, with room for more than the `filled` columns."""

    def __init__(self, keys: Tensor, values: Tensor, filled: int) -> None:
        super().__init__()
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self._room = [keys, values]
        self._filled = filled
        self._show()

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Adds columns; returns all keys and all values."""
        start, self._filled = self._filled, self._filled + key_states.shape[2]
        if self._filled > self._room[0].shape[2]:
            self._room = [_widened(part, start, self._filled + _SPARE_COLUMNS) for part in self._room]
        for part, new in zip(self._room, (key_states, value_states), strict=True):
            part[:, :, start : self._filled] = new
        return self._show()

    def _show(self) -> tuple[Tensor, Tensor]:
        keys, values = (part[:, :, : self._filled] for part in self._room)
        self.keys, self.values = keys, values
        return keys, values


def gather(parts: Sequence[tuple[Cache, Sequence[int], int]], columns: int) -> Cache:
    """One cache of the chosen rows of several, in order, the last `columns` columns of each.

    Args:
        parts: for each source its cache, the numbers of the rows to take (repetitions allowed), and how many of its
            last columns hold anything for them, at most `columns`.
        columns: columns of the result; those a source cannot fill are zero, and must be masked.
    """
    layers = []
    for layers_of_parts in zip(*(cache.layers for cache, _, _ in parts), strict=True):
        pair = []
        for name in ("keys", "values"):
            first = getattr(layers_of_parts[0], name)
            count = sum(len(rows) for _, rows, _ in parts)
            room = first.new_zeros(count, first.shape[1], columns + _SPARE_COLUMNS, first.shape[3])
            start = 0
            for layer, (_, rows, used) in zip(layers_of_parts, parts, strict=True):
                source = getattr(layer, name)[:, :, -used:]
                room[start : start + len(rows), :, columns - used : columns] = source[torch.tensor(list(rows))]
                start += len(rows)
            pair.append(room)
        layers.append(RoomyLayer(pair[0], pair[1], columns))
    return Cache(layers=layers)


def _widened(part: Tensor, used: int, columns: int) -> Tensor:
    wide = part.new_zeros(part.shape[0], part.shape[1], columns, part.shape[3])
    wide[:, :, :used] = part[:, :, :used]
    return wide

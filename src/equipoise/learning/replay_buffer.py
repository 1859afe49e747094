r"""What was tried lately: a ring of groups of rollouts, and the leave-one-out baseline within a group.

$$\text{baseline}_g = \frac{1}{G-1} \sum_{g' \ne g} R_{g'}$$

A group holds the G rollouts of one question. Its members differ in their controls only, so what the question itself is
worth, easy or hard, drops out of every difference within a group; a buffer that mixed rollouts singly would lose that.
With independent rollouts the baseline does not depend on rollout g, so taking it off biases no regression on its
controls (Kool, van Hoof & Welling, 2019).

Arrays of fixed size, written round and round: memory is capacity × numbers per rollout, every operation a few copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError

Arrays = dict[str, NDArray[Any]]


class ReplayBuffer:
    """The last groups of rollouts.

    Args:
        capacity: rollouts, at least one group; what does not fill a group is not used.
        group: G, rollouts per question.
        fields: shape and type of what one rollout holds, by name.

    Raises:
        InputError: not even one group fits.
    """

    def __init__(self, capacity: int, group: int, fields: Mapping[str, tuple[tuple[int, ...], Any]]) -> None:
        if not 1 <= group <= capacity:
            raise InputError(f"a buffer of {capacity} rollouts holds no group of {group}; make it larger.")
        self.groups = capacity // group
        self._held = {name: np.zeros((self.groups, group, *shape), dtype) for name, (shape, dtype) in fields.items()}
        self._written = 0

    def __len__(self) -> int:
        """Groups held."""
        return min(self._written, self.groups)

    def add(self, **arrays: NDArray[Any]) -> None:
        """Adds groups, each replacing the oldest one once the ring is full. Shapes [groups, G, …], one per field."""
        if arrays.keys() != self._held.keys():
            raise InputError(f"fields {sorted(arrays)} were given; the buffer holds {sorted(self._held)}.")
        new = len(next(iter(arrays.values())))
        kept = min(new, self.groups)  # of more than fit, the last
        at = (self._written + np.arange(new - kept, new)) % self.groups
        for name, values in arrays.items():
            self._held[name][at] = values[new - kept :]
        self._written += new

    def sample(self, count: int, rng: np.random.Generator) -> Arrays:
        """Groups drawn with replacement, [count, G, …] by field.

        Raises:
            InputError: there is none.
        """
        if not len(self):
            raise InputError("the buffer is empty; add rollouts before drawing from it.")
        at = rng.integers(0, len(self), size=count)
        return {name: values[at] for name, values in self._held.items()}

    def all(self) -> Arrays:
        """All groups held, [groups, G, …] by field; views, in no order."""
        return {name: values[: len(self)] for name, values in self._held.items()}

    def state(self) -> Arrays:
        """Everything that `restore` needs."""
        return {**{name: values[: len(self)].copy() for name, values in self._held.items()}, "written": self._count()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `state` gave, from a buffer of equal size."""
        self._written = int(state["written"][0])
        for name, values in self._held.items():
            values[: len(self)] = state[name]

    def _count(self) -> NDArray[np.int64]:
        return np.array([self._written], dtype=np.int64)


def leave_one_out(returns: Any) -> Any:
    """The mean of the others in each group, for NumPy arrays and tensors alike. Shapes [..., G] → [..., G], G ≥ 2."""
    return (returns.sum(-1)[..., None] - returns) / (returns.shape[-1] - 1)

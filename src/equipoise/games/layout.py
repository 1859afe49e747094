"""The flat index of a game: one number per (agent, information set, action), agents first, then sets, then actions.

Agents may have unequal numbers of information sets (types, states) and each set its own number of actions. Laid end
to end they form a vector of length n, the sum of all action counts, so that every solver works on plain vectors;
only the public face of a profile is nested: `[agent][action]` or `[agent][information set][action]`.

An entry is a (agent, information set, action); a set is a (agent, information set). All maps here cost O(n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each entry of a ragged profile lies in the flat vector.

    Attributes:
        counts: number of actions, `[agent][information set]`.
        nested: whether public arrays name the information set; False for one-shot games of complete information.
        set_name: what an information set is called in messages, "type" or "state".
    """

    counts: tuple[tuple[int, ...], ...]
    nested: bool = True
    set_name: str = "information set"

    @cached_property
    def sizes(self) -> Index:
        """Number of actions of each set. Shape [sets]."""
        return np.array([count for agent in self.counts for count in agent], dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """Number of entries n."""
        return int(self.sizes.sum())

    @cached_property
    def sets(self) -> int:
        """Number of (agent, information set) pairs."""
        return len(self.sizes)

    @cached_property
    def agents(self) -> int:
        """Number of agents."""
        return len(self.counts)

    @cached_property
    def starts(self) -> Index:
        """First entry of each set. Shape [sets]."""
        return np.concatenate(([0], np.cumsum(self.sizes)[:-1])).astype(np.int64)

    @cached_property
    def inner(self) -> Index:
        """Every entry but the last of its set: one for each degree of freedom of a profile. Shape [n − sets]."""
        return np.flatnonzero(np.diff(self.set_of, append=self.sets) == 0)

    @cached_property
    def last(self) -> Index:
        """The last entry of the set of every inner entry. Shape [n − sets]."""
        return (self.starts + self.sizes - 1)[self.set_of[self.inner]]

    @cached_property
    def set_of(self) -> Index:
        """The set of each entry. Shape [n]."""
        return np.repeat(np.arange(self.sets), self.sizes)

    @cached_property
    def agent_of_set(self) -> Index:
        """The agent of each set. Shape [sets]."""
        return np.repeat(np.arange(self.agents), [len(agent) for agent in self.counts])

    @cached_property
    def index(self) -> Index:
        """Agent, first entry and size of each set, for compiled code. Shape [3, sets]."""
        return np.stack([self.agent_of_set, self.starts, self.sizes])

    @cached_property
    def first_sets(self) -> Index:
        """First set of each agent, and one past the last. Shape [agents + 1]."""
        return np.concatenate(([0], np.cumsum([len(agent) for agent in self.counts]))).astype(np.int64)

    @cached_property
    def offsets(self) -> Index:
        """First entry of each agent, and n. Shape [agents + 1]."""
        return np.concatenate(([0], np.cumsum([sum(agent) for agent in self.counts]))).astype(np.int64)

    @cached_property
    def entries(self) -> Index:
        """Number of entries of each agent. Shape [agents]."""
        return np.diff(self.offsets)

    @cached_property
    def uniform(self) -> Vector:
        """Logarithm of the uniform policy; do not write to it. Shape [n]."""
        return -np.log(self.spread(self.sizes.astype(np.float64)))

    @cached_property
    def width(self) -> int:
        """The number of actions if all sets have the same, else 0; sums over sets are then sums of rows."""
        return int(self.sizes[0]) if (self.sizes == self.sizes[0]).all() else 0

    def total(self, entries: Vector) -> Vector:
        """Sum over each set's actions. Shape [n] → [sets], and [..., n] → [..., sets]."""
        if self.width:
            return entries.reshape(*entries.shape[:-1], -1, self.width).sum(axis=-1)
        return np.add.reduceat(entries, self.starts, axis=-1)

    def largest(self, entries: Vector) -> Vector:
        """Maximum over each set's actions. Shape [n] → [sets]."""
        if self.width:
            return entries.reshape(-1, self.width).max(axis=1)
        return np.maximum.reduceat(entries, self.starts)

    def spread(self, per_set: Vector) -> Vector:
        """Each set's number, once per action. Shape [sets] → [n]."""
        return per_set[self.set_of]

    def block(self, agent: int) -> slice:
        """The agent's entries in the flat vector."""
        return slice(int(self.offsets[agent]), int(self.offsets[agent + 1]))

    def nest(self, entries: Vector) -> list[Any]:
        """The public form: `[agent]` arrays of shape [actions], or [sets, actions], or lists where sets are unequal."""
        return [self._nest_agent(entries[self.block(agent)], self.counts[agent]) for agent in range(self.agents)]

    def nest_sets(self, per_set: Vector) -> list[Any]:
        """One number per set in public form: `[agent]`, or `[agent]` arrays of shape [sets]."""
        if not self.nested:
            return [float(number) for number in per_set]
        return [per_set[self.first_sets[i] : self.first_sets[i + 1]] for i in range(self.agents)]

    def flatten(self, nested: Sequence[Any], *, what: str = "profile") -> Vector:
        """The flat vector of a public profile. Shape [n].

        Raises:
            InputError: an agent, information set or action too many or too few, or a number that is not finite.
        """
        rows = self._rows(nested, what)
        for row, (name, count) in zip(rows, self._named_counts(what), strict=True):
            if row.shape != (count,):
                raise InputError(f"{name} has shape {list(row.shape)}; it needs {count} numbers, one per action.")
            if not np.isfinite(row).all():
                bad = int(np.flatnonzero(~np.isfinite(row))[0])
                raise InputError(f"{name}[{bad}] is {row[bad]}; every number must be finite.")
        return np.concatenate(rows)

    def set_label(self, index: int) -> str:
        """What a set is called in messages: "agent 1", or "agent 1, state 3"."""
        agent = int(self.agent_of_set[index])
        return (
            f"agent {agent}, {self.set_name} {index - int(self.first_sets[agent])}" if self.nested else f"agent {agent}"
        )

    def _nest_agent(self, block: Vector, counts: tuple[int, ...]) -> Any:
        if not self.nested:
            return block
        return block.reshape(len(counts), -1) if len(set(counts)) == 1 else np.split(block, np.cumsum(counts)[:-1])

    def _rows(self, nested: Sequence[Any], what: str) -> list[Vector]:
        if len(nested) != self.agents:
            raise InputError(f"{what} has {len(nested)} agents; the game has {self.agents}.")
        if not self.nested:
            return [np.asarray(row, dtype=np.float64) for row in nested]
        for agent, rows in enumerate(nested):
            if len(rows) != len(self.counts[agent]):
                needs = f"the game has {len(self.counts[agent])}"
                raise InputError(f"{what}[{agent}] has {len(rows)} entries, one per {self.set_name}; {needs}.")
        return [np.asarray(row, dtype=np.float64) for rows in nested for row in rows]

    def _named_counts(self, what: str) -> list[tuple[str, int]]:
        names = []
        for agent, counts in enumerate(self.counts):
            for index, count in enumerate(counts):
                names.append((f"{what}[{agent}][{index}]" if self.nested else f"{what}[{agent}]", count))
        return names

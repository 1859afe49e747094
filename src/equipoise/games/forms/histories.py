"""Finite histories of a discounted game, unrolled into the information sets of agents who remember everything.

    h_i^{t+1} = (h_i^t, a_i^t, σ_i^t),        one full state per (t, s, h_1, …, h_N)

A `Play` says who can do what in a state and what follows, with a signal σ_i to every agent: tokens, rewards and
observations are all signals. Histories that lead to the same state with the same private histories are one full state,
since neither what follows nor what anybody knows tells them apart. After the last period everything ends, at 0.

The number of full states grows as (joint actions × branches)^periods; `MOST_STATES` stops it. Each costs one row per
joint action.

Source: Kuhn (1953) for perfect recall; DICE (arXiv 2606.08068), section 2, for information states.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, Protocol

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.partially_observed import IDLE

MOST_STATES = 100_000
"""Unrolling takes seconds there, a solve tens of them."""

Signals = tuple[Hashable, ...]
"""What every agent is told, one entry per agent."""


@dataclass(frozen=True)
class Branch:
    """One thing that may follow.

    Attributes:
        probability: of it, > 0.
        state: the next state.
        signals: what every agent is told.
    """

    probability: float
    state: Hashable
    signals: Signals


class Play(Protocol):
    """The rules of a game that is played for some periods."""

    def beginnings(self) -> list[Branch]:
        """The first states and what is told before the first action."""
        ...

    def actions(self, state: Any) -> tuple[int, ...]:
        """How many actions each agent has; 1 for one that only waits."""
        ...

    def rewards(self, state: Any, joint: tuple[int, ...]) -> Sequence[float]:
        """What every agent earns."""
        ...

    def follow(self, state: Any, joint: tuple[int, ...]) -> list[Branch]:
        """What may follow a joint action; probabilities sum to 1."""
        ...


@dataclass(eq=False)
class Histories:
    """A play unrolled: full states in order of time, the end last.

    Attributes:
        nodes: (state, private history of every agent) of every full state but the end.
        periods: the period of every full state but the end.
        initial: distribution of the first period's, `[X]`.
        observed: the information set of every agent in every full state, N × `[X]`; −1 where it has no choice.
        known: what agent i knows in its information set k, `known[i][k]`: (observation, action, signal, action, …).
        world: the game of somebody who sees everything.
    """

    nodes: list[tuple[Any, tuple[int, ...]]]
    periods: list[int]
    initial: np.ndarray
    observed: list[np.ndarray]
    known: list[list[tuple[Any, ...]]]
    world: Markov


def unroll(play: Play, periods: int, discount: float) -> Histories:
    """The play's first periods, as a Markov game of full states and who can tell which apart.

    Args:
        play: the rules.
        periods: how many, ≥ 1.
        discount: γ in (0, 1) between periods.

    Raises:
        InputError: more than `MOST_STATES` full states; says in which period.
    """
    tree = _Tree(play)
    tree.grow(periods)
    agents, size = tree.agents, len(tree.nodes) + 1
    counts = [play.actions(state) for state, _ in tree.nodes] + [(1,) * agents]
    widest = tuple(max(count[agent] for count in counts) for agent in range(agents))
    payoffs = np.zeros((agents, size, *widest))
    for node, joint, rewards in tree.earned:
        payoffs[(slice(None), node, *joint)] = rewards
    from scipy.sparse import coo_array

    rows = [node * prod(widest) + int(np.ravel_multi_index(joint, widest)) for node, joint, _, _ in tree.edges]
    targets = [size - 1 if target is None else target for _, _, target, _ in tree.edges]
    weights = [weight for _, _, _, weight in tree.edges]
    rows.append((size - 1) * prod(widest))
    table = coo_array(([*weights, 1.0], (rows, [*targets, size - 1])), shape=(size * prod(widest), size)).tocsr()
    masks = [np.arange(widest[agent]) < np.array([[count[agent]] for count in counts]) for agent in range(agents)]
    world = Markov(payoffs, table, discount, available=masks)
    initial = np.zeros(size)
    for node, weight in tree.first.items():
        initial[node] = weight
    observed, known = tree.information(counts)
    return Histories(tree.nodes, tree.periods, initial, observed, known, world)


@dataclass(eq=False)
class _Tree:
    """Full states as they are found, in order of time."""

    play: Play
    nodes: list[tuple[Any, tuple[int, ...]]] = field(default_factory=list)
    periods: list[int] = field(default_factory=list)
    first: dict[int, float] = field(default_factory=dict)
    edges: list[tuple[int, tuple[int, ...], int | None, float]] = field(default_factory=list)
    earned: list[tuple[int, tuple[int, ...], Sequence[float]]] = field(default_factory=list)
    agents: int = 0
    _index: dict[tuple[int, Any, tuple[int, ...]], int] = field(default_factory=dict)
    _labels: list[dict[tuple[int, ...] | Hashable, int]] = field(default_factory=list)
    _stories: list[list[tuple[Any, ...]]] = field(default_factory=list)

    def grow(self, periods: int) -> None:
        """Every full state of the periods, with its edges."""
        beginnings = self.play.beginnings()
        self.agents = len(beginnings[0].signals)
        self._labels = [{} for _ in range(self.agents)]
        self._stories = [[] for _ in range(self.agents)]
        for branch in beginnings:
            heard = tuple(self._label(i, IDLE, IDLE, signal) for i, signal in enumerate(branch.signals))
            node = self._node(0, branch.state, heard)
            self.first[node] = self.first.get(node, 0.0) + branch.probability
        begin = 0
        for period in range(periods):
            end = len(self.nodes)
            for node in range(begin, end):
                self._expand(node, period, last=period + 1 == periods)
            begin = end

    def information(self, counts: list[tuple[int, ...]]) -> tuple[list[np.ndarray], list[list[tuple[Any, ...]]]]:
        """The sets where an agent has a choice, numbered in order of time, and what it knows there."""
        observed, known = [], []
        for agent in range(self.agents):
            numbers: dict[int, int] = {}
            row = np.full(len(counts), IDLE)
            for node, (_, heard) in enumerate(self.nodes):
                if counts[node][agent] > 1:
                    row[node] = numbers.setdefault(heard[agent], len(numbers))
            observed.append(row)
            known.append([self._stories[agent][label] for label in numbers])
        return observed, known

    def _expand(self, node: int, period: int, *, last: bool) -> None:
        state, heard = self.nodes[node]
        for joint in _joint(self.play.actions(state)):
            self.earned.append((node, joint, self.play.rewards(state, joint)))
            if last:
                self.edges.append((node, joint, None, 1.0))
                continue
            for branch in self.play.follow(state, joint):
                story = tuple(self._label(i, heard[i], joint[i], signal) for i, signal in enumerate(branch.signals))
                self.edges.append((node, joint, self._node(period + 1, branch.state, story), branch.probability))

    def _label(self, agent: int, before: int, action: int, signal: Hashable) -> int:
        """The number of a private history."""
        labels, stories = self._labels[agent], self._stories[agent]
        key = (before, action, signal)
        if key not in labels:
            labels[key] = len(labels)
            stories.append((signal,) if before == IDLE else (*stories[before], action, signal))
        return labels[key]

    def _node(self, period: int, state: Any, heard: tuple[int, ...]) -> int:
        key = (period, state, heard)
        if key not in self._index:
            if len(self.nodes) >= MOST_STATES:
                raise InputError(
                    f"the histories number more than {MOST_STATES:,} in period {period}; take fewer periods, "
                    "observations or actions."
                )
            self._index[key] = len(self.nodes)
            self.nodes.append((state, heard))
            self.periods.append(period)
        return self._index[key]


def _joint(counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return product(*(range(count) for count in counts))

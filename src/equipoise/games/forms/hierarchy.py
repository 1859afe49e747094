"""Clusters of agents under a gate: which cluster is listened to is a choice of its own, with a temperature.

    Q_loc,c = Σ_{i∈C_c} w_i^c Q̄_i + b_c,     Q̄_i = ⟨π_i, Q_i(π)⟩,     g*_c ∝ ρ_c exp(Q_loc,c/τ_g)

The gate g ∈ Δ_K is one more agent, the last of the layout, with one action per cluster and the payoffs Q_loc. Local
policies and gate are then solved jointly by every solver, at temperatures of their own. In a Markov game the gate has
an information set per state and reads the values of that state; in a Bayesian game it sees no types, and Q̄_i is
averaged by their prior.

What the agents are paid:

    interim (default)      Q_i                the stake of an agent that has been called; the gate does not feed back,
                                              and its policy is the closed form above at the agents' equilibrium
    called_only            g_c(i) Q_i         the stake before the call: an agent that is seldom called has little to
                                              lose and plays near its reference, which lowers its cluster's value

The second couples both levels, and can have several equilibria where each cluster alone has one. Agents of different
clusters may interact, through the payoffs of the game given.

Beyond the game's own cost, Q takes O(n); a directional derivative likewise. `joint` writes the same as a normal form of
N + 1 agents, K times the tensor of the game; on it the margin (`hierarchical_margin`) and the certificates rest.

Source: DICE (arXiv 2606.08068), local–global hierarchy: Q_loc,c and g*_c; what the gate means for the agents' payoffs
is stated here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.common_payoff import CommonPayoff
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.game import Game, Regularizer, Tangent
from equipoise.games.layout import Index, Layout, Matrix, Vector
from equipoise.games.validation import as_array, check_shape

LARGEST_JOINT = 4_000_000
"""Most entries of all tensors of the normal form together: 32 MB."""


class Hierarchy(Game):
    """A game whose agents are grouped in clusters, and a gate that chooses among the clusters.

    Args:
        game: the agents' game.
        clusters: the agents of every cluster; each agent is in one.
        weights: `[cluster][member]` ≥ 0, in the order of the cluster; None for equal weights that sum to 1.
        offsets: b_c, `[cluster]`; None for 0.
        called_only: whether an agent's payoff counts only when its cluster is called. One-shot games only.

    Raises:
        InputError: clusters that leave out or repeat an agent, weights or offsets that do not fit them, a negative
            weight, `called_only` in a game that goes on, private states.
    """

    def __init__(
        self,
        game: Game,
        clusters: Sequence[Sequence[int]],
        *,
        weights: Sequence[Sequence[float]] | None = None,
        offsets: Sequence[float] | None = None,
        called_only: bool = False,
    ) -> None:
        if called_only and isinstance(game, Markov):
            raise InputError("called_only needs a one-shot game: what a later stage is worth would depend on the call.")
        if game.layout.sets > game.layout.agents and not isinstance(game, (Bayesian, Markov)):
            raise InputError(
                f"no gate over a {type(game).__name__}: how often its information sets occur is not known to the gate. "
                "It takes one-shot games, with or without types, and Markov games with public states."
            )
        self.game = game
        self.clusters = _partition(clusters, game.layout.agents)
        self.weights = _weights(weights, self.clusters, game.layout.agents)
        self.offsets = np.zeros(len(self.clusters)) if offsets is None else as_array(offsets, "offsets")
        check_shape(self.offsets, (len(self.clusters),), "offsets")
        self.called_only = called_only
        rooms = game.states if isinstance(game, Markov) else 1
        counts = (*game.layout.counts, (len(self.clusters),) * rooms)
        self.layout = Layout(counts, nested=game.layout.nested, set_name=game.layout.set_name)

    @cached_property
    def cluster_of(self) -> Index:
        """The cluster of every agent. Shape [agents of the game]."""
        found = np.zeros(self.game.layout.agents, dtype=np.int64)
        for index, members in enumerate(self.clusters):
            found[list(members)] = index
        return found

    @cached_property
    def payoff_scale(self) -> float:
        """The game's, times the largest sum of a cluster's weights where above 1, plus the largest offset."""
        heaviest = max(float(self.weights.sum(axis=1).max()), 1.0)
        return self.game.payoff_scale * heaviest + float(np.abs(self.offsets).max())

    def local(self, regularizer: Regularizer) -> Regularizer:
        """The agents' part of a regularizer."""
        layout = self.game.layout
        return Regularizer(
            layout,
            regularizer.temperature[: layout.sets],
            regularizer.log_reference[: layout.size],
            regularizer.continuation,
        )

    def local_values(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """Q_loc, a row per state, or one. Shapes [n] or the agents' part of it → [states or 1, clusters]."""
        own = policy[: self.game.layout.size]
        return self._gate_values(own, self.game.q(own, self.local(regularizer))).reshape(-1, len(self.clusters))

    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """The agents' payoffs of actions, then the clusters' values. Shapes [n] → [n]."""
        own = policy[: self.game.layout.size]
        q = self.game.q(own, self.local(regularizer))
        return np.concatenate([self._share(policy) * q, self._gate_values(own, q)])

    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ: the game's, the gate's rows, and its columns where the call decides what is paid. Shape [n, n]."""
        layout, own = self.game.layout, policy[: self.game.layout.size]
        q, slope = self.game.q(own, self.local(regularizer)), self.game.jacobian(own, self.local(regularizer))
        matrix = np.zeros((self.layout.size, self.layout.size))
        matrix[: layout.size, : layout.size] = self._share(policy)[:, None] * slope
        value_slope = np.add.reduceat(own[:, None] * slope, layout.starts, axis=0)
        value_slope[layout.set_of, np.arange(layout.size)] += q
        matrix[layout.size :, : layout.size] = self._blend(value_slope)
        if self.called_only:
            matrix[np.arange(layout.size), layout.size + self._entry_clusters] = q
        return matrix

    def linearize(self, policy: Vector, regularizer: Regularizer) -> tuple[Vector, Tangent]:
        """Q and its directional derivative, by the game's own."""
        layout, own = self.game.layout, policy[: self.game.layout.size]
        q, tangent = self.game.linearize(own, self.local(regularizer))
        share = self._share(policy)

        def joint_tangent(direction: Vector) -> Vector:
            change = direction[: layout.size]
            moved = tangent(change)
            gate = self._blend(layout.total(own * moved + change * q))
            if self.called_only:
                moved = share * moved + direction[layout.size :][self._entry_clusters] * q
            return np.concatenate([moved, gate])

        return np.concatenate([share * q, self._gate_values(own, q)]), joint_tangent

    def values(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """What every agent's set expects, and the gate's ⟨g, Q_loc⟩. Shape [sets]."""
        return self._with_own(super().values(policy, regularizer), "values", policy, regularizer)

    def regularized_gap(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Gain of the best quantal reply, that of the gate included. Shape [sets]."""
        return self._with_own(super().regularized_gap(policy, regularizer), "regularized_gap", policy, regularizer)

    def exploitability(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Gain of the best reply in payoff, that of the gate included. Shape [sets]."""
        return self._with_own(super().exploitability(policy, regularizer), "exploitability", policy, regularizer)

    @cached_property
    def joint(self) -> NormalForm | None:
        """The same game in normal form, the gate last; None for games without tensors, with types, or too large."""
        if isinstance(self.game, CommonPayoff):
            costs = np.split(self.game.cost, self.game.layout.offsets[1:-1])
            tensors = [self.game.payoff - _along(cost, i, self.game.layout.agents) for i, cost in enumerate(costs)]
        elif isinstance(self.game, NormalForm):
            tensors = list(self.game.tensors)
        else:
            return None
        clusters = len(self.clusters)
        if tensors[0].size * clusters * (len(tensors) + 1) > LARGEST_JOINT:
            return None
        paid = np.ones((len(tensors), clusters))
        if self.called_only:
            paid = (self.cluster_of[:, None] == np.arange(clusters)).astype(np.float64)
        gate = np.tensordot(np.stack(tensors, axis=-1), self.weights.T, axes=1) + self.offsets
        return NormalForm([*(tensor[..., None] * row for tensor, row in zip(tensors, paid, strict=True)), gate])

    @cached_property
    def _entry_clusters(self) -> Index:
        """The cluster of every entry of the game. Shape [n of the game]."""
        layout = self.game.layout
        return self.cluster_of[layout.agent_of_set][layout.set_of]

    @cached_property
    def _set_weights(self) -> Vector:
        """What a set counts in its agent's Q̄: the prior of a type, else 1. Shape [sets of the game]."""
        if not isinstance(self.game, Bayesian):
            return np.ones(self.game.layout.sets)
        axes = range(self.game.prior.ndim)
        shares = [self.game.prior.sum(axis=tuple(k for k in axes if k != agent)) for agent in axes]
        return np.concatenate(shares).astype(np.float64)

    def _share(self, policy: Vector) -> Vector:
        """How much of an entry's payoff counts. Shape [n of the game]."""
        if not self.called_only:
            return np.ones(self.game.layout.size)
        return policy[self.game.layout.size :][self._entry_clusters]

    def _gate_values(self, own: Vector, q: Vector) -> Vector:
        """Q_loc with its offsets, state by state. Shape [states · clusters]."""
        rooms = len(self.layout.counts[-1])
        return self._blend(self.game.layout.total(own * q)) + np.tile(self.offsets, rooms)

    def _blend(self, per_set: np.ndarray) -> np.ndarray:
        """Σ_i w_i^c Q̄_i, state by state. Shapes [sets of the game, …] → [states · clusters, …]."""
        rest = per_set.shape[1:]
        if isinstance(self.game, Markov):
            means = per_set.reshape(self.game.layout.agents, self.game.states, *rest)
        else:
            weighted = per_set * self._set_weights.reshape(-1, *(1 for _ in rest))
            means = np.add.reduceat(weighted, self.game.layout.first_sets[:-1], axis=0)[:, None]
        return np.moveaxis(np.tensordot(self.weights, means, axes=1), 0, 1).reshape(-1, *rest)

    def _with_own(self, found: Vector, quantity: str, policy: Vector, regularizer: Regularizer) -> Vector:
        """A quantity of all sets, the agents' as their game computes it: it may look beyond the stage."""
        if not self.called_only:
            own = policy[: self.game.layout.size]
            found[: self.game.layout.sets] = getattr(self.game, quantity)(own, self.local(regularizer))
        return found


def _partition(clusters: Sequence[Sequence[int]], agents: int) -> tuple[tuple[int, ...], ...]:
    """The clusters, checked: every agent in one."""
    found = tuple(tuple(int(agent) for agent in members) for members in clusters)
    if sorted(agent for members in found for agent in members) != list(range(agents)) or () in found:
        listed = [list(members) for members in found]
        raise InputError(f"clusters are {listed}; each of the agents 0 to {agents - 1} must be in one, and none empty.")
    return found


def _weights(given: Sequence[Sequence[float]] | None, clusters: tuple[tuple[int, ...], ...], agents: int) -> Matrix:
    """w_i^c, 0 outside the cluster. Shape [clusters, agents]."""
    matrix = np.zeros((len(clusters), agents))
    if given is not None and len(given) != len(clusters):
        raise InputError(f"weights has {len(given)} entries; there are {len(clusters)} clusters.")
    for index, members in enumerate(clusters):
        row = (
            np.full(len(members), 1.0 / len(members)) if given is None else as_array(given[index], f"weights[{index}]")
        )
        check_shape(row, (len(members),), f"weights[{index}]")
        if (row < 0).any():
            raise InputError(f"weights[{index}] has the entry {row.min():g}; weights must not be negative.")
        matrix[index, list(members)] = row
    return matrix


def _along(vector: Vector, axis: int, dimensions: int) -> Any:
    """The vector as an array that runs along one axis."""
    return vector.reshape([-1 if k == axis else 1 for k in range(dimensions)])

"""A discounted game whose agents do not see its state: policies depend on information sets, which states share.

    Q_i(h, a) = Σ_{x ∈ h} β(x|h) Q_i(x, a),    β(x|h) = d(x) / Σ_{x' ∈ h} d(x'),    d = μ₀ (I − γ P_π)⁻¹

Q_i(x, a) is the payoff in the `Markov` game of full states x when everybody plays by information sets, and d the
discounted occupancy that the policies bring about: beliefs are consistent with play, not with the prior. For the own
memoryless policies ∂J_i/∂π_i(a|h) = Σ_{x∈h} d(x) Q_i(x, a), so a quantal response to this Q under `kl`, or under
`soft` with uniform ρ, is a stationary point of every agent's regularised discounted objective over such
policies, others fixed. Where sets hold the whole private history (perfect recall; `histories`), β is Bayes' rule and
the notion is the logit agent quantal response equilibrium of McKelvey and Palfrey (1998), which is sequentially
consistent. Where they do not, it is an equilibrium in stationary memoryless policies: nobody learns from what happened
before, beyond the average of β over times, and it need not be a perfect Bayesian one.

With X states, N agents and M joint actions, Q costs what `Markov` costs on X states plus one transposed X × X system;
the Jacobian is n directional derivatives, each about as dear as Q. Fit for some thousand states.

Source: DICE (arXiv 2606.08068), section 2; Sutton, McAllester, Singh and Mansour (1999) for the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.transition import chain
from equipoise.games.game import Game, Regularizer, Tangent
from equipoise.games.layout import Index, Layout, Matrix, Vector

IDLE = -1
"""The information set of an agent that does not act in a state."""


class PartiallyObserved(Game):
    """A Markov game of full states, seen through information sets; policies are `[agent][information set][action]`.

    `regularized_gap` and `exploitability` are gains at one information set, future play and beliefs fixed. With perfect
    recall no deviation pays where none of these does.

    Args:
        world: the game as somebody who sees everything would describe it, X states.
        observed: `[i][x]`, the information set of agent i in state x, from 0 without gaps; −1 where it has a single
            action that counts for nothing.
        weights: `[i][x]` ≥ 0, relative likelihood of states: beliefs where play does not decide them; None for alike.
        initial: `[x]`, the distribution of the first state; None if beliefs are always the weights'.
        units: `[x]` > 0, what one unit of the world's payoff in x is worth to those who act there; None for 1.
        set_name: what an information set is called in messages.

    Raises:
        InputError: shapes that do not fit, a set whose states have unequal numbers of actions; says which.
    """

    def __init__(
        self,
        world: Markov,
        observed: Sequence[Any],
        *,
        weights: Matrix | None = None,
        initial: Vector | None = None,
        units: Vector | None = None,
        set_name: str = "information set",
    ) -> None:
        self.world = world
        self.observed = [np.asarray(row, dtype=np.int64) for row in observed]
        self.layout = Layout(_counts(world, self.observed), set_name=set_name)
        self.initial = initial
        self._set, self._entry = _lifts(self.layout, world.layout, self.observed)
        self._units = np.ones(world.states) if units is None else units
        self._entry_units = self._everybody(self._units)[world.layout.set_of]
        self._reached = np.zeros(world.states, dtype=bool) if initial is None else _reachable(world, initial)
        likely = np.ones(len(self._set)) if weights is None else weights.reshape(-1)
        self._prior_share = likely / self._per_set(likely)[self._set]

    @cached_property
    def payoff_scale(self) -> float:
        """The world's, in the agents' units."""
        return self.world.payoff_scale * float(self._units.max())

    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Interim payoffs of actions, future included, by the beliefs that play brings about. Shapes [n] → [n]."""
        lifted = self.everywhere(policy)
        share = self._share(_Occupancy.of(self, lifted))
        return self._average(self.world.q(lifted, self._lifted_regularizer(regularizer)) * self._entry_units, share)

    def values(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """V of every (agent, information set) by the continuation, averaged by its belief. Shape [sets]."""
        lifted = self.everywhere(policy)
        share = self._share(_Occupancy.of(self, lifted))
        values = self.world.values(lifted, self._lifted_regularizer(regularizer))
        return self._per_set(values * self._everybody(self._units) * share)[:-1]

    def beliefs(self, policy: Vector) -> list[Vector]:
        """β(x|h_i(x)) of every agent and state; sums to 1 over the states of a set. Shapes [n] → N × [X]."""
        return np.split(self._share(_Occupancy.of(self, self.everywhere(policy))), self.layout.agents)

    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ, through payoffs, values and beliefs; one directional derivative per entry. Shape [n, n]."""
        _, tangent = self.linearize(policy, regularizer)
        return np.stack([tangent(direction) for direction in np.eye(self.layout.size)], axis=1)

    def linearize(self, policy: Vector, regularizer: Regularizer) -> tuple[Vector, Tangent]:
        """Q and its directional derivative: the world's, averaged, and the change of beliefs times what it is worth."""
        lifted = self.everywhere(policy)
        occupancy = _Occupancy.of(self, lifted)
        share = self._share(occupancy)
        world_q, world_tangent = self.world.linearize(lifted, self._lifted_regularizer(regularizer))
        q = self._average(world_q * self._entry_units, share)
        surprise = world_q * self._entry_units - np.append(q, 0.0)[self._entry]

        def tangent(direction: Vector) -> Vector:
            change = np.append(direction, 0.0)[self._entry]
            moved = self._average(world_tangent(change) * self._entry_units, share)
            if occupancy is None:
                return moved
            masses = self._per_set(self._everybody(occupancy.mass))[self._set]
            tilt = self._everybody(occupancy.change(change))
            tilt = np.divide(tilt, masses, out=np.zeros_like(tilt), where=masses > 0.0)
            return moved + self._average(surprise, tilt)

        return q, tangent

    def everywhere(self, policy: Vector) -> Vector:
        """The policy that every state's agents play. Shapes [n] → [world n]."""
        return np.append(policy, 1.0)[self._entry]

    def _lifted_regularizer(self, regularizer: Regularizer) -> Regularizer:
        units = self._everybody(self._units)
        temperature = np.append(regularizer.temperature, 1.0)[self._set] / units
        log_reference = np.append(regularizer.log_reference, 0.0)[self._entry]
        return Regularizer(self.world.layout, temperature, log_reference, regularizer.continuation)

    def _everybody(self, per_state: Vector) -> Vector:
        """The same numbers for every agent. Shapes [X] → [N·X]."""
        return np.tile(per_state, self.layout.agents)

    def _per_set(self, per_state: Vector) -> Vector:
        """Sums over the states of every set, and one number for the idle. Shapes [N·X] → [sets + 1]."""
        return _sums(self._set, per_state, self.layout.sets + 1)

    def _share(self, occupancy: _Occupancy | None) -> Vector:
        """β of every (agent, state). Shape [N·X]."""
        if occupancy is None:
            return self._prior_share
        mass = self._everybody(occupancy.mass)
        masses = self._per_set(mass)[self._set]
        return np.divide(mass, masses, out=self._prior_share.copy(), where=masses > 0.0)

    def _average(self, entries: Vector, share: Vector) -> Vector:
        """Entries of states summed into entries of information sets. Shapes [world n], [N·X] → [n]."""
        weighted = entries * share[self.world.layout.set_of]
        return _sums(self._entry, weighted, self.layout.size + 1)[:-1]


class _Occupancy:
    """How often play visits each state, discounted, and how that changes with the policies.

    Attributes:
        mass: d, in visits; 0 exactly where no play leads. Shape [X].
    """

    def __init__(self, world: Markov, initial: Vector, reached: NDArray[np.bool_], lifted: Vector) -> None:
        self._world, self._reached = world, reached
        policies = world.padded(lifted)
        self._facing = [world.transitions.facing(policies, agent) for agent in range(len(policies))]
        self._solve = _transposed(chain(self._facing[0], policies[0]), world.discount)
        self.mass = np.where(reached, np.maximum(self._solve(initial), 0.0), 0.0)

    @classmethod
    def of(cls, game: PartiallyObserved, lifted: Vector) -> _Occupancy | None:
        """The occupancy of a profile, where beliefs depend on it."""
        return None if game.initial is None else cls(game.world, game.initial, game._reached, lifted)

    def change(self, direction: Vector) -> Vector:
        """dd = (I − γ P_π)⁻ᵀ γ (dP)ᵀ d for a change of the policies in every state. Shapes [world n] → [X]."""
        flows = [
            facing.T @ (self.mass[:, None] * change).reshape(-1)
            for facing, change in zip(self._facing, self._world.padded(direction), strict=True)
        ]
        return np.where(self._reached, self._solve(self._world.discount * np.sum(flows, axis=0)), 0.0)


def _sums(labels: Index, numbers: Vector, count: int) -> Vector:
    """The sum of the numbers with each label. Shapes [k], [k] → [count]."""
    return np.asarray(np.bincount(labels, numbers, minlength=count), dtype=np.float64)


def _transposed(matrix: Any, discount: float) -> Callable[[Vector], Vector]:
    """b ↦ (I − γ P_π)⁻ᵀ b, factored once. Shapes [X] → [X]."""
    states = matrix.shape[0]
    if isinstance(matrix, np.ndarray):
        from scipy.linalg import lu_factor, lu_solve

        factors = lu_factor(np.eye(states) - discount * matrix, check_finite=False)
        return lambda right: lu_solve(factors, right, trans=1, check_finite=False)
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import splu

    decomposition = splu(csc_array(eye_array(states) - discount * matrix))
    return lambda right: decomposition.solve(right, trans="T")


def _reachable(world: Markov, initial: Vector) -> NDArray[np.bool_]:
    """Which states some play leads to: interior policies reach all of them, whatever they are. Shape [X]."""
    policies = world.padded(np.exp(world.layout.uniform))
    moves = chain(world.transitions.facing(policies, 0), policies[0])
    reached = initial > 0.0
    while True:
        wider = reached | (moves.T @ reached.astype(np.float64) > 0.0)
        if (wider == reached).all():
            return reached
        reached = wider


def _counts(world: Markov, observed: Sequence[Index]) -> tuple[tuple[int, ...], ...]:
    """Number of actions, `[agent][information set]`."""
    if len(observed) != world.layout.agents:
        raise InputError(f"observed has {len(observed)} agents; the world has {world.layout.agents}.")
    counts: list[tuple[int, ...]] = []
    for agent, (sets, actions) in enumerate(zip(observed, world.layout.counts, strict=True)):
        if sets.shape != (world.states,):
            raise InputError(f"observed[{agent}] has shape {list(sets.shape)}; it needs {[world.states]}.")
        found: dict[int, int] = {}
        for state, (label, count) in enumerate(zip(sets.tolist(), actions, strict=True)):
            expected = 1 if label == IDLE else found.setdefault(label, count)
            if count != expected:
                name = "an idle state" if label == IDLE else f"information set {label}"
                raise InputError(f"agent {agent} has {count} actions in state {state}; {name} has {expected}.")
        found.pop(IDLE, None)
        if sorted(found) != list(range(len(found))):
            raise InputError(f"observed[{agent}] must number its information sets 0, 1, … without gaps.")
        counts.append(tuple(found[label] for label in range(len(found))))
    return tuple(counts)


def _lifts(layout: Layout, world: Layout, observed: Sequence[Index]) -> tuple[Index, Index]:
    """The set of every (agent, state) and the entry of every (agent, state, action); one past the last where idle."""
    sets = np.concatenate(
        [np.where(row == IDLE, layout.sets, row + layout.first_sets[i]) for i, row in enumerate(observed)]
    )
    first = np.append(layout.starts, layout.size)[sets]
    return sets, first[world.set_of] + np.arange(world.size) - world.starts[world.set_of]

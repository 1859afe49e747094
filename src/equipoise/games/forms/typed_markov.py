"""Markov games with private types, drawn anew in every stage or once for all.

    redrawn      θ^t ~ μ(·|s^t):  Q_i(θ_i, s, a) = Σ_{θ_-i} μ(θ_-i | s, θ_i) Q_i(s, θ, a)
    persistent   θ ~ prior once:  Q_i(θ_i, s, a) = Σ_{θ_-i} β(θ_-i | s, θ_i) Q_i(s, θ, a),  β(θ_-i|s, θ_i) ∝ d(s, θ)

Both are one `Markov` game on (s, θ) with policies that see (θ_i, s). A redrawn type tells nothing of the past and
today's belief is the conditional prior. A persistent one moves the state through its owner's actions, so that who is
met in a state is not whom the prior says: β is the occupancy's. What results is an equilibrium in stationary
policies of (own type, public state): nobody remembers what others did, see `partially_observed`. To let
agents learn types from actions, put the types into the first state of `TokenGame` and pay for the histories.

With S states and T type profiles the embedding has X = S·T states: transitions S²·T²·M entries if dense (redrawn;
S²·T·M non-zeros if persistent), and one X × X system for values.

Source: Harsanyi (1967); McKelvey and Palfrey (1998); DICE (arXiv 2606.08068), section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.layout import Matrix, Vector
from equipoise.games.validation import as_array, check_distribution, check_shape, per_agent

DENSE_ENTRIES = 2_000_000
"""Most entries of a transition table that is kept dense: 16 MB."""


class RedrawnTypes(PartiallyObserved):
    """Types drawn anew in every stage; policies are `[agent][θ_i·S + s][action]`.

    Args:
        payoffs: `[i][s][θ1]…[θN][a1]…[aN]`.
        transitions: `[s][a1]…[aN][s']`, or `[s][θ1]…[θN][a1]…[aN][s']`.
        discount: γ in [0, 1).
        types: μ(θ|s), `[s][θ1]…[θN]`; every state's sums to 1.
        available: `[i][s][a_i]` booleans, which actions exist; None for all.

    Raises:
        InputError: shapes that do not fit, rows that do not sum to 1; says which.
    """

    def __init__(
        self,
        payoffs: Sequence[Any] | np.ndarray,
        transitions: Any,
        discount: float,
        *,
        types: Any,
        available: Sequence[Any] | None = None,
    ) -> None:
        drawn = as_array(types, "types")
        agents = _agents(payoffs, drawn.ndim - 1, "types")
        check_distribution(drawn, "types", axes=agents)
        self.kinds = drawn.shape[1:]
        tensors, moves = _tables(payoffs, transitions, drawn.shape)
        states, profiles = drawn.shape[0], prod(self.kinds)
        draw = np.zeros((states, states, profiles))
        draw[np.arange(states), np.arange(states)] = drawn.reshape(states, profiles)
        world = _world(tensors, (moves, draw.reshape(states, -1)), discount, available, drawn.shape)
        super().__init__(world, _seen(drawn.shape), weights=_beliefs(drawn), set_name="type and state")

    def by_type(self, entries: Vector) -> list[np.ndarray]:
        """A flat vector as one array per agent; 0 where an action does not exist. Shapes [n] → N × [T_i, S, A_i]."""
        return _by_type(self, entries, self.kinds)


class PersistentTypes(PartiallyObserved):
    """Types drawn once, before the first stage; policies are `[agent][θ_i·S + s][action]`.

    In a (type, state) that play never reaches the belief is the prior's.

    Args:
        payoffs: `[i][s][θ1]…[θN][a1]…[aN]`.
        transitions: `[s][a1]…[aN][s']`, or `[s][θ1]…[θN][a1]…[aN][s']`.
        discount: γ in [0, 1).
        prior: common prior, `[θ1]…[θN]`, sums to 1; independent of the first state.
        initial: distribution of the first state, `[s]`.
        available: `[i][s][a_i]` booleans, which actions exist; None for all.

    Raises:
        InputError: shapes that do not fit, rows that do not sum to 1; says which.
    """

    def __init__(
        self,
        payoffs: Sequence[Any] | np.ndarray,
        transitions: Any,
        discount: float,
        *,
        prior: Any,
        initial: Any,
        available: Sequence[Any] | None = None,
    ) -> None:
        common, first = as_array(prior, "prior"), as_array(initial, "initial")
        agents = _agents(payoffs, common.ndim, "prior")
        check_distribution(common, "prior", axes=agents)
        check_distribution(first, "initial")
        self.kinds = common.shape
        shape = (len(first), *common.shape)
        tensors, moves = _tables(payoffs, transitions, shape)
        world = _world(tensors, (moves, None), discount, available, shape)
        weights = _beliefs(np.broadcast_to(common, shape))
        start = np.multiply.outer(first, common).reshape(-1)
        super().__init__(world, _seen(shape), weights=weights, initial=start, set_name="type and state")

    def by_type(self, entries: Vector) -> list[np.ndarray]:
        """A flat vector as one array per agent; 0 where an action does not exist. Shapes [n] → N × [T_i, S, A_i]."""
        return _by_type(self, entries, self.kinds)


def _agents(payoffs: Sequence[Any] | np.ndarray, axes: int, what: str) -> int:
    if len(payoffs) != axes or not axes:
        raise InputError(f"payoffs has {len(payoffs)} agents; {what} has {axes} axes of types, one per agent.")
    return axes


def _tables(payoffs: Sequence[Any] | np.ndarray, transitions: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, Any]:
    """Payoffs [N, S, θ…, a…] and transitions [S, θ…, a…, S]."""
    tensors = per_agent(payoffs, "payoffs")
    agents = len(tensors)
    if tensors[0].ndim != 2 * agents + 1:
        needs = "[states, one axis of types per agent, one axis of actions per agent]"
        raise InputError(f"payoffs[0] has shape {list(tensors[0].shape)} for {agents} agents; it needs {needs}.")
    actions = tensors[0].shape[agents + 1 :]
    for agent, tensor in enumerate(tensors):
        check_shape(tensor, (*shape, *actions), f"payoffs[{agent}]")
    moves, states = as_array(transitions, "transitions"), shape[0]
    if moves.ndim == agents + 2:
        check_shape(moves, (states, *actions, states), "transitions")
        moves = moves.reshape(states, *(1,) * agents, *actions, states)
    else:
        check_shape(moves, (*shape, *actions, states), "transitions")
    return np.stack(tensors), np.broadcast_to(moves, (*shape, *actions, states))


def _world(
    tensors: np.ndarray,
    moves_and_draw: tuple[np.ndarray, np.ndarray | None],
    discount: float,
    available: Sequence[Any] | None,
    shape: tuple[int, ...],
) -> Markov:
    """The game on x = (s, θ). `draw` [S, X] is how types follow the next state; None keeps them."""
    from scipy.sparse import coo_array, csr_array

    moves, draw = moves_and_draw
    states, profiles = shape[0], prod(shape[1:])
    actions = tensors.shape[1 + len(shape) :]
    rows = moves.reshape(-1, states)
    table: Any
    if draw is not None:
        table = csr_array(rows) @ csr_array(draw)
    else:
        row, state = np.nonzero(rows)
        theta = (row // prod(actions)) % profiles
        table = coo_array((rows[row, state], (row, state * profiles + theta)), shape=(len(rows), states * profiles))
    size = states * profiles
    given = table.tocsr()
    if len(rows) * size <= DENSE_ENTRIES:
        given = given.toarray().reshape(size, *actions, size)
    masks = None if available is None else [np.repeat(np.asarray(mask), profiles, axis=0) for mask in available]
    return Markov(tensors.reshape(len(tensors), size, *actions), given, discount, available=masks)


def _seen(shape: tuple[int, ...]) -> list[np.ndarray]:
    """θ_i·S + s of every x, per agent. N × [X]."""
    grid = np.indices(shape).reshape(len(shape), -1)
    return [grid[1 + agent] * shape[0] + grid[0] for agent in range(len(shape) - 1)]


def _beliefs(types: np.ndarray) -> Matrix:
    """Likelihood of every x to every agent; an impossible own type meets the others' marginals. Shape [N, X]."""
    axes = range(1, types.ndim)
    marginals = [types.sum(axis=tuple(other for other in axes if other != axis), keepdims=True) for axis in axes]
    likely = []
    for agent, own in enumerate(marginals):
        product = np.ones_like(types)
        for other, marginal in enumerate(marginals):
            product = product * (1.0 if other == agent else marginal)
        likely.append(np.where(own > 0.0, types, product).reshape(-1))
    return np.stack(likely)


def _by_type(game: PartiallyObserved, entries: Vector, kinds: tuple[int, ...]) -> list[np.ndarray]:
    states = game.world.states // prod(kinds)
    padded = game.world.padded(np.append(entries, 0.0)[game._entry])
    found = []
    for agent, rows in enumerate(padded):
        grid = np.moveaxis(rows.reshape(states, *kinds, -1), agent + 1, 0)
        found.append(grid[(slice(None), slice(None), *(0,) * (len(kinds) - 1))])
    return found

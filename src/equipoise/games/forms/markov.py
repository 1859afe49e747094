"""A discounted Markov (stochastic) game: in every state a stage game, whose actions pay now and choose the next state.

    Q_i(s, a) = E_{a_-i ~ π_-i(·|s)}[ r_i(s, a, a_-i) + γ Σ_t P(t|s, a, a_-i) V_i(t) ]

V_i solves (I − γ P_π) V_i = ⟨π, r_i⟩ + h_i with h = 0 (plain), τ H(π) (soft) or −τ KL(π‖ρ) (kl): see `game`.
Policies are stationary, `[agent][state][action]`; temperatures may depend on agent and state. Actions that do not
exist in a state are marked in `available`, and the arrays padded there.

With S states, N agents, M joint actions: Q costs N S M for payoffs, N times the non-zeros of P, and one solve of an
S × S system with N right sides. The Jacobian is dense, n = Σ A_i(s): fit for about 2,000 entries; `linearize` keeps
[S, A_i, A_j] blocks and the chains that each agent faces, for 10,000 states and more.

Source: Shapley (1953); McKelvey and Palfrey (1998) for quantal response; Eibelshäuser and Poensgen (2019) for its
Markov form (plain). DICE (arXiv 2606.08068), equation 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games import deviation, stage
from equipoise.games.forms.transition import Transitions, chain, discounted
from equipoise.games.game import Game, Regularizer, Tangent
from equipoise.games.layout import Layout, Matrix, Vector
from equipoise.games.response import SMALLEST, divergence, entropy
from equipoise.games.validation import check_discount, check_shape, per_agent


class Markov(Game):
    """A discounted Markov game; policies are `[agent][state][action]`.

    Args:
        payoffs: `[i][s][a1]…[aN]`.
        transitions: `[s][a1]…[aN][s']`, or a scipy.sparse matrix with one row per (s, a1, …, aN) in that order.
        discount: γ in [0, 1).
        available: `[i][s][a_i]` booleans, which actions exist; None for all.

    Raises:
        InputError: shapes that do not fit, entries not finite, rows that do not sum to 1, a discount outside [0, 1), a
            state without actions; says which.
    """

    def __init__(
        self,
        payoffs: Sequence[Any] | np.ndarray,
        transitions: Any,
        discount: float,
        *,
        available: Sequence[Any] | None = None,
    ) -> None:
        tensors = per_agent(payoffs, "payoffs")
        if not tensors or tensors[0].ndim != len(tensors) + 1 or 0 in tensors[0].shape:
            found = list(tensors[0].shape) if tensors else []
            needs = "[states, then one axis of actions per agent]"
            raise InputError(f"payoffs[0] has shape {found} for {len(tensors)} agents; it needs {needs}.")
        for agent, tensor in enumerate(tensors):
            check_shape(tensor, tensors[0].shape, f"payoffs[{agent}]")
        self.payoffs = np.stack(tensors)
        self.discount = check_discount(discount)
        states, actions = tensors[0].shape[0], tensors[0].shape[1:]
        self.masks = _masks(available, states, actions)
        counts = tuple(tuple(int(row.sum()) for row in mask) for mask in self.masks)
        self.layout = Layout(counts, set_name="state")
        possible = stage.joint([mask.astype(np.float64) for mask in self.masks]) > 0.0
        self.transitions = Transitions.of(transitions, states, actions, possible=possible)

    @property
    def states(self) -> int:
        """Number of states."""
        return self.payoffs.shape[1]

    @cached_property
    def payoff_scale(self) -> float:
        """Largest |payoff| of a stage over 1 − γ."""
        return float(np.abs(self.payoffs).max()) / (1.0 - self.discount)

    def q(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Payoffs of actions against the others, future included, by the continuation. Shapes [n] → [n]."""
        policies = self.padded(policy)
        solve = discounted(self.chain(policies), self.discount)
        values = self._values(policies, solve, policy, regularizer)
        return self.flat([stage.expected(g, policies, i) for i, g in enumerate(self._prospects(values))])

    def values(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """V of every (agent, state) by the continuation. Shape [sets]."""
        policies = self.padded(policy)
        solve = discounted(self.chain(policies), self.discount)
        return self._values(policies, solve, policy, regularizer).T.reshape(-1)

    def jacobian(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """dQ/dπ, through payoffs and through the values of all states. Shape [n, n]."""
        parts = _Parts(self, policy, regularizer)
        states, layout = self.states, self.layout
        matrix = np.zeros((layout.size, layout.size))
        everywhere = np.arange(states)
        for i in range(layout.agents):
            d_value = np.zeros((states, layout.size))
            for j in range(layout.agents):
                column = np.zeros((states, *self.masks[j].shape))
                column[everywhere, everywhere] = parts.value_slope(i, j)
                d_value[:, layout.block(j)] = column[:, self.masks[j]]
                if j != i:
                    block = np.zeros((*self.masks[i].shape, *self.masks[j].shape))
                    block[everywhere, :, everywhere, :] = parts.stages[i][j]
                    matrix[layout.block(i), layout.block(j)] = block[self.masks[i]][:, self.masks[j]]
            ahead = parts.facing[i] @ parts.solve(d_value)
            matrix[layout.block(i)] += self.discount * ahead[self.masks[i].reshape(-1)]
        return matrix

    def linearize(self, policy: Vector, regularizer: Regularizer) -> tuple[Vector, Tangent]:
        """Q and its directional derivative: per-state blocks, then one discounted system for all agents."""
        parts = _Parts(self, policy, regularizer)
        agents = range(self.layout.agents)

        def tangent(direction: Vector) -> Vector:
            changes = self.padded(direction)
            d_values = parts.solve(
                np.stack([sum((parts.value_slope(i, j) * changes[j]).sum(axis=1) for j in agents) for i in agents], 1)
            )
            rows = []
            for i in agents:
                row = self.discount * (parts.facing[i] @ d_values[:, i]).reshape(self.masks[i].shape)
                for j, block in parts.stages[i].items():
                    row = row + np.matmul(block, changes[j][:, :, None])[:, :, 0]
                rows.append(row)
            return self.flat(rows)

        return self.flat(parts.q), tangent

    def regularized_gap(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Gain in V of the best regularised policy against the others, from every state. Shape [sets].

        With `plain` values no objective is regularised: the gain of one stage, its future held fixed.
        """
        if regularizer.continuation == "plain":
            return super().regularized_gap(policy, regularizer)
        return deviation.gains(self, policy, regularizer, soft=True)

    def exploitability(self, policy: Vector, regularizer: Regularizer) -> Vector:
        """Gain in discounted payoff of the best policy against the others, from every state. Shape [sets]."""
        return deviation.gains(self, policy, regularizer, soft=False)

    def padded(self, flat: Vector) -> list[Matrix]:
        """The flat vector with 0 where an action does not exist. Shapes [n] → N × [S, A_i]."""
        policies = []
        for agent, mask in enumerate(self.masks):
            policy = np.zeros(mask.shape)
            policy[mask] = flat[self.layout.block(agent)]
            policies.append(policy)
        return policies

    def flat(self, padded: Sequence[Matrix]) -> Vector:
        """The entries that exist. Shapes N × [S, A_i] → [n]."""
        return np.concatenate([rows[mask] for rows, mask in zip(padded, self.masks, strict=True)])

    def chain(self, policies: Sequence[Matrix]) -> Any:
        """P_π. Shape [S, S]."""
        return chain(self.transitions.facing(policies, 0), policies[0])

    def bonus(self, policy: Vector, regularizer: Regularizer) -> Matrix:
        """h, what the continuation adds to the payoff of a stage. Shape [S, agents]."""
        if regularizer.continuation == "plain":
            return np.zeros((self.states, self.layout.agents))
        if regularizer.continuation == "soft":
            per_set = regularizer.temperature * entropy(policy, self.layout)
        else:
            per_set = -regularizer.temperature * divergence(policy, regularizer.log_reference, self.layout)
        return per_set.reshape(self.layout.agents, self.states).T

    def _values(
        self,
        policies: Sequence[Matrix],
        solve: Callable[[Matrix], Matrix],
        policy: Vector,
        regularizer: Regularizer,
    ) -> Matrix:
        """V by the continuation. Shape [S, agents]."""
        weights = stage.joint(policies)
        now = np.einsum("sm,ism->si", weights, self.payoffs.reshape(len(policies), self.states, -1))
        return solve(now + self.bonus(policy, regularizer))

    def _prospects(self, values: Matrix) -> np.ndarray:
        """r_i + γ E[V_i(s')] of every joint action. Shape [agents, S, A1, …, AN]."""
        return self.payoffs + self.discount * np.moveaxis(self.transitions.ahead(values), -1, 0)


class _Parts:
    """What a derivative of Q at one profile is made of.

    Attributes:
        facing: per agent, P(t|s, a_i) against the others; rows (s, a_i).
        stages: per agent i, j: dQ_i/dπ_j of the stage game with values fixed. Shape [S, A_i, A_j].
        q: per agent, Q. Shape [S, A_i].
        solve: b ↦ (I − γ P_π)⁻¹ b.
    """

    def __init__(self, game: Markov, policy: Vector, regularizer: Regularizer) -> None:
        self.policies = game.padded(policy)
        agents = range(len(self.policies))
        self.facing = [game.transitions.facing(self.policies, i) for i in agents]
        self.solve = discounted(chain(self.facing[0], self.policies[0]), game.discount)
        values = game._values(self.policies, self.solve, policy, regularizer)
        prospects = game._prospects(values)
        self.stages = [stage.pairs(prospects[i], self.policies, i) for i in agents]
        self.q = [stage.expected(prospects[i], self.policies, i) for i in agents]
        self._bonus_slope = game.padded(_bonus_slope(policy, regularizer))

    def value_slope(self, agent: int, other: int) -> Matrix:
        """d⟨π, r_i + γ P V_i⟩ + h_i by agent j's probabilities, values fixed. Shape [S, A_j]."""
        if agent == other:
            return self.q[agent] + self._bonus_slope[agent]
        return np.matmul(self.policies[agent][:, None, :], self.stages[agent][other])[:, 0, :]


def _bonus_slope(policy: Vector, regularizer: Regularizer) -> Vector:
    """dh/dπ of every entry. Shape [n]."""
    if regularizer.continuation == "plain":
        return np.zeros_like(policy)
    logs = np.log(np.maximum(policy, SMALLEST))
    if regularizer.continuation == "kl":
        logs = logs - regularizer.log_reference
    return -regularizer.spread_temperature * (logs + 1.0)


def _masks(available: Sequence[Any] | None, states: int, actions: tuple[int, ...]) -> list[np.ndarray]:
    if available is None:
        return [np.ones((states, count), dtype=bool) for count in actions]
    masks = [mask != 0.0 for mask in per_agent(available, "available")]
    if len(masks) != len(actions):
        raise InputError(f"available has {len(masks)} agents; the payoffs have {len(actions)}.")
    for agent, (mask, count) in enumerate(zip(masks, actions, strict=True)):
        if mask.shape != (states, count):
            raise InputError(f"available[{agent}] has shape {list(mask.shape)}; it needs {[states, count]}.")
        if not mask.any(axis=1).all():
            state = int(np.flatnonzero(~mask.any(axis=1))[0])
            raise InputError(f"available[{agent}][{state}] has no action; every state needs one for every agent.")
    return masks

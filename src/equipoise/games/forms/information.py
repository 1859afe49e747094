"""The discounted incomplete-information Markov game with a public token, for a finite number of stages.

    y^t = G(a^t),  R_i = φ_i(s, y),  s^{t+1} ~ P(·|s, a),  o^{t+1} ~ Ω(·|s^{t+1}),
    h_i^{t+1} = (h_i^t, a_i^t, y^t, R_i^t, o_i^{t+1})

⟨N, S, A, O, Y, P, Ω, G, φ, γ, μ₀⟩ of DICE, definition 1: constant G is no communication, injective G full
transparency. Types go into the first state and its observation. `TokenGame` compiles it into information sets of
perfect recall over histories of `horizon` stages, whose quantal response equilibria are those of section 2; cutting it
there changes no policy's payoff by more than

    |tail| ≤ γ^H max|φ| / (1 − γ),        or γ^H (max|φ| + τ log A) / (1 − γ) with `soft` values.

`ProtocolGame` is the game of the paper's two algorithms: a stage is a public message of the Coordinator, private
candidates of the Executors who read it, and their aggregate as the token. No time passes between message and
candidates, so a stage counts once in γ: the halves are discounted by √γ, and payoffs and temperatures of
the second half are measured in units of √γ so that Q and τ mean what they do in one stage.

The cost is that of `histories`: it grows as (joint actions × branches)^H. For small instances, to test learners with.

Source: DICE (arXiv 2606.08068), sections 1 to 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Any

import numpy as np

from equipoise.errors import InputError
from equipoise.games.forms.histories import Branch, Histories, Play, unroll
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.validation import as_array, check_discount, check_distribution, check_shape

ANY_DISCOUNT = 0.25
"""Stands in for γ where there is one stage and no future to discount."""


class _Finite(PartiallyObserved):
    """A play cut after some stages; policies are `[agent][information set][action]`.

    Attributes:
        histories: full states, and what every agent knows in its information sets (`histories.known[i][k]`).
        horizon: number of stages.
        discount: γ between stages.
    """

    def __init__(self, play: Play, *, horizon: int, discount: float, halves: int, reward: float) -> None:
        self.discount = check_discount(discount)
        if horizon < 1:
            raise InputError(f"the horizon is {horizon}; there must be at least one stage.")
        if self.discount == 0.0 and horizon > 1:
            raise InputError(f"with a discount of 0 nothing after the first stage counts; horizon {horizon} must be 1.")
        self.horizon, self._reward = horizon, reward
        step = (self.discount or ANY_DISCOUNT) ** (1.0 / halves)
        self.histories: Histories = unroll(play, halves * horizon, step)
        units = step ** np.array([period % halves for period in self.histories.periods] + [0])
        super().__init__(
            self.histories.world,
            self.histories.observed,
            initial=self.histories.initial,
            units=units,
        )

    def tail(self, temperature: float = 0.0) -> float:
        """A bound on what the stages beyond the horizon are worth to anybody, at the start.

        Args:
            temperature: the largest τ under `soft` values; 0 for plain payoffs and for `kl` at an equilibrium.
        """
        bonus = temperature * log(float(self.layout.sizes.max(initial=1)))
        return self.discount**self.horizon * (self._reward + bonus) / (1.0 - self.discount)


class TokenGame(_Finite):
    """The game with a public token y = G(a).

    Args:
        rewards: φ, `[i][s][y]`.
        tokens: G, `[a1]…[aN]`, integers from 0.
        transitions: P, `[s][a1]…[aN][s']`.
        observations: Ω, `[s][o1]…[oN]`, the joint distribution of private observations; None if nobody sees anything.
        initial: μ₀, `[s]`.
        discount: γ in [0, 1).
        horizon: stages played, ≥ 1.

    Raises:
        InputError: shapes that do not fit, rows that do not sum to 1, too many histories; says which.
    """

    def __init__(
        self,
        rewards: Sequence[Any] | np.ndarray,
        tokens: Any,
        transitions: Any,
        *,
        initial: Any,
        discount: float,
        horizon: int,
        observations: Any = None,
    ) -> None:
        play = _TokenPlay(rewards, tokens, transitions, observations, initial)
        super().__init__(play, horizon=horizon, discount=discount, halves=1, reward=float(np.abs(play.earned).max()))


class ProtocolGame(_Finite):
    """Message, private candidates, aggregate: agent 0 is the Coordinator, the others are Executors.

    Args:
        rewards: φ, `[i][s][m][y]`, Coordinator first.
        aggregate: `[m][c1]…[cK]`, the token that candidates make, integers from 0.
        transitions: P, `[s][m][c1]…[cK][s']`.
        observations: Ω, `[s][o0]…[oK]`, joint over Coordinator and Executors; None if nobody sees anything.
        initial: μ₀, `[s]`.
        discount: γ in [0, 1) between stages.
        horizon: stages played, ≥ 1.

    Raises:
        InputError: shapes that do not fit, rows that do not sum to 1, too many histories; says which.
    """

    def __init__(
        self,
        rewards: Sequence[Any] | np.ndarray,
        aggregate: Any,
        transitions: Any,
        *,
        initial: Any,
        discount: float,
        horizon: int,
        observations: Any = None,
    ) -> None:
        unit = sqrt(discount) if discount > 0.0 else sqrt(ANY_DISCOUNT)
        play = _ProtocolPlay((rewards, aggregate, transitions, observations, initial), unit=unit)
        super().__init__(play, horizon=horizon, discount=discount, halves=2, reward=float(np.abs(play.earned).max()))


class _TokenPlay:
    """Rules of one stage per period. Every signal is (token, own reward, own observation)."""

    def __init__(self, rewards: Any, tokens: Any, transitions: Any, observations: Any, initial: Any) -> None:
        self.tokens = _integers(tokens, "tokens")
        self.moves = as_array(transitions, "transitions")
        self.earned = as_array(rewards, "rewards")
        states, agents = self.moves.shape[-1], self.earned.shape[0]
        check_shape(self.moves, (states, *self.tokens.shape, states), "transitions")
        check_distribution(self.moves, "transitions")
        check_shape(self.earned, (agents, states, *self._outcomes()), "rewards")
        given = np.ones((states, *(1,) * agents)) if observations is None else observations
        self.seen = as_array(given, "observations")
        if self.seen.ndim != agents + 1 or len(self.seen) != states:
            needs = f"[{states}, then one axis of observations for each of {agents} agents]"
            raise InputError(f"observations has shape {list(self.seen.shape)}; it needs {needs}.")
        check_distribution(self.seen, "observations", axes=agents)
        self.initial = as_array(initial, "initial")
        check_shape(self.initial, (states,), "initial")
        check_distribution(self.initial, "initial")
        self.agents = agents

    def _outcomes(self) -> tuple[int, ...]:
        """What a reward depends on besides the state."""
        return (int(self.tokens.max()) + 1,)

    def beginnings(self) -> list[Branch]:
        """The first states and the first observations."""
        return self._observing(self.initial, [()] * self.agents)

    def actions(self, state: int) -> tuple[int, ...]:
        """As many for every state."""
        return self.tokens.shape

    def rewards(self, state: int, joint: tuple[int, ...]) -> Sequence[float]:
        """φ_i(s, G(a))."""
        return self.earned[:, state, self.tokens[joint]].tolist()

    def follow(self, state: int, joint: tuple[int, ...]) -> list[Branch]:
        """The next states, with the token, one's reward and one's observation of the next state."""
        token = int(self.tokens[joint])
        told = [(token, reward) for reward in self.rewards(state, joint)]
        return self._observing(self.moves[(state, *joint)], told)

    def _observing(self, states: np.ndarray, told: Sequence[tuple[Any, ...]]) -> list[Branch]:
        branches = []
        for following in np.flatnonzero(states).tolist():
            for where in np.argwhere(self.seen[following]).tolist():
                probability = float(states[following] * self.seen[(following, *where)])
                signals = tuple((*before, own) for before, own in zip(told, where, strict=True))
                branches.append(Branch(probability, following, signals))
        return branches


class _ProtocolPlay:
    """Rules of two periods per stage. States are s before the message and (s, m) after it."""

    def __init__(self, arrays: tuple[Any, Any, Any, Any, Any], *, unit: float) -> None:
        rewards, aggregate, transitions, observations, initial = arrays
        tokens, earned = _integers(aggregate, "aggregate"), as_array(rewards, "rewards")
        if earned.ndim != 4 or len(earned) != tokens.ndim or earned.shape[2] != tokens.shape[0]:
            needs = f"[{tokens.ndim} agents, states, {tokens.shape[0]} messages, tokens]"
            raise InputError(f"rewards has shape {list(earned.shape)}; it needs {needs}.")
        # A stage's outcome is the pair (message, token), which everybody sees.
        width = earned.shape[3]
        if tokens.max() >= width:
            raise InputError(f"aggregate names token {int(tokens.max())}; rewards has {width} tokens.")
        pairs = tokens + width * np.arange(len(tokens)).reshape(-1, *(1,) * (tokens.ndim - 1))
        self._stage = _TokenPlay(_padded(earned, pairs), pairs, transitions, observations, initial)
        self.earned, self._unit, self.agents = earned, unit, tokens.ndim

    def beginnings(self) -> list[Branch]:
        """The first states and the first observations."""
        return self._stage.beginnings()

    def actions(self, state: int | tuple[int, int]) -> tuple[int, ...]:
        """The Coordinator's messages, then the Executors' candidates."""
        messages, *candidates = self._stage.tokens.shape
        return (1, *candidates) if isinstance(state, tuple) else (messages, *(1,) * len(candidates))

    def rewards(self, state: int | tuple[int, int], joint: tuple[int, ...]) -> Sequence[float]:
        """φ_i(s, (m, y)) in the second half's units; nothing for a message by itself."""
        if not isinstance(state, tuple):
            return [0.0] * self.agents
        return [reward / self._unit for reward in self._stage.rewards(state[0], (state[1], *joint[1:]))]

    def follow(self, state: int | tuple[int, int], joint: tuple[int, ...]) -> list[Branch]:
        """The message to everybody; then the token, rewards and observations of the next state."""
        if isinstance(state, tuple):
            return self._stage.follow(state[0], (state[1], *joint[1:]))
        return [Branch(1.0, (state, joint[0]), (joint[0],) * self.agents)]


def _padded(earned: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Rewards by (message, token) pair, as many pairs as are named. Shape [N, S, pairs]."""
    return earned.reshape(*earned.shape[:2], -1)[:, :, : int(pairs.max()) + 1]


def _integers(given: Any, what: str) -> np.ndarray:
    array = as_array(given, what)
    if not array.size or (array != np.floor(array)).any() or array.min() < 0:
        raise InputError(f"{what} must hold whole numbers from 0, one per joint action.")
    return array.astype(np.int64)

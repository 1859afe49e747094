"""The sufficient form for discounted Markov games: small gain with a price on moving the future.

    τ_i(s) > ¼ [ Σ_j κ_ij(s) + 2γ/(1−γ) δ_i(s) max_t Σ_j C_ij(t) ]   for all i, s

κ_ij(s): second difference of r_i + γ P V_i in the actions of i and j; C_ij(t): its first difference in j's action;
δ_i(s): own control, the largest total variation between the next states of two actions of i. With δ = 0, one-shot
questions asked in turn, the horizon drops out.

V_i is not known, but lies between the values that the best and the worst joint play would give: a box, and with its
middle m and radius ρ a difference Δ of r + γPV is at most |Δ(r + γPm)| + γ |ΔP| ρ.

Proof. For `kl` and `soft` the equilibria are the fixed points of z_i ← log ρ + Q_i*/τ_i, Q_i* with the value of i's
best regularised reply to the others; by the envelope theorem that value moves with the others' policies alone, so the
sum in C has j ≠ i, and the map is a contraction in the maximum of ranges. For `plain` the value is that of the profile
itself, j = i is in the sum too, and the map is logit response, damped at the rate 1 − α(1 − g). Ranges may be weighted
by any m > 0: g is the least of max_x f(m)_x/m_x that power steps on the right side f over 4τ find, from m = 1, the form
above.

For `kl` and `plain` the bound scales with 1/τ. For `soft` the box grows with temperature and the least factor is found
by bisection; it may not exist, since hot states draw agents at every scale. A reference that is not uniform breaks the
envelope of `soft`.

Cost: N² A⁴/8 passes over the rows of P that remain, S M/A² each, and sweeps for the box.

Source: Eibelshäuser and Poensgen (2019) for the equilibrium; the condition is derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from equipoise.games import stage
from equipoise.games.certificate import ROUNDING, Certificate, Criterion
from equipoise.games.coupling import unknown_because
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.layout import Matrix, Vector
from equipoise.games.problem import Problem

SWEEPS = 100
"""Most sweeps that tighten the box of values; every number of them is sound."""
TIGHT = 1e-6
"""Relative change of the box at which sweeps stop."""
POWER_STEPS = 100
HALVINGS = 60
HOTTEST = 1e9
"""Largest factor of the temperatures that bisection tries."""


@dataclass(frozen=True, kw_only=True)
class MarkovGain(Criterion):
    """The largest of the right sides over τ, weighted."""

    @property
    def source(self) -> str:
        """Where the statement is from."""
        return "small gain in ranges with τ_i(s) > ¼ [Σ_j κ_ij(s) + 2γ/(1−γ) δ_i(s) Σ_j C_ij]"

    @property
    def proves(self) -> str:
        """What it proves."""
        return "The stationary equilibrium is unique, and logit response to best-reply values converges to it."

    def examine(self, problem: Problem) -> Certificate:
        """The certificate; weights are those of the norm."""
        game = problem.game
        if isinstance(game, PartiallyObserved):
            return self.silent(unknown_because(game))
        if not isinstance(game, Markov):
            return self.silent("the game is over after one stage; see the certificates small_gain and symmetrised.")
        parts = _Differences(game, problem)
        steered = bool((parts.control > ROUNDING).any()) and game.discount > 0.0
        soft = problem.regularizer.continuation == "soft"
        if soft and steered and not np.allclose(problem.regularizer.log_reference, game.layout.uniform, atol=ROUNDING):
            return self.silent("'soft' values with a reference that is not uniform are no best reply's. Use 'kl'.")
        bound, weights = parts.gain()
        factor = _least_factor(game, problem, bound) if soft and steered else bound
        rate = bound if problem.regularizer.continuation == "plain" or not steered else None
        reason = "values are bounded by the best and the worst joint play."
        public = problem.layout.nest_sets(weights)
        return self.found(problem, bound, factor, exact=False, reason=reason, weights=public, rate=rate)


class _Differences:
    """κ, C and δ of a game at its temperatures.

    Attributes:
        kappa: [agents i, agents j, S].
        first: C, [agents i, agents j, S], j = i included.
        control: δ, [agents, S].
    """

    def __init__(self, game: Markov, problem: Problem) -> None:
        agents, states = game.layout.agents, game.states
        self._plain = problem.regularizer.continuation == "plain"
        self._discount = game.discount
        self._temperature = problem.regularizer.temperature.reshape(agents, states)
        low, high = box(game, problem)
        radius = game.discount * (high - low) / 2.0
        prospects = game.payoffs + game.discount * np.moveaxis(game.transitions.ahead((high + low) / 2.0), -1, 0)
        self._prospects = prospects.reshape(agents, -1)
        self._table = game.transitions.table.reshape(-1, states) if game.transitions.dense else game.transitions.table
        self._aside = np.concatenate([radius, np.full((states, 1), 0.5)], axis=1)
        self._possible = stage.joint([mask.astype(np.float64) for mask in game.masks]).reshape(-1) > 0.0
        self.kappa = np.zeros((agents, agents, states))
        self.first = np.zeros((agents, agents, states))
        self.control = np.zeros((agents, states))
        cells = np.arange(states * prospects[0, 0].size).reshape(states, *game.transitions.actions)
        for j in range(agents):
            for rows in _differences(cells, [j]):
                largest = self._largest(rows, (1.0, -1.0))
                self.first[:, j] = np.maximum(self.first[:, j], largest[:-1])
                self.control[j] = np.maximum(self.control[j], largest[-1])
            for i in range(j):
                for rows in _differences(cells, [i, j]):
                    largest = self._largest(rows, (1.0, -1.0, -1.0, 1.0))
                    self.kappa[i, j] = np.maximum(self.kappa[i, j], largest[i])
                    self.kappa[j, i] = np.maximum(self.kappa[j, i], largest[j])

    def gain(self) -> tuple[float, Vector]:
        """g and the weights it was found with. Shape [sets]."""
        weights = np.ones_like(self._temperature)
        best, kept = np.inf, weights
        for _ in range(POWER_STEPS):
            answer = self._right(weights) / (4.0 * self._temperature)
            level = float((answer / weights).max())
            if level < best:
                best, kept = level, weights
            if level == 0.0:
                break
            weights = weights / weights.max() + answer / answer.max()
        return best, (kept / kept.max()).reshape(-1)

    def _right(self, weights: Matrix) -> Matrix:
        """Σ_j κ_ij(s) m_j(s) + 2γ/(1−γ) δ_i(s) max_t Σ_j C_ij(t) m_j(t). Shapes [agents, S] → [agents, S]."""
        first = self.first
        if not self._plain:
            first = first * ~np.eye(len(first), dtype=bool)[:, :, None]
        moved = np.einsum("ijs,js->is", first, weights).max(axis=1, keepdims=True)
        ahead = 2.0 * self._discount / (1.0 - self._discount) * self.control * moved
        return np.einsum("ijs,js->is", self.kappa, weights) + ahead

    def _largest(self, rows: list[np.ndarray], signs: tuple[float, ...]) -> Matrix:
        """Largest |difference| of every agent's r + γPV, then of P in total variation. Shape [agents + 1, S]."""
        shape = rows[0].shape
        flat = [row.reshape(-1) for row in rows]
        payoff = sum(sign * self._prospects[:, row] for sign, row in zip(signs, flat, strict=True))
        moved = sum(sign * self._table[row] for sign, row in zip(signs, flat, strict=True))
        sizes = (abs(moved) @ self._aside).T  # pyright: ignore[reportOperatorIssue]
        sizes[:-1] += np.abs(payoff)
        sizes *= np.logical_and.reduce([self._possible[row] for row in flat])
        return sizes.reshape(-1, *shape).max(axis=2)


def _differences(cells: np.ndarray, agents: list[int]) -> Iterator[list[np.ndarray]]:
    """Rows of P in every pair of actions of one agent, or every two pairs of two: 2 or 4 × [S, others]."""
    front = np.moveaxis(cells, [agent + 1 for agent in agents], range(1, len(agents) + 1))
    counts = front.shape[1 : len(agents) + 1]
    flat = front.reshape(cells.shape[0], *counts, -1)
    for a, b in combinations(range(counts[0]), 2):
        if len(agents) == 1:
            yield [flat[:, a], flat[:, b]]
            continue
        for c, d in combinations(range(counts[1]), 2):
            yield [flat[:, a, c], flat[:, b, c], flat[:, a, d], flat[:, b, d]]


def box(game: Markov, problem: Problem) -> tuple[Matrix, Matrix]:
    """Bounds on V_i(s) over every profile: what the worst and the best joint play give. Shapes [S, agents]."""
    pay = np.moveaxis(game.payoffs.reshape(game.layout.agents, game.states, -1), 0, -1)
    if problem.regularizer.continuation == "soft":
        entropy = problem.regularizer.temperature * np.log(game.layout.sizes)
        pay = pay + entropy.reshape(game.layout.agents, 1, game.states).T
    impossible = ~(stage.joint([mask.astype(np.float64) for mask in game.masks]) > 0.0)[:, :, None]
    most, least = np.where(impossible, -np.inf, pay), np.where(impossible, np.inf, pay)
    horizon = 1.0 - game.discount
    high = np.broadcast_to(most.max(axis=(0, 1)) / horizon, (game.states, game.layout.agents))
    low = np.broadcast_to(least.min(axis=(0, 1)) / horizon, (game.states, game.layout.agents))
    for _ in range(SWEEPS):
        before = high - low
        high = (most + game.discount * game.transitions.ahead(high).reshape(pay.shape)).max(axis=1)
        low = (least + game.discount * game.transitions.ahead(low).reshape(pay.shape)).min(axis=1)
        if float((before - (high - low)).max()) <= TIGHT * float(before.max()):
            break
    return low, high


def _least_factor(game: Markov, problem: Problem, bound: float) -> float | None:
    """The factor of the temperatures at which the bound passes 1, by bisection; None if it stays above."""

    def holds(factor: float) -> bool:
        return _Differences(game, Problem(game, problem.regularizer.heated(factor))).gain()[0] < 1.0

    low, high = (0.0, 1.0) if bound < 1.0 else (1.0, max(2.0, bound))
    while not holds(high):
        low, high = high, 8.0 * high
        if high > HOTTEST:
            return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if holds(middle) else (middle, high)
        if high - low <= ROUNDING * high:
            break
    return high


CRITERION = MarkovGain()

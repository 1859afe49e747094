"""What an agent of a Markov game gains by its best policy when the others stay as they are.

Against fixed others an agent faces a Markov decision process r(s, a), P(t|s, a). Policy iteration solves it:
evaluate (I − γ P_μ) V = ⟨μ, r⟩ + h, improve by μ(·|s) ← argmax of Q, or ρ exp(Q/τ) normalised where the objective is
regularised.

Hard policy iteration ends after finitely many steps; the soft one converges quadratically near its end (it is Newton's
method on the soft Bellman equation; Geist, Scherrer and Pietquin, ICML 2019). Each step costs one S × S system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from equipoise.games import stage
from equipoise.games.forms.transition import chain, discounted
from equipoise.games.game import Regularizer
from equipoise.games.layout import Matrix, Vector
from equipoise.games.response import softmax

if TYPE_CHECKING:
    from equipoise.games.forms.markov import Markov

IMPROVEMENTS = 200
SETTLED = 1e-13
"""Relative gain in value at which policy iteration stops."""


def gains(game: Markov, policy: Vector, regularizer: Regularizer, *, soft: bool) -> Vector:
    """V of the best policy less V of the agent's own, from every state, ≥ 0. Shape [sets].

    Args:
        game: the game.
        policy: the profile. Shape [n].
        regularizer: its temperatures, references and continuation.
        soft: whether both values are regularised by the continuation, or plain payoff.
    """
    judge = regularizer
    if not soft:
        judge = Regularizer(regularizer.layout, regularizer.temperature, regularizer.log_reference, "plain")
    own = game.values(policy, judge).reshape(game.layout.agents, game.states)
    best = [_best_values(game, policy, judge, agent, own[agent], soft=soft) for agent in range(game.layout.agents)]
    return np.maximum(np.concatenate(best) - own.reshape(-1), 0.0)


def _best_values(game: Markov, policy: Vector, judge: Regularizer, agent: int, values: Vector, *, soft: bool) -> Vector:
    """V of the agent's best policy against the others, by policy iteration from its own. Shape [S]."""
    policies = game.padded(policy)
    facing = game.transitions.facing(policies, agent)
    payoff = stage.expected(game.payoffs[agent], policies, agent)
    for _ in range(IMPROVEMENTS):
        q = payoff + game.discount * (facing @ values).reshape(payoff.shape)
        reply = _reply(game, policy, judge, agent, q, soft=soft)
        trial = policy.copy()
        trial[game.layout.block(agent)] = reply[game.masks[agent]]
        now = (reply * payoff).sum(axis=1) + game.bonus(trial, judge)[:, agent]
        improved = discounted(chain(facing, reply), game.discount)(now[:, None])[:, 0]
        gained = float((improved - values).max())
        values = np.maximum(improved, values)
        if gained <= SETTLED * max(1.0, float(np.abs(values).max())):
            break
    return values


def _reply(game: Markov, policy: Vector, judge: Regularizer, agent: int, q: Matrix, *, soft: bool) -> Matrix:
    """The best reply to Q, quantal or pure. Shape [S, A_agent]."""
    mask = game.masks[agent]
    if not soft:
        reply = np.zeros(mask.shape)
        reply[np.arange(len(mask)), np.where(mask, q, -np.inf).argmax(axis=1)] = 1.0
        return reply
    block = game.layout.block(agent)
    reference = judge.log_reference if judge.continuation == "kl" else np.zeros_like(policy)
    logits = np.log(np.maximum(policy, np.finfo(np.float64).tiny))
    logits[block] = reference[block] + q[mask] / judge.spread_temperature[block]
    reply = np.zeros(mask.shape)
    reply[mask] = softmax(logits, game.layout)[block]
    return reply

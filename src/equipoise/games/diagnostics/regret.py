"""Regret of a course of play π_0 … π_{K−1}, in three readings that are never one number.

    against the HQRE     Σ_k [W(π*) − W(π_k)]      what learning still costs; may be negative
    against the best     Σ_k [W_max − W(π_k)]      what any team could have had
    price                K [W_max − W(π*)]         what regularisation costs: their difference, whatever was played

W is welfare, the sum of the agents' expected payoffs without regularisation; W_max is the largest of any profile
without communication, π* a quantal response equilibrium. Only the first can stay bounded: the second grows by the
price.

W is linear in every (agent, information set) that play passes once at most, so in one shot and with perfect recall the
best profile is pure. `best_welfare` reads it off the tensor (normal form, common payoff), solves the team's Markov
decision process, or tries every pure profile up to `MOST_PROFILES`; where that is too many, or memoryless policies may
gain by mixing, pass the number.

What agents could still gain adds up too. Under small gain, with exact payoffs and damping α, in the norm ‖z‖ = max_i
range(z_i)/r_i in which the logit map H contracts by g,

    Σ_k gap_i(π_k) ≤ τ_i r_i² ‖H(z_0) − z_0‖² / (8 (1 − q²)),      q = 1 − α (1 − g)

Source: DICE (arXiv 2606.08068), Regret(T), split in three; the bound is derived in docs/theory.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from equipoise.errors import InputError
from equipoise.games.certificate import examine
from equipoise.games.coupling import coupling_of
from equipoise.games.diagnostic import Diagnostic, Estimate
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.common_payoff import CommonPayoff
from equipoise.games.forms.hierarchy import Hierarchy
from equipoise.games.forms.information import ProtocolGame, TokenGame
from equipoise.games.forms.markov import Markov
from equipoise.games.forms.normal_form import NormalForm
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.forms.transition import discounted
from equipoise.games.game import Game, Regularizer
from equipoise.games.layout import Matrix, Vector
from equipoise.games.problem import Problem
from equipoise.games.stage import joint
from equipoise.games.validation import as_array, check_distribution, check_shape

MOST_PROFILES = 20_000


@dataclass(frozen=True)
class Regret:
    """The three readings, in units of payoff, summed over the course; against_best = against_hqre + price.

    Attributes:
        against_hqre: shortfall against the quantal response equilibrium.
        against_best: shortfall against the best unregularised profile.
        price: of regularisation, over as many updates.
        updates: K, how many profiles were played.
    """

    against_hqre: Estimate
    against_best: Estimate
    price: Estimate
    updates: int


def exact(
    problem: Problem, policies: Matrix, hqre: Vector, *, best: float | None = None, initial: Vector | None = None
) -> Regret:
    """The regret of profiles that were played.

    Args:
        problem: the game; temperatures do not enter but through the equilibrium.
        policies: π_k. Shape [K, n].
        hqre: the equilibrium's profile. Shape [n].
        best: W_max; computed where None.
        initial: the distribution of the first state; see `welfare`. Shape [S].

    Raises:
        InputError: as `welfare` and `best_welfare`.
    """
    values = np.array([[welfare(problem.game, policy, initial=initial)] for policy in policies])
    star = Estimate(welfare(problem.game, hqre, initial=initial), 0.0, 0)
    highest = best_welfare(problem.game, initial=initial) if best is None else best
    return _readings(values.mean(axis=1), np.zeros(len(values)), 0, star, Estimate(highest, 0.0, 0))


def estimate(played: Matrix, hqre: Estimate, best: Estimate) -> Regret:
    """The regret from the team's summed rewards; a sample is one episode.

    Args:
        played: independent rewards at every update, payoffs summed over the agents. Shape [K, M], M ≥ 2.
        hqre: W(π*), from a run at the equilibrium or exact.
        best: W_max, from a run of the best profile or exact.

    Raises:
        InputError: another shape, fewer than two episodes an update.
    """
    array = as_array(played, "played")
    if array.ndim != 2 or array.shape[1] < 2 or not len(array):
        raise InputError(f"played has shape {list(array.shape)}; it needs [updates ≥ 1, episodes ≥ 2].")
    variances = array.var(axis=1, ddof=1) / array.shape[1]
    return _readings(array.mean(axis=1), variances, array.size, hqre, best)


def welfare(game: Game, policy: Vector, *, initial: Vector | None = None) -> float:
    """W of a profile: payoffs summed over agents, averaged over types by the prior, or over first states.

    Args:
        game: the game.
        policy: the profile. Shape [n].
        initial: the distribution of the first state. If None, uniform in Markov games, and the game's own behind
            information sets, where it is over full states. Shape [S].

    Raises:
        InputError: a hierarchy, whose gate is paid out of the agents' payoffs; no distribution of the first state.
    """
    if isinstance(game, Hierarchy):
        raise InputError("what a hierarchy's agents earn together is the welfare of its `game`. Ask for that.")
    if isinstance(game, PartiallyObserved):
        return welfare(game.world, game.everywhere(policy), initial=_first_full_states(game, initial))
    plain = Regularizer(game.layout, np.ones(game.layout.sets), game.layout.uniform, "plain")
    return float(_weights(game, initial) @ game.values(policy, plain))


def best_welfare(game: Game, *, initial: Vector | None = None) -> float:
    """W_max, the largest welfare of any profile; a Markov game's state is seen by all.

    Raises:
        InputError: too many pure profiles to try, or the best need not be among them.
    """
    if isinstance(game, PartiallyObserved) and not isinstance(game, (TokenGame, ProtocolGame)):
        raise InputError("without memory the best profile may have to mix, and is not searched for. Pass it as `best`.")
    if isinstance(game, Markov):
        return float(_first_states(game, initial) @ _team_values(game))
    if isinstance(game, NormalForm):
        return float(np.sum(game.tensors, axis=0).max())
    if isinstance(game, CommonPayoff):
        paid = game.layout.agents * game.payoff
        for agent in range(game.layout.agents):
            axes = [1] * game.layout.agents
            axes[agent] = -1
            paid = paid - game.cost[game.layout.block(agent)].reshape(axes)
        return float(paid.max())
    sizes = [int(size) for size in game.layout.sizes]
    if prod(sizes) > MOST_PROFILES:
        do = "compute the best welfare in another way and pass it as `best`"
        raise InputError(f"the game has {prod(sizes)} pure profiles, and at most {MOST_PROFILES} are tried; {do}.")
    highest = -np.inf
    for pure in np.ndindex(*sizes):
        policy = np.zeros(game.layout.size)
        policy[game.layout.starts + np.array(pure)] = 1.0
        highest = max(highest, welfare(game, policy, initial=initial))
    return highest


def cumulated_gap_bound(problem: Problem, logits: Vector, *, damping: float) -> Vector | None:
    """A bound on Σ_k gap of every (agent, type) over all damped updates; None without small gain. Shape [sets].

    Args:
        problem: a one-shot game; payoffs are exact.
        logits: z_0, where the updates start. Shape [n].
        damping: α in (0, 1].
    """
    layout, temperature = problem.layout, problem.regularizer.temperature
    small_gain, coupling = examine(problem)["small_gain"], coupling_of(problem.game)
    if coupling is None or small_gain.weights is None or not small_gain.holds:
        return None
    weights = np.concatenate([np.atleast_1d(row) for row in small_gain.weights])
    # The contraction in this very norm: the spectral radius is its limit, not always reached.
    gain = float((coupling.kappa @ weights / (4.0 * temperature * weights)).max())
    rate = 1.0 - damping * (1.0 - gain)
    moved = problem.response_logits(problem.policy(logits)) - logits
    first = float(((layout.largest(moved) + layout.largest(-moved)) / weights).max())
    return temperature * (weights * first) ** 2 / (8.0 * (1.0 - rate**2))


def _readings(means: Vector, variances: Vector, samples: int, hqre: Estimate, best: Estimate) -> Regret:
    """The sums and their standard errors; the play, the equilibrium and the best are measured independently."""
    updates, total, variance = len(means), float(means.sum()), float(variances.sum())

    def against(reference: Estimate) -> Estimate:
        error = (variance + (updates * reference.standard_error) ** 2) ** 0.5
        return Estimate(updates * reference.value - total, error, samples + reference.samples)

    price_error = updates * float(np.hypot(best.standard_error, hqre.standard_error))
    price = Estimate(updates * (best.value - hqre.value), price_error, best.samples + hqre.samples)
    return Regret(against(hqre), against(best), price, updates)


def _weights(game: Game, initial: Vector | None) -> Vector:
    """What each (agent, information set)'s value counts in welfare. Shape [sets]."""
    if isinstance(game, Markov):
        return np.tile(_first_states(game, initial), game.layout.agents)
    if isinstance(game, Bayesian):
        axes = range(game.prior.ndim)
        return np.concatenate([game.prior.sum(axis=tuple(b for b in axes if b != a)) for a in axes])
    return np.ones(game.layout.sets)


def _first_states(game: Markov, initial: Vector | None) -> Vector:
    if initial is None:
        return np.full(game.states, 1.0 / game.states)
    array = as_array(initial, "initial")
    check_shape(array, (game.states,), "initial")
    check_distribution(array, "initial")
    return array


def _first_full_states(game: PartiallyObserved, initial: Vector | None) -> Vector:
    """The distribution of the first full state. Shape [X]."""
    if initial is None and game.initial is None:
        raise InputError(f"the game does not say where it begins. Pass `initial`, for {game.world.states} full states.")
    return _first_states(game.world, game.initial if initial is None else initial)


def _team_values(game: Markov) -> Vector:
    """The summed value of every state under the best joint policy, by policy iteration. Shape [S]."""
    states = np.arange(game.states)
    possible = joint([mask.astype(np.float64) for mask in game.masks]) > 0.0
    reward = np.where(possible, game.payoffs.sum(axis=0).reshape(game.states, -1), -np.inf)
    table = game.transitions.table
    rows = table.reshape(reward.size, game.states) if game.transitions.dense else table
    action = reward.argmax(axis=1)
    while True:
        evaluate = discounted(rows[states * reward.shape[1] + action], game.discount)
        values = evaluate(reward[states, action][:, None])[:, 0]
        prospects = reward + game.discount * game.transitions.ahead(values[:, None]).reshape(reward.shape)
        better = prospects.argmax(axis=1)
        gained = prospects[states, better] - prospects[states, action]
        # Rounding must not let two equally good actions take turns.
        if float(gained.max()) <= 1e-12 * max(1.0, float(np.abs(values).max())):
            return values
        action = np.where(gained > 0.0, better, action)


DIAGNOSTIC = Diagnostic(side="below", threshold=0.0, exact=exact, estimate=estimate)

"""The paper's margin: the least temperature against one coupling constant of the whole game.

    μ = α_min − L_c > 0,     L_c = sup Σ_i ⟨Q_i(π) − Q_i(π'), π_i − π'_i⟩ / Σ_i ‖π_i − π'_i‖₁²

Exact L_c. The supremum is that of vᵀJ(π)v/Σ‖v_i‖₁², J the derivative of Q. vᵀJ(π)v is linear in every π_i and, as an
agent's own block of J is 0, in every v_i: both are extreme at the maximum, π a pure profile and v_i a multiple d_i/2 of
the difference of two actions. What is left is quadratic in d,

    L_c = max over pure profiles and one action pair per agent of λ_max(S)/4

with S_ij half the sum of the second differences of U_i and U_j. For two agents that is the largest second difference
of A + B over 8. With more it takes ∏ A_i²(A_i − 1)/2 symmetric N × N eigenvalues, done up to `LARGEST` matrix entries.
Beyond that, for votes and for Bayesian games (norm weighted by the prior of the types), L_c is bounded from above by
λ_max(P^-½ K P^-½)/8, as in `symmetrised` with the prior for weights, 1 each without types.

It uses the coldest agent's temperature for all; `small_gain` and `symmetrised` certify more. A zero-sum game has L_c =
0, and a game of common interest may not.

Source: DICE (arXiv 2606.08068), uniqueness margin; the maximum over extreme directions is derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from equipoise.games.certificate import Certificate, Criterion
from equipoise.games.certificates.symmetrised import modulus, prior_weights
from equipoise.games.coupling import coupling_of, unknown_because
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.forms.common_payoff import CommonPayoff
from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.game import Game
from equipoise.games.problem import Problem

LARGEST = 4_000_000
"""Most entries of all matrices of extreme directions together: 32 MB and about a second."""


@dataclass(frozen=True, kw_only=True)
class PaperMargin(Criterion):
    """μ = α_min − L_c; the bound is L_c, the limit α_min."""

    @property
    def source(self) -> str:
        """Where the statement is from."""
        return "DICE (arXiv 2606.08068), uniqueness margin μ = α_min − L_c"

    @property
    def proves(self) -> str:
        """What it proves."""
        return "The equilibrium is unique: the regularised game is strongly monotone, with modulus μ."

    def examine(self, problem: Problem) -> Certificate:
        """The certificate; its margin is μ, in units of payoff."""
        coupling = coupling_of(problem.game)
        if coupling is None:
            return self.silent(unknown_because(problem.game))
        coldest = float(problem.regularizer.temperature.min())
        constant, reason = extreme_coupling(problem.game), ""
        if constant is None:
            weights = prior_weights(problem.game)
            constant, _ = modulus(coupling, weights, np.ones_like(weights))
            reason = f"L_c is bounded from above by λ_max(P^-½ K P^-½)/8, since {_obstacle(problem.game)}."
        return self.found(problem, constant, constant / coldest, limit=coldest, exact=not reason, reason=reason)


def extreme_coupling(game: Game) -> float | None:
    """L_c exactly, in units of payoff; None where the extreme directions are too many or have no exact form."""
    if isinstance(game, CommonPayoff):
        tensors = [game.payoff] * game.layout.agents
    elif isinstance(game, TensorGame) and not isinstance(game, Bayesian):
        tensors = list(game.tensors)
    else:
        return None
    agents = len(tensors)
    if agents == 1:
        return 0.0
    if agents == 2:
        return float(_second_differences(tensors[0] + tensors[1], 0, 1).max(initial=0.0)) / 8.0
    if _directions(game) * agents**2 > LARGEST:
        return None
    return float(np.linalg.eigvalsh(_matrices(tensors))[..., -1].max()) / 4.0


def _matrices(tensors: Sequence[np.ndarray]) -> np.ndarray:
    """S of every pure profile and action pairs. Shape [A1, …, AN, pairs1, …, pairsN, N, N]."""
    agents, actions = len(tensors), tensors[0].shape
    pairs = [len(_pairs(count)[0]) for count in actions]
    matrices = np.zeros((*actions, *pairs, agents, agents))
    for i in range(agents):
        for j in range(i + 1, agents):
            twice = _second_differences(tensors[i] + tensors[j], i, j)
            others = [k for k in range(agents) if k not in (i, j)]
            profile = [1 if k in (i, j) else count for k, count in enumerate(actions)]
            chosen = [count if k in (i, j) else 1 for k, count in enumerate(pairs)]
            block = twice.transpose([*others, i, j]).reshape(*profile, *chosen) / 2.0
            matrices[..., i, j] = matrices[..., j, i] = block
    return matrices


def _second_differences(tensor: np.ndarray, i: int, j: int) -> np.ndarray:
    """Signed second differences, axes i and j running over action pairs; both signs of each for two agents."""
    for axis in (i, j):
        first, second = _pairs(tensor.shape[axis])
        tensor = tensor.take(first, axis=axis) - tensor.take(second, axis=axis)
    return np.abs(tensor) if tensor.ndim == 2 else tensor


def _pairs(actions: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of two actions, or the one action with itself."""
    return np.triu_indices(actions, 1) if actions > 1 else (np.zeros(1, dtype=int), np.zeros(1, dtype=int))


def _directions(game: Game) -> int:
    """How many extreme directions there are, over all pure profiles."""
    return prod(int(size) * len(_pairs(int(size))[0]) for size in game.layout.sizes)


def _obstacle(game: Game) -> str:
    if isinstance(game, (CommonPayoff, TensorGame)) and not isinstance(game, Bayesian):
        return f"the game has {_directions(game):,} extreme directions"
    return "no exact form is known for Bayesian games and votes"


CRITERION = PaperMargin()

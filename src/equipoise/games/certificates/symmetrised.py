"""Symmetrised coupling: the regularised game is strongly monotone, cancellation of opposed interests included.

    c = λ_max(D^-½ K^w D^-½)/8 < 1,     K^w_xy = max |second difference of w_x U_x + w_y U_y|,  D = diag(w τ)

With d_x = ‖π_x − π'_x‖₁ the payoffs contribute at most dᵀ K^w d/8 to −Σ w_x ⟨F_x(π) − F_x(π'), π_x − π'_x⟩, and the
entropy at least dᵀ D d by Pinsker's inequality: modulus 1 − c. The equilibrium is unique; updates need damping.
Zero-sum games have K^w = 0 at suitable weights, and are certified at every temperature.

c is quasi-convex in w > 0: K^w is convex in w entry by entry, D linear, and the leading vector is ≥ 0. With two sets
the minimum is found on a line, then at the kinks next to it; with up to `SEARCHED` by normalised subgradient steps that
shrink geometrically, the best kept (after Kiwiel, 2001), starting from equal weights, or the prior of types; beyond
that, those and the same over τ are tried. Any weights give a sound bound. A step costs one evaluation of K^w and one
symmetric eigenvalue problem.

Source: Rosen (1965), diagonal strict concavity; DICE (arXiv 2606.08068) with L_c in place of K^w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.errors import InputError
from equipoise.games.certificate import Certificate, Criterion
from equipoise.games.coupling import Coupling, coupling_of, unknown_because
from equipoise.games.forms.bayesian import Bayesian
from equipoise.games.game import Game
from equipoise.games.layout import Vector
from equipoise.games.problem import Problem

SEARCHED = 64
"""Most sets for which weights are searched."""
STEPS = 300
SHRINK = 0.96
WIDEST = 14.0
"""Largest |log| of a ratio of weights that is tried: about 10⁶."""
RAREST = 1e-9
"""Least weight of a type that the prior excludes."""


@dataclass(frozen=True, kw_only=True)
class Symmetrised(Criterion):
    """c = λ_max(D^-½ K^w D^-½)/8.

    Attributes:
        weights: w > 0 of every agent, its types alike; None for the best that are found.
    """

    weights: tuple[float, ...] | None = None

    @property
    def source(self) -> str:
        """Where the statement is from."""
        return "Rosen (1965), Theorem 2 with Pinsker's inequality, c = λ_max(D^-½ K^w D^-½)/8"

    @property
    def proves(self) -> str:
        """What it proves."""
        return "The equilibrium is unique: the regularised game is strongly monotone, with modulus 1 − c; damp updates."

    def examine(self, problem: Problem) -> Certificate:
        """The certificate.

        Raises:
            InputError: weights that are not positive, or not one per agent.
        """
        coupling = coupling_of(problem.game)
        if coupling is None:
            return self.silent(unknown_because(problem.game))
        temperature = problem.regularizer.temperature
        weights = self._given(problem) if self.weights is not None else lightest(problem.game, coupling, temperature)
        bound, _ = modulus(coupling, weights, temperature)
        reason = "" if coupling.exact else "second differences are bounded from above, over all that others may do."
        public = problem.layout.nest_sets(weights / weights.max())
        return self.found(problem, bound, bound, exact=coupling.exact, reason=reason, weights=public)

    def _given(self, problem: Problem) -> Vector:
        given = np.asarray(self.weights, dtype=np.float64)
        if given.shape != (problem.layout.agents,) or not ((given > 0) & np.isfinite(given)).all():
            raise InputError(
                f"weights are {self.weights}; they need one number > 0 per agent, {problem.layout.agents}."
            )
        return given[problem.layout.agent_of_set]


def modulus(coupling: Coupling, weights: Vector, temperature: Vector) -> tuple[float, Vector]:
    """c, and its derivative by the logarithms of the weights. Shapes [sets], [sets] → number, [sets]."""
    half = weights[:, None] * coupling.slopes(weights)
    root = np.sqrt(weights * temperature)
    symmetric = (half + half.T) / np.outer(root, root)
    if len(root) > SEARCHED:
        from scipy.linalg import eigh

        values, vectors = eigh(symmetric, subset_by_index=(len(root) - 1, len(root) - 1))
    else:
        values, vectors = np.linalg.eigh(symmetric)
    leading = vectors[:, -1] / root
    c = max(float(values[-1]) / 8.0, 0.0)
    return c, leading * (half @ leading) / 4.0 - c * weights * temperature * leading**2


def lightest(game: Game, coupling: Coupling, temperature: Vector) -> Vector:
    """Weights w > 0 of small c: the least there is up to the search. Shape [sets]."""
    first = np.log(prior_weights(game))
    if len(first) > SEARCHED:
        tried = [np.exp(first), np.exp(first) / temperature]
        return min(tried, key=lambda weights: modulus(coupling, weights, temperature)[0])
    if len(first) == 2:
        from scipy.optimize import minimize_scalar

        result = minimize_scalar(
            lambda ratio: modulus(coupling, np.exp([0.0, ratio]), temperature)[0],
            bounds=(-WIDEST, WIDEST),
            method="bounded",
            options={"xatol": 1e-12},
        )
        tried = [1.0, float(np.exp(result.x)), *_kinks(coupling, float(np.exp(result.x)))]
        pairs = [np.array([1.0, ratio]) for ratio in tried]
        return min(pairs, key=lambda weights: modulus(coupling, weights, temperature)[0])
    return _descended(coupling, temperature, first)


def prior_weights(game: Game) -> Vector:
    """The prior probability of every agent's types, 1 each without types. Shape [sets]."""
    if not isinstance(game, Bayesian):
        return np.ones(game.layout.sets)
    axes = range(game.prior.ndim)
    shares = [game.prior.sum(axis=tuple(axis for axis in axes if axis != agent)) for agent in axes]
    return np.maximum(np.concatenate(shares), RAREST)


def _kinks(coupling: Coupling, ratio: float) -> Vector:
    """The ratios w_2/w_1 next to one at which two points are as large: an exact minimum is there, or where K is smooth.

    They make c exactly 0 where interests can be weighted to cancel.
    """
    points = np.concatenate([kept.reshape(-1, 2) for kept in coupling.points.values()] or [np.zeros((0, 2))])
    change = np.diff(points, axis=0)
    ratios = np.sort(-change[:, 0] / change[:, 1])
    nearest = int(np.searchsorted(ratios, ratio))
    return ratios[max(nearest - 2, 0) : nearest + 2]


def _descended(coupling: Coupling, temperature: Vector, logs: Vector) -> Vector:
    best, least = logs, np.inf
    step = 1.0
    for _ in range(STEPS):
        c, slope = modulus(coupling, np.exp(logs), temperature)
        if c < least:
            best, least = logs, c
        length = float(np.linalg.norm(slope))
        if not length or not least:
            break
        logs = logs - step * slope / length
        step *= SHRINK
    return np.exp(best - best.max())


CRITERION = Symmetrised()

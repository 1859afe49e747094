r"""How strongly executors' controls are coupled, and whether the temperatures are above it: the uniqueness margin.

$$\mu = \min_i \tau_i - L_c, \qquad
L_c = \sup \frac{\sum_i \langle Q_i(\pi) - Q_i(\pi'), \pi_i - \pi'_i \rangle}{\sum_i \lVert \pi_i - \pi'_i \rVert_1^2}$$

    exact      from the tensor, over all extreme directions (`games.certificates.paper_margin`)
    bracketed  where those are too many: from below, exactly, on sub-games of a few controls each, drawn to hold the
               mode and the best profile; from above, by λ_max of second differences
    estimated  without a tensor: sub-games again, and the coupled estimator along directions at pure profiles. Of
               `_DIRECTIONS` drawn, the steepest few are measured anew on fresh samples, so that choosing them leaves no
               bias; from above, (N − 1)κ/4 with κ ≤ 2 and what an anchor costs, as rewards lie in [0, 1]

The verdict is on μ > 0: certified where even the upper bound of L_c is below every temperature, refuted where the lower
bound is not, else inconclusive. Refuted means that the regularised game is not strongly monotone in this norm, not that
there are two equilibria; other certificates, which are named beside it, may still prove that there is one.

Cost: a second at most for the tensor; `_SAMPLES` · 4 · N rewards for each direction measured.

Source: DICE (arXiv 2606.08068), margin μ; estimator: `games.diagnostics.modulus`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import games
from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_equilibrium import Settled
from equipoise.beliefs.control_game import LARGEST, ControlGame
from equipoise.games.certificate import examine
from equipoise.games.certificates.paper_margin import CRITERION, extreme_coupling
from equipoise.games.diagnostics import modulus

_SUBGAMES = 12
_DIRECTIONS = 40
_STEEPEST = 4
_FEW = 200
_SAMPLES = 4_000
_APART = 0.1
"""How far x and y are from a pure profile; the coupled estimator's cost does not depend on it."""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """The uniqueness margin of one state, in units of reward.

    Attributes:
        coupling: L_c, or the most of it that was found.
        interval: in which L_c lies; at 95 % where it was estimated.
        how: "exact", "bracketed" or "estimated".
        temperature: the coldest executor's, 0 without regularisation.
        finding: on μ > 0.
        certified_by: certificates of uniqueness that hold, μ's own included where it does.
    """

    coupling: float
    interval: tuple[float, float]
    how: str
    temperature: float
    finding: games.Finding
    certified_by: tuple[str, ...]

    @property
    def mu(self) -> float:
        """α_min − L_c."""
        return self.temperature - self.coupling

    @property
    def mu_interval(self) -> tuple[float, float]:
        """In which μ lies."""
        return self.temperature - self.interval[1], self.temperature - self.interval[0]

    @property
    def heat(self) -> float | None:
        """τ/L_c: above 1 it is certified; None where nothing is coupled."""
        return self.temperature / self.coupling if self.coupling > 0.0 else None

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return {
            "coupling": self.coupling,
            "coupling_interval": list(self.interval),
            "how": self.how,
            "temperature": self.temperature,
            "mu": self.mu,
            "mu_interval": list(self.mu_interval),
            "finding": self.finding.name.lower(),
            "tau_over_coupling": self.heat,
            "certified_by": list(self.certified_by),
        }


def margin(game: ControlGame, state: int, settled: Settled, *, seed: int = 0) -> Margin:
    """The margin of a state at the temperatures it was solved at.

    Args:
        game: that was solved.
        state: which.
        settled: where it settled.
        seed: of sub-games, directions and samples.
    """
    rng = np.random.default_rng(seed)
    whole, held = settled.whole, np.array([settled.mode, settled.best])
    if game.games is None:
        how, (value, low) = "estimated", _estimated(game, state, rng)
        below = _from_below(game, state, held, rng)
        value, low = max(value, below), max(low, below)
        worst = 2.0 + (0.0 if game.anchor is None else game.price * float(game.mean_cost[state, game.anchor]))
        high = max(value, float(len(game.players) - 1) * worst / 4.0)
    else:
        tensor = game.games[state]
        exact = extreme_coupling(tensor)
        if exact is not None:
            how, value, low, high = "exact", exact, exact, exact
        else:
            how, value = "bracketed", _from_below(game, state, held, rng)
            bound = CRITERION.examine(games.Problem(tensor, games.Regularizer.of(tensor.layout, 1.0))).bound
            low, high = value, value if bound is None else max(bound, value)
    coldest = 0.0 if settled.solved is None else float(settled.solved.temperatures.min())
    certified = coldest > high
    finding = games.Finding.CERTIFIED if certified else games.Finding.INCONCLUSIVE
    if low >= coldest:
        finding = games.Finding.REFUTED
    proofs = () if whole is None else tuple(c.name for c in examine(whole.problem).certificates if c.holds)
    return Margin(
        coupling=value, interval=(low, float(high)), how=how, temperature=coldest, finding=finding, certified_by=proofs
    )


def _from_below(game: ControlGame, state: int, held: NDArray[np.intp], rng: np.random.Generator) -> float:
    """The largest L_c of sub-games that hold some profiles, [profiles, N]: a lower bound of the game's."""
    few = 3 if len(game.actions) <= 5 else 2
    if few ** len(game.actions) > LARGEST:
        return 0.0
    largest = 0.0
    for _ in range(_SUBGAMES):
        chosen = []
        for player, count in enumerate(game.actions):
            first = np.unique(held[:, player])[:few]
            rest = rng.permutation(np.setdiff1d(np.arange(count), first))[: few - len(first)]
            chosen.append(np.concatenate([first, rest]))
        grid = np.stack(np.meshgrid(*chosen, indexing="ij"), axis=-1)
        payoff = game.payoffs(grid.reshape(-1, len(chosen)), game.shares[state : state + 1])
        found = extreme_coupling(games.CommonPayoff(payoff.reshape(grid.shape[:-1])))
        largest = max(largest, 0.0 if found is None else found)
    return largest


def _estimated(game: ControlGame, state: int, rng: np.random.Generator) -> tuple[float, float]:
    """The largest coupling measured, and the largest lower bound; both at least 0."""
    drawn = [_direction(game.actions, rng) for _ in range(_DIRECTIONS)]
    first = [_along(game, state, pair, _FEW, rng).value for pair in drawn]
    steepest = np.argsort(first)[-_STEEPEST:]
    again = [_along(game, state, drawn[which], _SAMPLES, rng) for which in steepest]
    each = 1.0 - 0.05 / _STEEPEST
    return max(0.0, *(e.value for e in again)), max(0.0, *(e.lower(each) for e in again))


def _direction(actions: tuple[int, ...], rng: np.random.Generator) -> tuple[list[Floats], list[Floats]]:
    """Two profiles next to a random pure one, apart by a pair of controls each."""
    x, y = [], []
    for count in actions:
        base = (1.0 - _APART) * np.eye(count)[rng.integers(count)]
        pair = rng.permutation(count)[:2]
        x.append(base + _APART * np.eye(count)[pair[0]])
        y.append(base + _APART * np.eye(count)[pair[-1]])
    return x, y


def _along(
    game: ControlGame, state: int, pair: tuple[list[Floats], list[Floats]], samples: int, rng: np.random.Generator
) -> games.Estimate:
    """The coupling along a direction; a sample is four plays of one question per player."""
    x, y = pair
    apart = sum(float(np.abs(a - b).sum()) ** 2 for a, b in zip(x, y, strict=True))
    total, variance = 0.0, 0.0
    for player in range(len(x)):
        plan = modulus.plan(x, y, player, samples, rng)
        questions = rng.choice(game.shares.shape[1], size=samples, p=game.shares[state]).astype(np.intp)
        earned = game.rewards(plan.actions.reshape(-1, len(x)), np.repeat(questions, 4)).reshape(-1, 4)
        found = modulus.coupling(plan, earned)
        total, variance = total + found.value, variance + found.standard_error**2
    return games.Estimate(total / apart, variance**0.5 / apart, samples)

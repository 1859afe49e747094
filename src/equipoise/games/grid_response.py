r"""Best responses when actions are points of a box: the best of finitely many candidates, damped, never farther off.

$$\mathrm{gap}(e) = \sum_i \Bigl[\max_{e' \in C_i(e)} V(e', e_{-i}) - V(e_i, e_{-i})\Bigr] \;\ge\; 0, \qquad
e_i \leftarrow e_i + \eta\,\bigl(\arg\max_{e' \in C_i(e)} V(e', e_{-i}) - e_i\bigr)$$

e is a profile of N actions in a box of R^d and V the payoff that all players share, such as a mixer's Q_tot. C_i(e)
holds a fixed grid over the box, a finer one around e_i, and e_i itself, which is why no gain is negative. A profile
with gap ε is an ε-Nash equilibrium among the candidates: nobody gains more than ε alone.

All players moving at once can overshoot, as in any simultaneous best response. `respond` therefore halves η until the
gap does not grow, and stays where it is if no η helps, so the gap along its iterates never increases.

Cost: V is evaluated at N (g^d + f^d + 1) profiles a gap, in one call; a step asks for one gap per halving. In an exact
potential game, which a shared payoff is, Nash equilibria are where the gap is 0 (Monderer and Shapley, 1996).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = Callable[[Floats], Floats]
"""V of profiles: [..., M, agents, d] → [..., M], for the same leading axes as the profile that is asked about."""

HALVINGS = 4
"""How often a step is halved before the profile stays where it is."""


@dataclass(frozen=True)
class Box:
    """Where actions lie, and which candidates are tried.

    Attributes:
        low, high: bounds of each coordinate, low < high; equal for all players. Length d.
        coarse: g, points per coordinate of the grid over the box, ends included; at least 2.
        fine: f, points per coordinate of the grid around an action; odd.
        reach: half the width of that grid, as a share of the box.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    coarse: int = 9
    fine: int = 5
    reach: float = 0.1

    def grid(self) -> Floats:
        """The grid over the box [g^d, d]."""
        axes = [np.linspace(low, high, self.coarse) for low, high in zip(self.low, self.high, strict=True)]
        return np.array(list(product(*axes)))

    def candidates(self, profile: Floats) -> Floats:
        """What each player may deviate to, the action itself first [..., agents, 1 + g^d + f^d, d]."""
        low, high = np.array(self.low), np.array(self.high)
        offsets = np.array(list(product(np.linspace(-1, 1, self.fine), repeat=len(self.low))))
        near = np.clip(profile[..., None, :] + offsets * self.reach * (high - low), low, high)
        far = np.broadcast_to(self.grid(), (*profile.shape[:-1], self.coarse ** len(self.low), len(self.low)))
        return np.concatenate([profile[..., None, :], far, near], axis=-2)


@dataclass(frozen=True)
class Deviations:
    """What unilateral deviations could bring.

    Attributes:
        best: each player's best candidate [..., agents, d]; the action itself where nothing is better.
        gains: what it gains alone, ≥ 0 [..., agents].
        value: V of the profile [...].
    """

    best: Floats
    gains: Floats
    value: Floats

    @property
    def gap(self) -> Floats:
        """The best-response gap: the sum of the gains [...]."""
        return self.gains.sum(axis=-1)


def deviate(values: Values, profile: Floats, box: Box) -> Deviations:
    """Each player's best deviation while the others stay. Shape of the profile: [..., agents, d]."""
    agents = profile.shape[-2]
    candidates = box.candidates(profile)
    count = candidates.shape[-2]
    profiles = np.repeat(np.repeat(profile[..., None, None, :, :], agents, axis=-4), count, axis=-3)
    players = np.arange(agents)
    profiles[..., players, :, players, :] = np.moveaxis(candidates, -3, 0)
    flat = profiles.reshape(*profile.shape[:-2], agents * count, *profile.shape[-2:])
    worth = np.asarray(values(flat), dtype=np.float64).reshape(*profile.shape[:-2], agents, count)
    chosen = worth.argmax(axis=-1)
    best = np.take_along_axis(candidates, chosen[..., None, None], axis=-2)[..., 0, :]
    # Rounding may tell the players' equal profiles apart; each gain is against the player's own first candidate.
    return Deviations(best=best, gains=worth.max(axis=-1) - worth[..., 0], value=worth[..., 0, 0])


@dataclass(frozen=True)
class Response:
    """Where damped best responses led.

    Attributes:
        profile: the last profile [agents, d].
        gaps: the gap before the first step and after each, never increasing.
    """

    profile: Floats
    gaps: tuple[float, ...]


def respond(
    values: Values, profile: Floats, box: Box, *, damping: float = 0.5, steps: int = 10, tolerance: float = 1e-3
) -> Response:
    """Damped best responses of all players at once.

    Args:
        values: V.
        profile: where to begin [agents, d].
        box: where actions lie.
        damping: η in (0, 1], the share of the way to the best candidate.
        steps: most of them.
        tolerance: the gap at which nobody need move.
    """
    now = deviate(values, profile, box)
    gaps = [float(now.gap)]
    for _ in range(steps):
        if gaps[-1] <= tolerance:
            break
        for halving in range(HALVINGS):
            moved = profile + damping / 2**halving * (now.best - profile)
            after = deviate(values, moved, box)
            if float(after.gap) <= gaps[-1]:
                break
        else:
            break
        profile, now = moved, after
        gaps.append(float(now.gap))
    return Response(profile, tuple(gaps))

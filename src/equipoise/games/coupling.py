"""How strongly actions of two information sets interact: second differences of payoffs, exact and for all sets at once.

    κ_xy = max |U_x(a, b) − U_x(a', b) − U_x(a, b') + U_x(a', b')|

over actions a, a' of set x, b, b' of set y and everything that the others may do; x and y are (agent, type) pairs, and
U_x is what x expects of the actions, its belief over types included. For weights w ≥ 0 the symmetrised form is

    K^w_xy = max |second difference of w_x U_x + w_y U_y|  =  max over a finite set of points p of |w_x p_1 + w_y p_2|

so each pair keeps only the points that are extreme for some w ≥ 0, found once.

With M entries per tensor and A actions each, all κ of N agents cost N² M A²/8 operations, on slices of at most M A/2;
a common payoff costs N² M A/4. In Bayesian games the others choose an action per type: with one other agent (N = 3) the
maximum splits over its types and is exact; with more it is taken for every type profile by itself, which bounds it from
above. A vote builds no tensor: its second difference is that of the accuracies times that of the reward,

    κ_ij ≤ (max p_i − min p_i)(max p_j − min p_j) max_k |f(k + w_i + w_j) − f(k + w_i) − f(k + w_j) + f(k)|,

O(N² + D² W) for D distinct weights; an equality if the others can make every count certain.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from weakref import WeakKeyDictionary

import numpy as np

from equipoise.games.forms.common_payoff import CommonPayoff
from equipoise.games.forms.hierarchy import Hierarchy
from equipoise.games.forms.partially_observed import PartiallyObserved
from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.forms.vote import Vote
from equipoise.games.game import Game
from equipoise.games.layout import Layout, Matrix, Vector

DIRECTIONS = ((1.0, 1.0), (1.0, 0.2), (0.2, 1.0))
"""Weights whose extreme points discard most others before they are sorted."""

PRUNINGS = 50
"""Most passes that drop points on or below the line between their neighbours; those that stay do no harm."""


@dataclass(frozen=True, eq=False)
class Coupling:
    """Second differences of a one-shot game.

    Attributes:
        layout: the game's.
        kappa: κ_xy, row = whose payoff; 0 within an agent. Shape [sets, sets].
        exact: whether κ is the maximum itself, or above it.
        common: whether U_x = U_y for all x, y up to own costs; then K^w_xy = (w_x + w_y) κ_xy, and no points are kept.
        points: for x < y, what K^w is a maximum over. Shape [choices, others' types, others' actions, 2].
    """

    layout: Layout
    kappa: Matrix
    exact: bool = True
    common: bool = False
    points: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def slopes(self, weights: Vector) -> Matrix:
        """∂K^w_xy/∂w_x (a subgradient where it has a kink). Shapes [sets] → [sets, sets]."""
        if self.common:
            return self.kappa
        matrix = np.zeros_like(self.kappa)
        for (x, y), points in self.points.items():
            matrix[x, y], matrix[y, x] = _steepest(points, weights[[x, y]])
        return matrix

    def symmetrised(self, weights: Vector) -> Matrix:
        """K^w, symmetric. Shapes [sets] → [sets, sets]."""
        half = weights[:, None] * self.slopes(weights)
        return half + half.T


_KNOWN: WeakKeyDictionary[Game, Coupling] = WeakKeyDictionary()


def coupling_of(game: Game) -> Coupling | None:
    """The second differences of a one-shot game, computed once per game; None for games that go on."""
    if game not in _KNOWN:
        if isinstance(game, Vote):
            found = _vote(game)
        elif isinstance(game, CommonPayoff):
            found = _common(game)
        elif isinstance(game, TensorGame):
            found = _tensor(game)
        elif isinstance(game, Hierarchy) and game.joint is not None:
            found = _tensor(game.joint)
        else:
            return None
        _KNOWN[game] = found
    return _KNOWN[game]


def unknown_because(game: Game) -> str:
    """Why a game has no second differences here, for messages."""
    if isinstance(game, Hierarchy):
        paid = " that pays only who is called" if game.called_only else ""
        return f"no second differences are known for a {type(game.game).__name__} of this size under a gate{paid}."
    if isinstance(game, PartiallyObserved):
        return "no certificate is known for games that go on behind information sets."
    return "the game goes on after one stage; see the certificate markov."


def _vote(game: Vote) -> Coupling:
    layout = game.layout
    ranges = layout.largest(game.accuracy) + layout.largest(-game.accuracy)
    distinct, kind = np.unique(game.weights, return_inverse=True)
    most = np.zeros((len(distinct), len(distinct)))
    for row, first in enumerate(distinct):
        for column, second in enumerate(distinct):
            kept = len(game.reward) - first - second
            if kept > 0:
                f = game.reward
                bend = f[first + second :] - f[first : first + kept] - f[second : second + kept] + f[:kept]
                most[row, column] = np.abs(bend).max()
    kappa = most[np.ix_(kind, kind)] * np.outer(ranges, ranges)
    np.fill_diagonal(kappa, 0.0)
    certain = layout.agents <= 2 or bool((ranges == 1.0).all() and len(distinct) == 1)
    return Coupling(layout, kappa, exact=certain, common=True)


def _common(game: CommonPayoff) -> Coupling:
    layout = game.layout
    kappa = np.zeros((layout.sets, layout.sets))
    for i in range(layout.agents):
        own = np.moveaxis(game.payoff, i, 0)
        for first in range(len(own)):
            for second in range(first):
                change = own[first] - own[second]
                for j in range(i):
                    spread = (change.max(axis=j) - change.min(axis=j)).max()
                    kappa[i, j] = kappa[j, i] = max(kappa[i, j], float(spread))
    return Coupling(layout, kappa, common=True)


def _tensor(game: TensorGame) -> Coupling:
    layout = game.layout
    kappa = np.zeros((layout.sets, layout.sets))
    points: dict[tuple[int, int], np.ndarray] = {}
    for i in range(layout.agents):
        for j in range(i + 1, layout.agents):
            for (own, other), extreme in _pair(game, i, j).items():
                x, y = int(layout.first_sets[i]) + own, int(layout.first_sets[j]) + other
                points[x, y] = extreme
                kappa[x, y] = _steepest(extreme, np.array([1.0, 0.0]))[0]
                kappa[y, x] = _steepest(extreme, np.array([0.0, 1.0]))[1]
    typed = [len(counts) > 1 for counts in layout.counts]
    return Coupling(layout, kappa, exact=layout.agents <= 3 or not any(typed), points=points)


def _pair(game: TensorGame, i: int, j: int) -> dict[tuple[int, int], np.ndarray]:
    """The points of every (type of i, type of j)."""
    counts = [(len(sets), sets[0]) for sets in game.layout.counts]
    others = [k for k in range(len(counts)) if k not in (i, j)]
    order = [2 * i, 2 * j, 2 * i + 1, 2 * j + 1, *(2 * k for k in others), *(2 * k + 1 for k in others)]
    (types_i, own), (types_j, facing) = counts[i], counts[j]
    types = prod(counts[k][0] for k in others)
    shape = (types_i, types_j, own, facing, types, -1)
    both = [game.tensors[k].reshape([n for c in counts for n in c]).transpose(order).reshape(shape) for k in (i, j)]
    first, second = np.triu_indices(facing, 1)
    found: dict[tuple[int, int], list[np.ndarray]] = {(x, y): [] for x in range(types_i) for y in range(types_j)}
    for a in range(own):
        for b in range(a):
            change = np.stack([tensor[:, :, a] - tensor[:, :, b] for tensor in both], axis=-1)
            change = change[:, :, first] - change[:, :, second]
            for (x, y), kept in found.items():
                block = change[x, y]
                kept.append(_front(block.reshape(-1, 2))[:, None, None] if types == 1 else block)
    empty = np.zeros((0, types, 1, 2))
    joined = {key: np.concatenate(kept) if kept else empty for key, kept in found.items()}
    if types == 1:
        return {key: _front(kept.reshape(-1, 2))[:, None, None] for key, kept in joined.items()}
    return joined


def _front(points: np.ndarray) -> np.ndarray:
    """Those of ±points that are largest in some direction w ≥ 0, by falling p_1. Shape [k, 2] → [fewer, 2]."""
    points = np.concatenate([points, -points])
    for direction in DIRECTIONS if len(points) else ():
        best = points[np.argmax(points @ direction)]
        points = np.concatenate([points[(points > best).any(axis=1)], best[None]])
    points = points[np.lexsort((-points[:, 1], -points[:, 0]))]
    highest = np.maximum.accumulate(points[:, 1])
    points = points[np.concatenate(([True], points[1:, 1] > highest[:-1]))[: len(points)]]
    for _ in range(PRUNINGS):
        near, far = points[1:-1] - points[:-2], points[2:] - points[:-2]
        beyond = near[:, 0] * far[:, 1] > near[:, 1] * far[:, 0]
        if beyond.all():
            break
        points = points[np.concatenate(([True], beyond, [True]))]
    return points


def _steepest(points: np.ndarray, weights: Vector) -> Vector:
    """The point p, summed over the others' types, that is largest in the direction w ≥ 0. Shapes [c, t, o, 2] → [2]."""
    if not points.size:
        return np.zeros(2)
    level = points @ weights
    best, most = np.zeros(2), -1.0
    for sign in (1.0, -1.0):
        choice = np.argmax(sign * level, axis=2)
        total = sign * np.take_along_axis(points, choice[:, :, None, None], axis=2)[:, :, 0].sum(axis=1)
        along = total @ weights
        winner = int(np.argmax(along))
        if along[winner] > most:
            best, most = total[winner], float(along[winner])
    return best

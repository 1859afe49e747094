"""Which price to choose where the user names none, and the folds on which every choice is checked.

A price λ is the accuracy that one unit of cost must be worth. Where the user names none, everybody's accuracy is kept
within half a point, and half of everybody's cost where that keeps enough (`usual`), all on training questions that had
no part in learning. The grid runs from λ = 0 to the price at which asking everybody once must be worth twenty points of
accuracy: beyond that a few hundred questions cannot tell a bargain from luck. Folds are drawn more than once, for the
same reason.

Cost: none to speak of; a rule is learned once a fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Floats

REPEATS = 2
"""How often the training questions are cut into folds anew."""

FOLDS = 10
"""Parts into which training questions are cut to judge a choice on questions that had no part in it."""

TOLERANCE = 0.005
"""Accuracy that may be given up for cost where no price is named: half a point."""

_STEPS = np.concatenate([[0.0], np.geomspace(0.003, 0.2, 25)])
"""The grid, in accuracy for asking everybody once."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Accuracy [prices] and mean cost [prices] of a question at some prices [prices]."""

    prices: Floats
    accuracy: Floats
    cost: Floats


def grid(cost: Floats) -> Floats:
    """[prices] from 0 upwards.

    Args:
        cost: [questions, columns] of training.
    """
    return _STEPS / max(float(cost.sum(axis=1).mean()), 1e-12)


def usual(curve: Curve, vote: Curve, weighted: float) -> float:
    """The price where the user names none.

    The largest whose accuracy is within `TOLERANCE` of everybody's vote, weighted or plain, or of the best on the curve
    where none reaches it. If it costs more than half of what everybody does, the least price that does not is taken
    instead, as long as that keeps half of what is gained over the plain vote and never loses `TOLERANCE` to it.

    Args:
        curve: what is reached at some prices, in ascending order.
        vote: everybody's plain vote.
        weighted: accuracy of everybody's weighted vote.
    """
    accuracy = curve.accuracy
    reference = min(max(weighted, float(vote.accuracy[0])), float(accuracy.max()))
    best = int(np.flatnonzero(accuracy >= reference - TOLERANCE)[-1])
    if curve.cost[best] > vote.cost[0] / 2:
        kept = max((accuracy[best] - vote.accuracy[0]) / 2, -TOLERANCE)
        cheap = (curve.cost <= vote.cost[0] / 2) & (accuracy >= vote.accuracy[0] + kept)
        best = int(cheap.argmax()) if cheap.any() else best
    return float(curve.prices[best])


def folds(questions: int, repeat: int = 0) -> NDArray[np.intp]:
    """[questions] the fold of each, the same every time.

    Args:
        questions: how many.
        repeat: which of the cuts.
    """
    return np.random.default_rng(repeat).permutation(questions) % FOLDS

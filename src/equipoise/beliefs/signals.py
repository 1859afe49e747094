r"""What a question looks like and how long its answers are: what a belief may look at beside the votes.

$$z_{qj} = \frac{\log c_{qj} - \mu_j}{\sigma_j}$$

c is the cost of column j's answer, in tokens or money, so z says whether it was long for that column, whatever the
unit: long answers are more often wrong, in mathematics and in plans. The looks of a question, its length, words,
digits, numbers and lines, tell how large a problem is where problems grow. Both are standardised on training questions
and cut at three standard deviations. They help on some benchmarks and do harm on others, so whoever uses them lets
held-out questions decide (see `cascading`).

Cost: O(questions × columns).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.beliefs.ballots import Ballots, Floats
from equipoise.beliefs.question_text import LOOKS, features

_FURTHEST = 3.0
"""Standard deviations at which a signal is cut."""

CONTEXT = 2
"""Signals that also tell what another answer is worth: the question's length, and that of the answers so far."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals:
    """Standardised lengths and looks.

    Attributes:
        length_centre, length_scale: [columns] of the logarithm of a column's cost.
        looks_centre, looks_scale: [looks] of the question's text.
    """

    length_centre: Floats
    length_scale: Floats
    looks_centre: Floats
    looks_scale: Floats

    def lengths(self, seen: Ballots) -> Floats:
        """[questions, columns] how long each answer is for its column; 0 where none was given, or none was paid."""
        told = seen.answered & (seen.cost > 0)
        logs = np.log(np.where(told, seen.cost, 1.0))
        return np.where(told, _cut((logs - self.length_centre) / self.length_scale), 0.0)

    def looks(self, seen: Ballots) -> Floats:
        """[questions, looks] of the question's text."""
        return _cut((features(seen.questions)[:, :LOOKS] - self.looks_centre) / self.looks_scale)


def learn_signals(train: Ballots) -> Signals:
    """The centres and scales of training questions."""
    paid, looks = train.cost > 0, features(train.questions)[:, :LOOKS]  # a free call says nothing of lengths
    counts = np.maximum(paid.sum(axis=0), 1)
    logs = np.log(np.where(paid, train.cost, 1.0))
    centre = logs.sum(axis=0) / counts
    spread = np.sqrt((np.where(paid, logs - centre, 0.0) ** 2).sum(axis=0) / counts)
    return Signals(
        length_centre=centre,
        length_scale=_scale(spread),
        looks_centre=looks.mean(axis=0),
        looks_scale=_scale(looks.std(axis=0)),
    )


def _scale(spread: Floats) -> Floats:
    return np.where(spread > 1e-9, spread, 1.0)


def _cut(z: Floats) -> Floats:
    return np.clip(z, -_FURTHEST, _FURTHEST)

r"""An order's states after each answer, on labelled questions: what stop rules are learned from and judged on.

For an order o_1 … o_T and t = 1 … T: which answer leads (`prefixes`), whether it is right, whether the answers to come
could still draw level, and with a belief fitted to them, the terms in which the worth of another answer is linear
(`stopping.basis`).

Cost: O(questions × columns³) an order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.calibration import Belief, fit_belief
from equipoise.beliefs.prefixes import Lead, lead, settled
from equipoise.beliefs.signals import Signals
from equipoise.beliefs.stopping import basis


@dataclass(frozen=True, kw_only=True, eq=False)
class Stages:
    """The states of an order.

    Attributes:
        leads: [places] which answer leads after each.
        right: [places, questions] whether it is right.
        settles: [places, questions] whether the answers to come could not even draw level.
        cost: [questions, places] of each answer.
    """

    leads: list[Lead]
    right: Floats
    settles: Bools
    cost: Floats

    def belief(self) -> Belief:
        """The belief that the leading answer is right, fitted to these questions."""
        return fit_belief(self.leads, self.right)

    def terms(self, belief: Belief) -> Floats:
        """[places, questions, terms] what the worth of another answer is linear in."""
        return np.stack([basis(belief(now, stage), now.context) for stage, now in enumerate(self.leads)])


def stages(ballots: Ballots, order: NDArray[np.intp], weights: Floats, signals: Signals | None = None) -> Stages:
    """The states of an order.

    Args:
        ballots: with labels.
        order: [places] column indices.
        weights: [columns] what a vote adds to its answer, ≥ 0.
        signals: what is looked at beside the votes; nothing when None.
    """
    assert ballots.correct is not None
    counts = range(1, len(order) + 1)
    leads = [lead(ballots, order, asked, weights, signals) for asked in counts]
    correct, rows = ballots.correct[:, order] & ballots.answered[:, order], np.arange(len(ballots))
    return Stages(
        leads=leads,
        right=np.stack([correct[rows, now.top] for now in leads]).astype(np.float64),
        settles=np.stack([settled(now, order, t, weights) for t, now in zip(counts, leads, strict=True)]),
        cost=ballots.cost[:, order],
    )

r"""Stopping at the first answer that passes a check.

Columns are asked in the coverage order of `ordering`. With q_t the chance that the t-th passes where all before it
failed, c_t its cost and λ the price, going on from the t-th is worth

$$R_t = \max\big(0,\; q_t - \lambda c_t + (1 - q_t)\, R_{t+1}\big), \qquad R_{T+1} = 0$$

and the order ends where R is 0: all that is known on the way is that everything failed, so the rule is one length for
all questions. Where no answer passes, those that did not fail vote; where all failed, all do.

Cost: O(questions × columns²).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs import competence, ordering
from equipoise.beliefs.ballots import NO_ANSWER, UNKNOWN, Ballots, Bools, Floats
from equipoise.beliefs.policy import Policy, Reason
from equipoise.beliefs.weighted_vote import learn_weighted_vote


@dataclass(frozen=True, kw_only=True, eq=False)
class UntilPassed(Policy):
    """Asks one column after another until an answer passes the check; everybody else at once if none is to be had.

    Attributes:
        order: [places] column indices; None is the team's order.
        fallback: the vote where no answer passes.
    """

    order: NDArray[np.intp] | None
    fallback: Policy

    def ask(self, seen: Ballots) -> Bools:
        """The next column while all before it failed; all others once an answer could not be checked."""
        order = np.arange(len(seen.columns)) if self.order is None else self.order
        rank = np.full(len(seen.columns), len(order))
        rank[order] = np.arange(len(order))
        open_ = ~seen.asked & (rank < len(order))
        if seen.checks is None:
            return open_
        passed = (seen.checks == 1).any(axis=1, keepdims=True)
        unchecked = (seen.answered & (seen.checks == UNKNOWN)).any(axis=1, keepdims=True)
        upcoming = np.where(open_, rank, len(order))
        return open_ & ~passed & (unchecked | (upcoming == upcoming.min(axis=1, keepdims=True)))

    def believe(self, seen: Ballots) -> Floats:
        """1 for an answer that passed; else the vote's belief in those that did not fail, or in all."""
        if seen.checks is None:
            return self.fallback.believe(seen)
        passed = (seen.same & (seen.checks == 1)[:, None, :]).any(axis=2)
        failed = (seen.same & (seen.checks == 0)[:, None, :]).any(axis=2) & ~passed
        hopeless = (failed | ~seen.answered).all(axis=1, keepdims=True)
        left = _without(seen, failed & ~hopeless)
        return np.where(passed.any(axis=1, keepdims=True), passed.astype(np.float64), self.fallback.believe(left))

    def reason(self, seen: Ballots) -> Reason:
        """A check passed, or everybody was asked, or nobody else is likely enough to pass."""
        passed = seen.checks is not None and bool((seen.checks == 1).any())
        return "verified" if passed else super().reason(seen)


def learn_until_passed(train: Ballots | None, price: float) -> UntilPassed:
    """The order and its length from training questions, by their checks, or else by who was right.

    Args:
        train: recorded questions, or None: then everybody may be asked, in the team's order.
        price: accuracy that a unit of cost must be worth.
    """
    fallback = learn_weighted_vote(train)
    passes = None if train is None else _passes(train)
    if train is None or passes is None or not len(train):
        return UntilPassed(order=None, fallback=fallback)
    cost = train.cost.mean(axis=0)
    rate = competence.competence(passes, np.ones_like(passes))
    order, chances = ordering.coverage(passes, rate, cost)
    return UntilPassed(order=order[: length(chances, cost[order], price)], fallback=fallback)


def length(chances: Floats, cost: Floats, price: float) -> int:
    """How many columns of an order to ask at most, at least 1.

    Args:
        chances: [columns] that each passes where all before it failed.
        cost: [columns] mean cost of each.
        price: accuracy that a unit of cost must be worth.
    """
    worth, count = 0.0, len(chances)
    for place in range(len(chances) - 1, 0, -1):  # the first is asked whatever it costs
        worth = float(chances[place] - price * cost[place] + (1 - chances[place]) * worth)
        if worth <= 0:
            worth, count = 0.0, place
    return count


def _passes(train: Ballots) -> Bools | None:
    if train.checks is not None and (train.checks != UNKNOWN).any():
        return train.checks == 1
    return train.correct


def _without(seen: Ballots, struck: Bools) -> Ballots:
    """The ballots with some answers taken out."""
    return replace(seen, answers=np.where(struck, np.int16(NO_ANSWER), seen.answers))

r"""When one more answer is not worth its price: optimal stopping over a fixed order of columns.

After t answers the leading one is right with probability s_t. Going on to the next column costs λ c_{t+1} and may
change the lead. With y_t whether the answer leading after t answers is right, and V the value of playing on optimally,

$$V_T = y_T, \qquad G_t(s_t) = E\big[V_{t+1} - \lambda c_{t+1} - y_t \,\big|\, s_t\big], \qquad
V_t = \begin{cases} V_{t+1} - \lambda c_{t+1} & G_t(s_t) > 0 \\ y_t & \text{else} \end{cases}$$

from the last stage backwards; a question goes on while G_t > 0. The conditional expectation is a ridge regression on
(s, s², min(s, 1 − s)), and on the context x and s x where signals tell one (`signals`), a stage, on what really
followed on the training questions rather than on the beliefs that followed: Longstaff & Schwartz (2001, section 2),
whose estimate does not inherit the errors of a model of the future.
Where the answers to come could not even draw level, no price can make them worth it.

Cost: O(prices × questions × stages); all prices share one decomposition a stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.calibration import Belief
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.prefixes import LEVEL, Lead, lead, settled
from equipoise.beliefs.signals import Signals
from equipoise.beliefs.usual_cost import UsualCost

_RIDGE = 10.0
"""Precision of each standardised slope of G, in questions."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EarlyVote(Policy):
    """A plurality vote, one column after another, that ends as soon as its outcome is certain.

    Attributes:
        order: [columns] indices; None is the team's order.
        votes: [columns] what each vote counts: 1, or a little more where columns break ties; None is 1 for all.
    """

    order: NDArray[np.intp] | None = None
    votes: Floats | None = None

    def ask(self, seen: Ballots) -> Bools:
        """The next column, while those to come could draw level with the leading answer."""
        order = np.arange(len(seen.columns)) if self.order is None else self.order
        return _next(seen, order, self._votes(seen), lambda now, asked: np.ones(len(now.top), dtype=bool))

    def believe(self, seen: Ballots) -> Floats:
        """The share of the votes cast that agree with each column."""
        votes = self._votes(seen)
        cast = seen.answered @ votes
        return seen.same @ votes / np.where(cast > 0, cast, 1.0)[:, None]

    def _votes(self, seen: Ballots) -> Floats:
        return np.ones(len(seen.columns)) if self.votes is None else self.votes


@dataclass(frozen=True, kw_only=True, eq=False)
class Cascade(Policy):
    """Asks one column after another, in a fixed order, until one more answer is not worth its price.

    Attributes:
        order: [places] column indices; columns left out are never asked.
        weights: [columns] what a vote adds to its answer, ≥ 0.
        belief: in the leading answer.
        gains: [places − 1, terms] coefficients of G after each answer, in the terms of `basis`.
        price: at which G was learned, for readers; None where nobody says.
        signals: what is looked at beside the votes.
        known: what answers cost where the policy was learned; elsewhere it does not trust what it learned, and a plain
            vote in its order decides. None trusts it everywhere.
    """

    order: NDArray[np.intp]
    weights: Floats
    belief: Belief
    gains: Floats
    price: float | None = None
    signals: Signals | None = None
    known: UsualCost | None = None

    def ask(self, seen: Ballots) -> Bools:
        """The next column, where G is positive and the answers to come could draw level with the leading one."""
        strange = self._strange(seen)

        def worth(now: Lead, asked: int) -> Bools:
            return basis(self.belief(now, asked - 1), now.context) @ self.gains[asked - 1] > 0

        wanted = _next(seen, self.order, self.weights, worth, self.signals)
        if strange.any():
            wanted[strange] = self._vote(seen).ask(seen.at(strange))
        return wanted

    def believe(self, seen: Ballots) -> Floats:
        """The calibrated belief in the leading answer; what is left is shared among the others by their weight."""
        strange = self._strange(seen)
        beliefs = np.zeros(seen.asked.shape)
        beliefs[~strange] = along(seen.at(~strange), self.order, self.weights, self.belief, self.signals)
        if strange.any():
            beliefs[strange] = self._vote(seen).believe(seen.at(strange))
        return beliefs

    def _strange(self, seen: Ballots) -> Bools:
        """[questions] whether some answer costs what none did in training."""
        return np.zeros(len(seen), dtype=bool) if self.known is None else self.known.strange(seen)

    def _vote(self, seen: Ballots) -> EarlyVote:
        """A plain vote that begins with the policy's own order."""
        rest = np.setdiff1d(np.arange(len(seen.columns)), self.order)
        return EarlyVote(order=np.concatenate([self.order, rest]))


def along(
    seen: Ballots, order: NDArray[np.intp], weights: Floats, belief: Belief, signals: Signals | None = None
) -> Floats:
    """[questions, columns] belief in each column's answer, where the first columns of an order were asked."""
    beliefs = np.zeros(seen.asked.shape)
    given = seen.asked.sum(axis=1)
    for asked in np.unique(given[given > 0]):
        at = np.flatnonzero(given == asked)
        now = lead(seen.at(at), order, asked, weights, signals)
        beliefs[np.ix_(at, order[:asked])] = spread(now, belief(now, asked - 1))
    return beliefs


def _next(
    seen: Ballots,
    order: NDArray[np.intp],
    weights: Floats,
    worth: Callable[[Lead, int], Bools],
    signals: Signals | None = None,
) -> Bools:
    """[questions, columns] the next column of an order, where it is worth asking and the outcome is not settled."""
    wanted = np.zeros(seen.asked.shape, dtype=bool)
    given = seen.asked.sum(axis=1)
    wanted[given == 0, order[0]] = True
    for asked in np.unique(given[(given > 0) & (given < len(order))]):
        at = np.flatnonzero(given == asked)
        now = lead(seen.at(at), order, asked, weights, signals)
        wanted[at, order[asked]] = worth(now, asked) & ~settled(now, order, asked, weights)
    return wanted


def basis(belief: Floats, context: Floats) -> Floats:
    """[…, terms] what G is linear in, a constant last: 4 terms, and 2 for each signal of the context.

    Args:
        belief: […] in the leading answer.
        context: […, signals].
    """
    s = belief[..., None]
    return np.concatenate([s, s**2, np.minimum(s, 1 - s), context, s * context, np.ones_like(s)], axis=-1)


def spread(now: Lead, sure: Floats) -> Floats:
    """[questions, t] belief in each column's answer, largest for the leading one and equal for those level with it.

    Args:
        now: the state.
        sure: [questions] belief in the leading answer.
    """
    most = np.where(now.leads, now.support, -np.inf).max(axis=1, keepdims=True)
    some = np.isfinite(most)
    relative = np.exp(now.support - np.where(some, most, 0.0))  # 0 where no answer was given
    level = relative >= 1 - LEVEL
    rest = np.where(now.first & ~level, relative, 0.0).sum(axis=1, keepdims=True) + np.exp(-np.where(some, most, 0.0))
    left = np.maximum(1 - now.tied * sure, 0.0)[:, None]
    behind = relative * np.minimum(sure[:, None], left / rest)
    return np.where(level, sure[:, None], behind)


def induct(terms: Floats, right: Floats, settles: Bools, cost: Floats, prices: Floats) -> Floats:
    """[prices, places − 1, terms] the coefficients of G at each price, by backward induction.

    Args:
        terms: [places, questions, terms] of the state after each answer; see `basis`.
        right: [places, questions] whether that answer was right.
        settles: [places, questions] whether the answers to come could not draw level.
        cost: [questions, places] of each answer.
        prices: accuracy that a unit of cost must be worth.
    """
    places, count = len(terms), len(prices)
    gains = np.zeros((count, places - 1, terms.shape[2]))
    value = np.broadcast_to(right[-1], (count, terms.shape[1]))
    for stage in range(places - 2, -1, -1):
        later = value - prices[:, None] * cost[:, stage + 1]
        rows = terms[stage]
        open_ = ~settles[stage]
        gains[:, stage] = regress(rows[open_], (later - right[stage])[:, open_])
        on = (gains[:, stage] @ rows.T > 0) & open_
        value = np.where(on, later, right[stage])
    return gains


def ends(gains: Floats, terms: Floats, settles: Bools) -> NDArray[np.intp]:
    """[prices, questions] the place of the last column asked.

    Args:
        gains: [prices, places − 1, terms] from `induct`.
        terms: [places, questions, terms], as there.
        settles: [places, questions], as there.
    """
    on = np.einsum("psk,sqk->psq", gains, terms[:-1]) > 0
    stops = ~on | settles[None, :-1]
    never = ~stops.any(axis=1)
    return np.where(never, len(terms) - 1, stops.argmax(axis=1)) if len(terms) > 1 else np.zeros_like(never, np.intp)


def regress(rows: Floats, targets: Floats) -> Floats:
    """[targets, terms] ridge regressions on the same rows; the last column of `rows`, 1, is not drawn to 0.

    Args:
        rows: [questions, terms].
        targets: [targets, questions].
    """
    if not len(rows):
        return np.zeros((len(targets), rows.shape[1]))
    centre, scale = rows[:, :-1].mean(axis=0), rows[:, :-1].std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    z, mean = (rows[:, :-1] - centre) / scale, targets.mean(axis=1)
    slopes = np.linalg.solve(z.T @ z + _RIDGE * np.eye(z.shape[1]), z.T @ (targets - mean[:, None]).T).T / scale
    return np.column_stack([slopes, mean - slopes @ centre])

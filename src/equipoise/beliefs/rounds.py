r"""At most two rounds, everybody of a round asked at the same time, with the public belief in between.

$$\text{round 1: } o_1 \dots o_k; \qquad
\text{round 2: } o_{k+1} \dots o_{k+m} \iff G(s_k) > 0, \qquad
G(s_k) = E\Big[y_{k+m} - \lambda \sum_{i=k+1}^{k+m} c_{o_i} - y_k \,\Big|\, s_k\Big]$$

o is an order of the columns, s_k the calibrated belief after the first round, y_t whether the answer that leads after t
answers is right. This is DICE-PC with horizon H = 2 in its latency form: two calls deep instead of one call a column,
for somewhat more tokens than `stopping.Cascade`. k, m and o are those of largest held-out utility at the price.

Cost: O(orders × columns²) regressions a fold, on beliefs that are fitted once an order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs import competence, ordering, pricing
from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.calibration import Belief
from equipoise.beliefs.cascading import cuts, everybody, plain_vote, untaught
from equipoise.beliefs.judged import Judged, prices_to_try, taken
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.prefixes import lead, settled
from equipoise.beliefs.stages import Stages, stages
from equipoise.beliefs.stopping import along, basis, regress
from equipoise.beliefs.weighted_vote import learn_weighted_vote

MOST = 6
"""Most columns that are asked in the first round: with more, nothing is left to learn between the rounds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rounds(Policy):
    """Asks some columns at once, and others at once if that is worth their price.

    Attributes:
        order: [places] column indices.
        first: how many of them the first round asks.
        last: how many both rounds ask.
        weights: [columns] what a vote adds to its answer, ≥ 0.
        belief: in the leading answer.
        gain: [terms] coefficients of G, in the terms of `stopping.basis`.
        price: at which G was learned, for readers.
    """

    order: NDArray[np.intp]
    first: int
    last: int
    weights: Floats
    belief: Belief
    gain: Floats
    price: float | None = None

    def ask(self, seen: Ballots) -> Bools:
        """The first round, then the second where it is worth its price and could still change the answer."""
        wanted = np.zeros(seen.asked.shape, dtype=bool)
        given = seen.asked.sum(axis=1)
        wanted[np.ix_(given == 0, self.order[: self.first])] = True
        at = np.flatnonzero(given == self.first)
        if len(at) and self.first < self.last:
            now = lead(seen.at(at), self.order, self.first, self.weights)
            terms = basis(self.belief(now, self.first - 1), now.context)
            on = (terms @ self.gain > 0) & ~settled(now, self.order, self.first, self.weights)
            wanted[np.ix_(at[on], self.order[self.first : self.last])] = True
        return wanted

    def believe(self, seen: Ballots) -> Floats:
        """The calibrated belief in the leading answer; what is left is shared among the others by their weight."""
        return along(seen, self.order, self.weights, self.belief)


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """Two rounds that might be learned: the first `first` places of an order, then `second` more."""

    order: NDArray[np.intp]
    first: int
    second: int


def learn_rounds(train: Ballots | None, prices: Sequence[float | None]) -> list[Policy]:
    """A policy per price.

    Args:
        train: recorded questions with labels, or None.
        prices: accuracy that a unit of cost must be worth; None is the one that `pricing.usual` chooses.
    """
    if train is None or untaught(train) is not None:
        return [learn_weighted_vote(train) for _ in prices]
    judged = _judge(train, prices_to_try(train, prices))
    wanted, picked = taken(judged, train, prices)
    weights = competence.vote_weights(train)
    policies: list[Policy] = []
    for price, which in zip(wanted, picked, strict=True):
        candidate = judged.candidates[which]
        learned = stages(train, candidate.order, weights)
        belief = learned.belief()
        gain = _gains(learned, learned.terms(belief), candidate, np.array([price]))[0]
        policies.append(
            Rounds(
                order=candidate.order,
                first=candidate.first,
                last=candidate.first + candidate.second,
                weights=weights,
                belief=belief,
                gain=gain,
                price=float(price),
            )
        )
    return policies


def _judge(train: Ballots, prices: Floats) -> Judged[Candidate]:
    """What the candidates give at each price, learned on all folds but one and played on that."""
    assert train.correct is not None
    accuracy_of = competence.competence(train.correct, np.ones_like(train.correct))
    orders = ordering.orders(train.correct, accuracy_of, train.cost.mean(axis=0))
    candidates = [candidate for order in orders for candidate in _candidates(order)]
    hits, cost = np.zeros((2, len(candidates), len(prices)))
    voted = 0.0
    for rest, held in cuts(train):
        weights = competence.vote_weights(rest)
        voted += everybody(held, weights)
        right, spent = np.concatenate([_played(rest, held, order, weights, prices) for order in orders], axis=1)
        hits += right
        cost += spent
    count = len(train) * pricing.REPEATS
    return Judged(
        candidates=candidates,
        prices=prices,
        accuracy=hits / count,
        cost=cost / count,
        vote=plain_vote(train),
        weighted=voted / count,
    )


def _candidates(order: NDArray[np.intp]) -> list[Candidate]:
    """All ways to divide the first places of an order into two rounds, the second perhaps empty."""
    longest = min(MOST, len(order))
    return [
        Candidate(order=order, first=first, second=second)
        for first in range(1, longest + 1)
        for second in range(len(order) - first + 1)
    ]


def _played(
    rest: Ballots, held: Ballots, order: NDArray[np.intp], weights: Floats, prices: Floats
) -> tuple[Floats, Floats]:
    """[candidates of the order, prices] how many held-out questions each gets right, and what it spends on them."""
    learned, played = stages(rest, order, weights), stages(held, order, weights)
    belief = learned.belief()
    learned_terms, terms = learned.terms(belief), played.terms(belief)
    spent = played.cost.cumsum(axis=1)
    hits, cost = [], []
    for candidate in _candidates(order):
        stop, last = candidate.first - 1, candidate.first + candidate.second - 1
        gains = _gains(learned, learned_terms, candidate, prices)
        on = (gains @ terms[stop].T > 0) & ~_settles(played, candidate)
        hits.append(np.where(on, played.right[last], played.right[stop]).sum(axis=1))
        cost.append(np.where(on, spent[:, last], spent[:, stop]).sum(axis=1))
    return np.stack(hits), np.stack(cost)


def _gains(learned: Stages, terms: Floats, candidate: Candidate, prices: Floats) -> Floats:
    """[prices, terms] the coefficients of G at each price."""
    stop, last = candidate.first - 1, candidate.first + candidate.second - 1
    open_ = ~_settles(learned, candidate)
    gained = learned.right[last] - learned.right[stop]
    worth = gained - prices[:, None] * learned.cost[:, stop + 1 : last + 1].sum(axis=1)
    return regress(terms[stop][open_], worth[:, open_])


def _settles(states: Stages, candidate: Candidate) -> Bools:
    """[questions] whether a second round could not change the answer."""
    if candidate.second == 0:
        return np.ones(states.right.shape[1], dtype=bool)
    return states.settles[candidate.first - 1]

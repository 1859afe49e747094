"""Learning a cascade: the order of columns, what is looked at and, where none is named, the price, judged on folds.

For every candidate order (see `ordering`) and every price, the belief and the stop rule are learned on nine tenths of
the training questions and played on the last. A price takes the order of largest utility there, accuracy − price ·
cost, and is learned once more on all questions. An informed cascade may look at lengths and looks too (`signals`), if
they pass a gate: on the same folds they must raise the utility, at the best order and on average over the prices, by
`GATE`. Where members are specialists and the text tells who is right, a router is one more candidate (`routing`). With
fewer than `ENOUGH` labelled questions nothing of this can be judged: a plain vote decides, ties go to the
best column, and it ends when its outcome is certain; without labels, or with labels that contradict each other, the
same in the team's order. With fewer than `PLENTY` that vote is a candidate too, and what is learned must be better than
it by a standard error: what is learned from 60 to 150 questions is on most recorded teams no better yet.

Cost: O(orders × folds × questions × columns²) for the beliefs, whatever the number of prices: a quarter of a second
for 500 questions of five columns, and twice that for an informed one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from equipoise.beliefs import competence, ordering, pricing
from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.judged import Judged, prices_to_try, taken
from equipoise.beliefs.policy import Policy, run
from equipoise.beliefs.prefixes import LEVEL
from equipoise.beliefs.pricing import Curve
from equipoise.beliefs.routing import judge_routers, learn_routers
from equipoise.beliefs.signals import Signals, learn_signals
from equipoise.beliefs.stages import stages
from equipoise.beliefs.stopping import Cascade, EarlyVote, ends, induct
from equipoise.beliefs.usual_cost import learn_usual_cost
from equipoise.beliefs.weighted_vote import ENOUGH

PLENTY = 200
"""Labelled questions from which signals and routers are looked at: with fewer, more candidates mean more luck. From
here on the vote that ends early need not be a candidate any more."""

DIFFER = 0.04
"""Share of the questions that two ways of asking decide differently, as a rule: the variance of their difference."""

GATE = 0.0025
"""Utility that signals must add on held-out training questions, on average over the prices."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A cascade that might be learned, or without an order, a router if informed and else the vote that ends early.

    Attributes:
        order: [places] column indices; none for a router, which asks one column by the question's text, and a vote.
        informed: whether it looks at signals.
    """

    order: NDArray[np.intp]
    informed: bool = False


def untaught(train: Ballots | None) -> Policy | None:
    """What is played where too little can be learned: a plain vote that ends when its outcome is certain.

    None where there is enough to learn from.
    """
    if train is None or train.correct is None or not competence.labels_follow_answers(train):
        return EarlyVote()
    return _tie_broken(train, train.correct) if len(train) < ENOUGH else None


def learn_cascades(train: Ballots | None, prices: Sequence[float | None], *, informed: bool = False) -> list[Policy]:
    """A policy per price.

    Args:
        train: recorded questions with labels, or None.
        prices: accuracy that a unit of cost must be worth; None is the one that `pricing.usual` chooses.
        informed: whether signals and routers are looked at where that pays, with `PLENTY` questions or more.
    """
    simple = untaught(train)
    if simple is not None:
        return [simple] * len(prices)
    assert train is not None
    informed = informed and len(train) >= PLENTY
    judged = judge(train, prices_to_try(train, prices), informed=informed)
    wanted, picked = taken(judged, train, prices)
    policies: dict[int, Policy] = {}
    for which in np.unique(picked):
        places = np.flatnonzero(picked == which)
        learned = _learned(train, judged.candidates[which], wanted[places])
        policies |= dict(zip(places.tolist(), learned, strict=True))
    return [policies[place] for place in range(len(prices))]


def _learned(train: Ballots, candidate: Candidate, prices: Floats) -> Sequence[Policy]:
    """A policy per price, learned from all questions."""
    assert train.correct is not None
    if not len(candidate.order):
        routed = candidate.informed
        return learn_routers(train, prices.tolist()) if routed else [_tie_broken(train, train.correct)] * len(prices)
    weights, signals = competence.vote_weights(train), learn_signals(train) if candidate.informed else None
    known = learn_usual_cost(train)
    learned = stages(train, candidate.order, weights, signals)
    belief = learned.belief()
    gains = induct(learned.terms(belief), learned.right, learned.settles, learned.cost, prices)
    return [
        Cascade(
            order=candidate.order,
            weights=weights,
            belief=belief,
            gains=gain,
            price=float(price),
            signals=signals,
            known=known,
        )
        for price, gain in zip(prices, gains, strict=True)
    ]


def judge(train: Ballots, prices: Floats, *, informed: bool = False) -> Judged[Candidate]:
    """What the candidates give at each price, learned on all folds but one and played on that.

    Args:
        train: recorded questions with labels.
        prices: in ascending order.
        informed: whether candidates that look at signals are tried; those that are left pass the gate, all or none.
    """
    assert train.correct is not None
    accuracy_of = competence.competence(train.correct, np.ones_like(train.correct))
    found = ordering.orders(train.correct, accuracy_of, train.cost.mean(axis=0))
    candidates = [
        Candidate(order=order, informed=told) for told in ([False, True] if informed else [False]) for order in found
    ]
    hits, cost = np.zeros((2, len(candidates), len(prices)))
    voted = 0.0
    for rest, held in cuts(train):
        weights, signals = competence.vote_weights(rest), learn_signals(rest) if informed else None
        voted += everybody(held, weights)
        for which, candidate in enumerate(candidates):
            told = signals if candidate.informed else None
            right, spent = _played(rest, held, candidate.order, weights, told, prices)
            hits[which] += right
            cost[which] += spent
    count = len(train) * pricing.REPEATS
    judged = Judged(
        candidates=candidates,
        prices=prices,
        accuracy=hits / count,
        cost=cost / count,
        vote=plain_vote(train),
        weighted=voted / count,
    )
    if informed:
        return _with_router(_gated(judged), train)
    return judged if len(train) >= PLENTY else _with_vote(judged, train)


def cuts(train: Ballots) -> Iterator[tuple[Ballots, Ballots]]:
    """All folds but one and that one, for every fold of every repeat."""
    for repeat in range(pricing.REPEATS):
        fold = pricing.folds(len(train), repeat)
        for part in range(pricing.FOLDS):
            yield train.at(fold != part), train.at(fold == part)


def plain_vote(train: Ballots) -> Curve:
    """Everybody's plain vote on the training questions: one point, at price 0."""
    accuracy = everybody(train, np.ones(len(train.columns))) / len(train)
    cost = train.cost.sum(axis=1).mean()
    return Curve(prices=np.zeros(1), accuracy=np.array([accuracy]), cost=np.array([cost]))


def everybody(ballots: Ballots, weights: Floats) -> float:
    """How many questions everybody's weighted vote gets right; answers level with each other share."""
    assert ballots.correct is not None
    support = np.where(ballots.answered, ballots.same @ weights, -np.inf)
    level = ballots.answered & (support >= support.max(axis=1, keepdims=True) - LEVEL)
    each = level / np.maximum(ballots.same.sum(axis=2), 1)  # an answer counts once, however many gave it
    total = np.maximum(each.sum(axis=1), 1e-12)
    return float(((each * ballots.correct).sum(axis=1) / total).sum())


def _played(
    rest: Ballots,
    held: Ballots,
    order: NDArray[np.intp],
    weights: Floats,
    signals: Signals | None,
    prices: Floats,
) -> tuple[Floats, Floats]:
    """[prices] how many held-out questions a cascade learned on the rest gets right, and what it spends on them."""
    learned, played = stages(rest, order, weights, signals), stages(held, order, weights, signals)
    belief = learned.belief()
    gains = induct(learned.terms(belief), learned.right, learned.settles, learned.cost, prices)
    last, rows = ends(gains, played.terms(belief), played.settles), np.arange(len(held))
    return played.right[last, rows].sum(axis=1), played.cost.cumsum(axis=1)[rows, last].sum(axis=1)


def _gated(judged: Judged[Candidate]) -> Judged[Candidate]:
    """The candidates that look at signals if that pays, else the others."""
    groups = [[i for i, c in enumerate(judged.candidates) if c.informed is told] for told in (False, True)]
    if not groups[1]:
        return judged
    simple, informed = (judged.utility[group].max(axis=0).mean() for group in groups)
    return judged.only(groups[int(informed - simple >= GATE)])


def _with_router(judged: Judged[Candidate], train: Ballots) -> Judged[Candidate]:
    """With the router by text among the candidates, where text tells who is right."""
    found = judge_routers(train, judged.prices)
    if found is None:
        return judged
    accuracy, cost = found
    return replace(
        judged,
        candidates=[*judged.candidates, Candidate(order=np.zeros(0, dtype=np.intp), informed=True)],
        accuracy=np.vstack([judged.accuracy, accuracy]),
        cost=np.vstack([judged.cost, cost]),
    )


def _with_vote(judged: Judged[Candidate], train: Ballots) -> Judged[Candidate]:
    """With the vote that ends early among the candidates; the others must be better than it by a standard error."""
    hits = cost = 0.0
    for rest, held in cuts(train):
        assert rest.correct is not None and held.correct is not None
        played = run(_tie_broken(rest, rest.correct), replace(held, correct=None))
        hits += (played.chosen * held.correct).sum()
        cost += (played.asked * held.cost).sum()
    count, everywhere = len(train) * pricing.REPEATS, np.ones((1, len(judged.prices)))
    return replace(
        judged,
        candidates=[Candidate(order=np.zeros(0, dtype=np.intp)), *judged.candidates],
        accuracy=np.vstack([everywhere * hits / count, judged.accuracy]),
        cost=np.vstack([everywhere * cost / count, judged.cost]),
        doubt=np.sqrt(DIFFER / len(train)) * (np.arange(1 + len(judged.candidates)) > 0),
    )


def _tie_broken(train: Ballots, correct: Bools) -> EarlyVote:
    """The vote in which ties go to the best column, the best being asked first."""
    place = rankdata(-competence.competence(correct, train.answered), method="min")
    votes = 1 + 1e-3 * 2.0**-place  # any one place outweighs all places after it
    return EarlyVote(order=np.argsort(place, kind="stable"), votes=votes)

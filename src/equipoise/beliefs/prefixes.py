r"""What is known after the first answers of a fixed order: which answer leads, and by how much.

With weights w_j (see `competence`) and a prefix o_1 … o_t of an order of columns, the answer a has the support

$$S_a = \sum_{i \le t:\, a_{o_i} = a} w_{o_i}, \qquad \hat a = \arg\max_a S_a$$

and â leads. What decides whether â is right, in order of worth on recorded models: its weight, its margin over the
second, how many agree, their share, how many different answers there are; then who agrees.

Lengths and looks (`signals`) may follow.

Cost: O(questions × t²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.signals import Signals

LEVEL = 1e-9
"""Supports this close are equal: sums of the same numbers in another order differ by rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lead:
    """The state of some questions after t answers.

    Attributes:
        support: [questions, t] support of each answer, −∞ where a column gave none.
        leads: [questions, t] whether the column gave the leading answer.
        first: [questions, t] whether the column was the first to give its answer.
        top: [questions] place in the order of the first column that gave the leading answer; 0 where nobody answered.
        margin: [questions] lead over the second answer, or over no vote at all.
        tied: [questions] how many answers share the lead, at least 1.
        features: [questions, 7 + columns of the whole order] what a belief is made of; `who` fills the last places:
            1 agrees with the leading answer, −1 gave another, 0 gave none or was not asked. With signals, those follow:
            mean length of the leading answer's and of all answers, each column's, and the question's looks.
        context: [questions, CONTEXT] signals that tell what another answer is worth; [questions, 0] without signals.
    """

    support: Floats
    leads: Bools
    first: Bools
    top: NDArray[np.intp]
    margin: Floats
    tied: NDArray[np.intp]
    features: Floats
    context: Floats


def lead(
    ballots: Ballots, order: NDArray[np.intp], asked: int, weights: Floats, signals: Signals | None = None
) -> Lead:
    """The state after the first columns of an order.

    Args:
        ballots: of all columns; answers beyond the prefix are not looked at.
        order: [places] column indices.
        asked: t, the length of the prefix, at least 1.
        weights: [columns] what a vote adds to its answer, ≥ 0.
        signals: what is looked at beside the votes; nothing when None.
    """
    prefix, rows = order[:asked], np.arange(len(ballots))
    answers, answered = ballots.answers[:, prefix], ballots.answered[:, prefix]
    same = (answers[:, :, None] == answers[:, None, :]) & answered[:, :, None]
    support = np.where(answered, same @ weights[prefix], -np.inf)
    top = support.argmax(axis=1)
    leads, some = same[rows, top], answered.any(axis=1)
    most = np.where(some, support[rows, top], 0.0)
    first = answered & ~np.tril(same, -1).any(axis=2)
    second = np.where(leads, -np.inf, support).max(axis=1)
    margin = most - np.where(np.isfinite(second), second, 0.0)
    tied = (first & (support >= most[:, None] - LEVEL)).sum(axis=1)
    others = np.where(first & ~leads, np.exp(support - most[:, None]), 0.0).sum(axis=1) + np.exp(-most)
    given, agreeing = answered.sum(axis=1), leads.sum(axis=1)
    share = agreeing / np.maximum(given, 1)
    told = [most, margin, -np.log(others), agreeing, share, first.sum(axis=1), given]
    who = np.zeros((len(ballots), len(order)))
    who[:, :asked] = np.where(leads, 1.0, np.where(answered, -1.0, 0.0))
    features, context = [*told, who], np.zeros((len(ballots), 0))
    if signals is not None:
        lengths, looks = np.zeros_like(who), signals.looks(ballots)
        lengths[:, :asked] = signals.lengths(ballots)[:, prefix]
        mean = lengths.sum(axis=1) / asked
        of_leading = (lengths[:, :asked] * leads).sum(axis=1) / np.maximum(agreeing, 1)
        features += [of_leading, mean, lengths, looks]
        context = np.column_stack([looks[:, 0], mean])
    return Lead(
        support=support,
        leads=leads,
        first=first,
        top=top,
        margin=margin,
        tied=np.maximum(tied, 1),
        features=np.column_stack(features),
        context=context,
    )


def settled(now: Lead, order: NDArray[np.intp], asked: int, weights: Floats) -> Bools:
    """[questions] whether the answers still to come could not even draw level with the leading one."""
    return now.margin > weights[order[asked:]].sum() + LEVEL

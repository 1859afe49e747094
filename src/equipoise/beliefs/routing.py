r"""Which column to ask, from the question's text before anybody answers.

$$\hat p_j(x) = p_j + \beta_j^\top z(x), \qquad j^*(x) = \arg\max_j \hat p_j(x) - \lambda c_j$$

z are standardised features of the text: its length, its words, digits, numbers and lines, and how often each of some
hashed words occurs (Weinberger et al., 2009). β is a ridge regression of "column j was right", all columns at once,
with the penalty of least leave-one-out error in closed form (Golub, Heath & Wahba, 1979: one decomposition for all
penalties). p_j and the mean cost c_j belong to the column.

On mathematics and code the text tells nothing about who will be right, and a router fitted all the same does harm. So
a gate: on held-out folds the text must foretell who is better than whom, and its utility exceed that of the best fixed
column, both by more than chance gives once in a hundred times; or the router is that column.

Cost: O(questions × features² + features³) a fold: some 10 ms for 500 questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from equipoise.beliefs import competence, pricing
from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.policy import Policy, Reason
from equipoise.beliefs.question_text import features
from equipoise.beliefs.weighted_vote import ENOUGH

_PENALTIES = np.geomspace(10, 1e5, 9)
"""Candidates for the precision of a standardised slope, in questions."""

_CHANCE = 2.33
"""Standard errors by which the text must win: chance alone does so once in a hundred times."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracies:
    """How likely each column is right about a question, from its text.

    Attributes:
        mean: [columns] on all questions.
        centre: [features] of the texts.
        scale: [features] of the texts.
        slopes: [features, columns].
    """

    mean: Floats
    centre: Floats
    scale: Floats
    slopes: Floats

    def __call__(self, texts: Floats) -> Floats:
        """[questions, columns] in (0, 1), from the texts' [questions, features]."""
        return np.clip(self.mean + (texts - self.centre) / self.scale @ self.slopes, 1e-3, 1 - 1e-3)


@dataclass(frozen=True, kw_only=True, eq=False)
class Router(Policy):
    """Asks the column worth most; the next best where it gave no answer.

    Attributes:
        mean: [columns] accuracy on average; None where it is unknown: then columns are asked in the team's order.
        toll: [columns] price · mean cost.
        by_text: accuracy from the text; None where it is not looked at.
    """

    mean: Floats | None = None
    toll: Floats | None = None
    by_text: Accuracies | None = None

    def ask(self, seen: Ballots) -> Bools:
        """One column, while nobody has answered."""
        left = ~seen.asked & ~seen.answered.any(axis=1, keepdims=True)
        worth = self._accuracy(seen) - (0.0 if self.toll is None else self.toll)
        best = np.where(left, worth, -np.inf).argmax(axis=1)
        return left & (np.arange(left.shape[1]) == best[:, None])

    def believe(self, seen: Ballots) -> Floats:
        """The accuracy expected of the column that answered; 1 where nothing is known."""
        return np.where(seen.answered, self._accuracy(seen), 0.0)

    def reason(self, seen: Ballots) -> Reason:
        """Whom it meant to ask was asked."""
        return "done"

    def _accuracy(self, seen: Ballots) -> Floats:
        if self.by_text is not None:
            return self.by_text(features(seen.questions))
        known = np.ones(len(seen.columns)) if self.mean is None else self.mean
        return np.broadcast_to(known, seen.asked.shape)


def learn_routers(train: Ballots | None, prices: Sequence[float | None]) -> list[Policy]:
    """A router per price, by the text where that pays, else to the best column.

    Args:
        train: recorded questions with labels, or None.
        prices: accuracy that a unit of cost must be worth; None is 0.
    """
    if train is None or train.correct is None or not len(train) or not competence.labels_follow_answers(train):
        return [Router() for _ in prices]
    cost, mean = train.cost.mean(axis=0), _mean(train.correct)
    tolls = [0.0 if price is None else price for price in prices]
    if len(train) < ENOUGH:
        return [Router(mean=mean, toll=price * cost) for price in tolls]
    texts = features(train.questions)
    by_text, by_mean = _held_out(train, train.correct, texts)
    learned = regress(texts, train.correct)
    routers: list[Policy] = []
    for price in tolls:
        pays = text_pays(train, by_text, by_mean, price)
        routers.append(Router(mean=mean, toll=price * cost, by_text=learned if pays else None))
    return routers


def judge_routers(train: Ballots, prices: Floats) -> tuple[Floats, Floats] | None:
    """Accuracy and mean cost [prices] of routers by text, out of sample; None if the text never pays.

    Args:
        train: at least `ENOUGH` recorded questions with labels.
        prices: accuracy that a unit of cost must be worth.
    """
    assert train.correct is not None
    by_text, by_mean = _held_out(train, train.correct, features(train.questions))
    if not any(text_pays(train, by_text, by_mean, price) for price in prices):
        return None
    rows, mean_cost = np.arange(len(train)), train.cost.mean(axis=0)
    chosen = np.stack([(by_text - price * mean_cost).argmax(axis=1) for price in prices])
    return train.correct[rows, chosen].mean(axis=1), train.cost[rows, chosen].mean(axis=1)


def regress(texts: Floats, correct: Bools) -> Accuracies:
    """The ridge regression of who was right on the features of the texts.

    Args:
        texts: [questions, features].
        correct: [questions, columns].
    """
    centre, scale = texts.mean(axis=0), texts.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    mean = _mean(correct)
    left, size, right = np.linalg.svd((texts - centre) / scale, full_matrices=False)
    targets = correct - correct.mean(axis=0)
    rotated = left.T @ targets
    best, least = _PENALTIES[-1], np.inf
    for penalty in _PENALTIES:
        shrink = size**2 / (size**2 + penalty)
        leverage = (left**2 @ shrink + 1 / len(texts))[:, None]  # the mean is fitted too
        error = float((((targets - left @ (shrink[:, None] * rotated)) / (1 - leverage)) ** 2).mean())
        if error < least:
            best, least = penalty, error
    slopes = right.T @ ((size / (size**2 + best))[:, None] * rotated)
    return Accuracies(mean=mean, centre=centre, scale=scale, slopes=slopes)


def _mean(correct: Bools) -> Floats:
    return competence.competence(correct, np.ones_like(correct))


def _held_out(train: Ballots, correct: Bools, texts: Floats) -> tuple[Floats, Floats]:
    """[questions, columns] accuracies by text and on average, each learned without the question's fold."""
    by_text, by_mean = np.zeros(correct.shape), np.zeros(correct.shape)
    fold = pricing.folds(len(train))
    for part in range(pricing.FOLDS):
        rest, held = fold != part, fold == part
        learned = regress(texts[rest], correct[rest])
        by_text[held], by_mean[held] = learned(texts[held]), learned.mean
    return by_text, by_mean


def text_pays(train: Ballots, by_text: Floats, by_mean: Floats, price: float) -> bool:
    """Whether looking at the text pays: it tells who is better than whom, and so wins utility.

    Args:
        train: questions with labels.
        by_text: [questions, columns] accuracies from the text, each learned without its question.
        by_mean: [questions, columns] the same without looking at the text.
        price: accuracy that a unit of cost must be worth.
    """
    assert train.correct is not None
    toll, rows = price * train.cost.mean(axis=0), np.arange(len(train))
    utility = train.correct - price * train.cost
    gain = utility[rows, (by_text - toll).argmax(axis=1)] - utility[rows, (by_mean - toll).argmax(axis=1)]
    told = _told(train.correct, by_mean) - _told(train.correct, by_text)
    return _beyond_chance(gain) and _beyond_chance(told)


def _told(correct: Bools, expected: Floats) -> Floats:
    """[questions] squared error about who is better than whom; what makes a question hard for all does not count."""
    error = correct - expected
    return ((error - error.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)


def _beyond_chance(gain: Floats) -> bool:
    """Whether a mean gain is positive by more than its standard error explains."""
    return bool(gain.mean() > _CHANCE * gain.std() / np.sqrt(len(gain)))

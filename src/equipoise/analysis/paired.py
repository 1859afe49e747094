r"""Two methods on the same questions: difference of accuracy, its interval, and an exact test.

$$d_q = \frac{1}{|S_q|}\sum_{s \in S_q} (x_{qs} - y_{qs}), \qquad \hat\delta = \frac{1}{G}\sum_q d_q$$

S_q are the seeds in which both methods were measured on question q. The interval is the percentile bootstrap over
questions (Efron and Tibshirani, 1993, section 13.3), so that seeds of one question stay together. The p-value is that
of the exact McNemar test clustered by question (`mcnemar`).

Where all d_q are equal, the bootstrap would give an interval of width 0. Then a difference that hides from G questions
is bounded by the exact binomial bound 1 − α^{1/G}, α = .05 (the "rule of three").
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from equipoise.analysis import holm
from equipoise.analysis.intervals import Interval
from equipoise.analysis.mcnemar import exact_mcnemar

K = TypeVar("K", bound=Hashable)
RESAMPLES = 4000
ALPHA = 0.05
"""Adjusted p-values above it decide nothing; intervals are at the level 1 − ALPHA."""

Plays = Mapping[tuple[str, int], float]
"""0 or 1 for each (question, seed)."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Accuracy of one method minus that of another.

    Attributes:
        interval: the difference, in [−1, 1].
        p_value: of the exact test against no difference.
        questions: how many were played by both.
        wins, losses: questions on which the one or the other did better.
        adjusted: the p-value after Holm's correction for the comparisons beside it; the plain one outside of a family.
    """

    interval: Interval
    p_value: float
    questions: int
    wins: int
    losses: int
    adjusted: float

    @property
    def verdict(self) -> int:
        """1 if the difference is positive, −1 if negative, 0 if its interval or its adjusted p-value leave a doubt."""
        if self.adjusted > ALPHA:
            return 0
        return int(self.interval.low > 0) - int(self.interval.high < 0)


def difference(one: Plays, other: Plays, *, seed: int = 0) -> Difference | None:
    """`one` minus `other` over the plays that both have; None if they share none.

    Args:
        one: plays of a method.
        other: plays of another method.
        seed: of the bootstrap.
    """
    by_question: dict[str, list[float]] = {}
    for play in sorted(one.keys() & other.keys()):
        by_question.setdefault(play[0], []).append(one[play] - other[play])
    if not by_question:
        return None
    return difference_of(np.array([np.mean(values) for values in by_question.values()]), seed=seed)


def difference_of(d: np.ndarray, *, seed: int = 0, comparisons: int = 1) -> Difference:
    """The difference of two methods whose mean difference on each question is known.

    Args:
        d: d_q of each question that both have, at least one [G].
        seed: of the bootstrap.
        comparisons: for which the interval holds at once, this one among them (Bonferroni).
    """
    wins, losses, p_value = exact_mcnemar(d)
    return Difference(
        interval=_interval(d, seed, ALPHA / comparisons),
        p_value=p_value,
        questions=len(d),
        wins=wins,
        losses=losses,
        adjusted=p_value,
    )


def family(comparisons: Mapping[K, Difference]) -> dict[K, Difference]:
    """The same comparisons with their p-values adjusted for each other."""
    p_values = holm.adjusted([comparison.p_value for comparison in comparisons.values()])
    return {
        key: replace(comparison, adjusted=p) for (key, comparison), p in zip(comparisons.items(), p_values, strict=True)
    }


def _interval(d: np.ndarray, seed: int, alpha: float) -> Interval:
    """Mean of `d` [G] with its bootstrap interval at level 1 − alpha."""
    mean = float(d.mean())
    if np.ptp(d) == 0.0:
        hidden = 1.0 - alpha ** (1.0 / len(d))
        return Interval(mean=mean, low=max(-1.0, mean - hidden), high=min(1.0, mean + hidden))
    rng = np.random.default_rng(seed)
    values, counts = np.unique(d, return_counts=True)
    draws = rng.multinomial(len(d), counts / len(d), size=RESAMPLES)  # [RESAMPLES, distinct values]
    low, high = np.quantile(draws @ values / len(d), [alpha / 2, 1.0 - alpha / 2])
    return Interval(mean=mean, low=float(low), high=float(high))

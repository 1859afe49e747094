r"""Accuracy with a 95 % interval that knows that plays of one question are not independent.

$$\bar x = \frac{1}{N}\sum_{q,s} x_{qs}, \qquad
\mathrm{se}^2 = \frac{G}{G-1}\,\frac{1}{N^2} \sum_q \Big(\sum_s (x_{qs} - \bar x)\Big)^2, \qquad
n_\mathrm{eff} = \frac{\bar x (1 - \bar x)}{\mathrm{se}^2}$$

x is 0 or 1, q runs over G questions, s over the plays of a question, N plays together. The interval is Wilson's score
interval at n_eff plays: unlike x̄ ± 1.96 se it stays in [0, 1] and is honest at 0 and 1.

Miller, 2024, "Adding Error Bars to Evals", section 2.2 (clustered standard error); Wilson, 1927; Korn and Graubard,
1998 (effective sample size). Coverage relies on at least about ten questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its 95 % interval, all in the same unit."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the interval's width; the interval need not be centred on the estimate."""
        return (self.high - self.low) / 2


def accuracy(plays: Mapping[str, Sequence[float]]) -> Interval | None:
    """Share of right answers in [0, 1] with its interval; None without a play.

    Args:
        plays: 0 or 1 for each play of each question.
    """
    groups = [np.asarray(values, dtype=float) for values in plays.values() if len(values)]
    if not groups:
        return None
    n = sum(len(group) for group in groups)
    mean = sum(float(group.sum()) for group in groups) / n
    return wilson(mean, _effective(np.array([(group - mean).sum() for group in groups]), n, mean))


def share(means: np.ndarray) -> Interval:
    """Share of right answers in [0, 1] with its interval, from each question's mean over its plays [G]; G ≥ 1."""
    mean = float(means.mean())
    return wilson(mean, _effective(means - mean, len(means), mean))


def _effective(deviations: np.ndarray, n: int, mean: float) -> float:
    """Number of independent plays that n plays are worth, between 1 and n; deviations are sums over a question [G]."""
    g = len(deviations)
    spread = float((deviations**2).sum())
    if g < 2 or spread == 0.0:
        return float(g)
    variance = g / (g - 1) * spread / n**2
    return float(np.clip(mean * (1 - mean) / variance, 1.0, n))


def wilson(mean: float, n: float, *, z: float = Z) -> Interval:
    """Wilson's score interval of a share among n > 0 independent plays, at the normal quantile z."""
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * float(np.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2)))
    return Interval(mean=mean, low=max(0.0, min(mean, centre - half)), high=min(1.0, max(mean, centre + half)))

r"""What candidates for a rule give on questions that had no part in learning them, and which is taken at which price.

At a price λ the candidate of largest utility, accuracy − λ · cost, is taken. Where the user names no price, `pricing`
chooses it by what the taken candidates reach, beside everybody's vote.

Cost: none to speak of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs import pricing
from equipoise.beliefs.ballots import Ballots, Floats
from equipoise.beliefs.pricing import Curve

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged(Generic[C]):
    """What candidates give at some prices.

    Attributes:
        candidates: to choose from.
        prices: [prices] in ascending order.
        accuracy: [candidates, prices].
        cost: [candidates, prices] mean cost of a question.
        vote: everybody's plain vote: one point, at price 0.
        weighted: accuracy of everybody's weighted vote.
        doubt: [candidates] utility by which each must be better, to be taken; none when None.
    """

    candidates: list[C]
    prices: Floats
    accuracy: Floats
    cost: Floats
    vote: Curve
    weighted: float
    doubt: Floats | None = None

    @property
    def utility(self) -> Floats:
        """[candidates, prices] accuracy − price · cost − doubt."""
        earned = self.accuracy - self.prices * self.cost
        return earned if self.doubt is None else earned - self.doubt[:, None]

    def only(self, kept: Sequence[int]) -> Judged[C]:
        """Some of the candidates, by position."""
        return replace(
            self,
            candidates=[self.candidates[i] for i in kept],
            accuracy=self.accuracy[list(kept)],
            cost=self.cost[list(kept)],
            doubt=None if self.doubt is None else self.doubt[list(kept)],
        )


def prices_to_try(train: Ballots, prices: Sequence[float | None]) -> Floats:
    """[prices] in ascending order: those named, and the grid where one is to be chosen."""
    named = [price for price in prices if price is not None]
    return np.unique(np.concatenate([named, pricing.grid(train.cost) if None in prices else []]))


def taken(judged: Judged[C], train: Ballots, prices: Sequence[float | None]) -> tuple[Floats, NDArray[np.intp]]:
    """[prices] the prices, chosen where None, and the position of the candidate that is taken at each.

    Args:
        judged: at `prices_to_try`.
        train: the questions it was judged on.
        prices: as the user names them.
    """
    best = judged.utility.argmax(axis=0)
    usual = np.nan
    if None in prices:
        of_grid = np.flatnonzero(np.isin(judged.prices, pricing.grid(train.cost)))
        at = best[of_grid], of_grid
        curve = Curve(prices=judged.prices[of_grid], accuracy=judged.accuracy[at], cost=judged.cost[at])
        usual = pricing.usual(curve, judged.vote, judged.weighted)
    wanted = np.array([usual if price is None else price for price in prices], dtype=np.float64)
    return wanted, best[np.searchsorted(judged.prices, wanted)]

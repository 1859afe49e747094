r"""Whether a question is one of those that a policy was learned on, as far as the cost of its answers tells.

$$\text{strange} \iff \exists j:\; |\log c_j - \mu_j| > \max(k\, \sigma_j, \log r)$$

μ and σ are the mean and standard deviation of the logarithm of column j's cost on training questions. How often columns
are right and how much their agreement proves holds for the benchmark that it was learned on. Another benchmark is known
by its answers: an answer of one word where essays were learned from, or the reverse. What was learned is then worth
nothing, and a policy does better with a plain vote.

Cost: O(questions × columns).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.beliefs.ballots import Ballots, Bools, Floats

_DEVIATIONS = 4.0
_RATIO = 8.0
"""How many times longer or shorter than usual an answer must be, beside lying far out: short answers vary a lot."""


@dataclass(frozen=True, kw_only=True, eq=False)
class UsualCost:
    """Centre [columns] and half-width [columns] of the logarithms of usual costs."""

    centre: Floats
    reach: Floats

    def strange(self, seen: Ballots) -> Bools:
        """[questions] whether some answer costs what none did in training; answers without a cost tell nothing."""
        known = seen.answered & (seen.cost > 0)
        far = np.abs(np.log(np.where(known, seen.cost, 1.0)) - self.centre) > self.reach
        return np.asarray((far & known).any(axis=1))


def learn_usual_cost(train: Ballots) -> UsualCost:
    """What answers cost on training questions; a column that never cost anything is never strange."""
    known = train.answered & (train.cost > 0)
    count = known.sum(axis=0)
    logs = np.where(known, np.log(np.where(known, train.cost, 1.0)), 0.0)
    centre = logs.sum(axis=0) / np.maximum(count, 1)
    spread = np.sqrt((np.where(known, logs - centre, 0.0) ** 2).sum(axis=0) / np.maximum(count, 1))
    reach = np.where(count > 0, np.maximum(_DEVIATIONS * spread, np.log(_RATIO)), np.inf)
    return UsualCost(centre=centre, reach=np.minimum(reach, 1e300))

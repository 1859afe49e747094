"""A policy over some columns, played where there are more: the others are never asked and never believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.beliefs.ballots import Ballots, Bools, Floats
from equipoise.beliefs.policy import Policy, Reason


@dataclass(frozen=True, kw_only=True, eq=False)
class Placed(Policy):
    """A policy over some of the columns, played where there are more.

    Attributes:
        policy: over its own columns.
        places: [its columns] where they are.
    """

    policy: Policy
    places: NDArray[np.intp]

    def ask(self, seen: Ballots) -> Bools:
        """What the policy asks."""
        return self._spread(self.policy.ask(seen.only(self.places.tolist())), seen).astype(bool)

    def believe(self, seen: Ballots) -> Floats:
        """What the policy believes; nothing of columns that it does not know."""
        return self._spread(self.policy.believe(seen.only(self.places.tolist())), seen)

    def reason(self, seen: Ballots) -> Reason:
        """The policy's reason."""
        return self.policy.reason(seen.only(self.places.tolist()))

    def _spread(self, values: NDArray[Any], seen: Ballots) -> Floats:
        spread = np.zeros(seen.asked.shape)
        spread[:, self.places] = values
        return spread


def placed(policy: Policy, places: Sequence[int]) -> Placed:
    """The policy where its columns are at these places."""
    return Placed(policy=policy, places=np.array(places, dtype=np.intp))

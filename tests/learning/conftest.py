"""Recorded questions whose best controls are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from equipoise.beliefs.ballots import NO_ANSWER, Ballots

Recorded = Callable[..., Ballots]


@pytest.fixture
def recorded() -> Recorded:
    """Ballots from labels [questions, columns] (-1 is no answer; 0 is right) and the cost of each column."""

    def make(answers: Sequence[Sequence[int]] | np.ndarray, cost: Sequence[float], names: Sequence[str]) -> Ballots:
        marked = np.asarray(answers, dtype=np.int16)
        return Ballots(
            columns=tuple(names),
            questions=np.array([f"question {i}" for i in range(len(marked))], dtype=object),
            answers=np.where(marked < 0, NO_ANSWER, marked).astype(np.int16),
            cost=np.tile(np.asarray(cost, dtype=np.float64), (len(marked), 1)),
            correct=marked == 0,
            checks=None,
            asked=np.ones(marked.shape, dtype=bool),
        )

    return make

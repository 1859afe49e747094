"""What is known before a round, as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from equipoise.policies.observations import observer, unseen

NAMES = ("a", "b", "c")


def test_before_anybody_answered_only_the_text_is_told(recorded: Any) -> None:
    train = recorded([[0, 1, 2]] * 12, [1.0] * 3, NAMES)
    train.questions[:] = [f"question {'word ' * i}" for i in range(12)]
    reads, blind = observer(np.ones(3), train.questions), observer(np.ones(3), None)
    nothing = unseen(NAMES, train.questions)
    assert not blind.tokens(nothing, 0).any()
    tokens = reads.tokens(nothing, 0)
    assert tokens.shape == (12, reads.size) and not tokens[:, 0].any() and not tokens[:, -13:].any()
    texts = tokens[:, 1:-13].astype(float)
    varies = texts.std(axis=0) > 0
    assert varies.any() and np.allclose(texts.mean(axis=0), 0.0, atol=1e-5)
    assert np.allclose(texts[:, varies].std(axis=0), 1.0, atol=1e-4)
    strange = np.array(["? " * 10_000], dtype=object)
    assert np.abs(reads.tokens(unseen(NAMES, strange), 0)).max() <= 4.0


def test_after_a_round_the_state_of_the_vote_is_told_and_nothing_that_was_not_asked(recorded: Any) -> None:
    weights = np.array([1.0, 2.0, 1.0])
    # Two agree against the heaviest; silence; one alone; nobody asked.
    train = recorded([[5, 1, 5], [-1, -1, 0], [3, 3, 3], [2, 2, 2]], [1.0] * 3, NAMES)
    asked = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 0, 0]], dtype=bool)
    tokens = observer(weights, None).tokens(train.seen(asked), 1)
    assert tokens[:, 0].tolist() == [1, 1, 1, 1]
    # Leader's weight and its margin as shares of all weight, …, share, different answers, answers; who agrees; asked.
    assert np.allclose(tokens[0, [1, 2, 4, 5, 6, 7]], [2 / 4, 0.0, 2 / 3, 2 / 3, 2 / 3, 1.0])
    assert tokens[0, 8:].tolist() == [1, -1, 1, 1, 1, 1]
    assert np.allclose(tokens[1, 1:8], 0.0, atol=1e-6) and tokens[1, 8:].tolist() == [0, 0, 0, 1, 1, 0]
    assert np.allclose(tokens[2, [1, 2, 4, 5, 6, 7]], [0.5, 0.5, 1 / 3, 1.0, 1 / 3, 1 / 3])
    assert tokens[2, 8:].tolist() == [0, 1, 0, 0, 1, 0]
    assert not tokens[3, 1:].any()
    # Labels mean nothing: other numbers for the same answers tell the same.
    again = recorded([[8, 4, 8], [-1, -1, 9], [1, 1, 1], [7, 7, 7]], [1.0] * 3, NAMES)
    assert (observer(weights, None).tokens(again.seen(asked), 1) == tokens).all()

"""Rewards of small teams by hand."""

from __future__ import annotations

import numpy as np
import pytest

from equipoise.learning.belief_rewards import components, cosine

ANSWERS = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])


def test_parts_by_hand() -> None:
    found = components(ANSWERS, ["4", "5", "4"], [True, False, True], np.array([2.0, 0.0]), "4")
    half = np.sqrt(0.5)
    assert found[:, 0] == pytest.approx([1.0, 0.5, (1 + half) / 2])  # (1 + cos) / 2
    assert found[:, 1] == pytest.approx([1.0, 0.0, 1.0])
    novelty = 0.3 * (1 - half)  # the nearest peer of each is at 45 degrees
    assert found[:, 2] == pytest.approx([0.7 + novelty, novelty, 0.7 + novelty])


def test_an_answer_that_cannot_be_read_earns_nothing() -> None:
    found = components(ANSWERS, ["4", None, "4"], [True, True, False], np.array([2.0, 0.0]), "4")
    assert found[1] == pytest.approx([0.0, 0.0, 0.0])
    assert found[0, 1] == 1.0


def test_without_a_commitment_nobody_is_aligned_or_faithful() -> None:
    found = components(ANSWERS, ["4", "5", "6"], [True, False, False], np.zeros(2), None)
    assert found[:, 0] == pytest.approx([0, 0, 0])
    assert np.all(found[:, 2] <= 0.3)


def test_task_success_is_the_executors_own() -> None:
    found = components(ANSWERS, ["4", "5", "4"], [False, True, False], np.array([2.0, 0.0]), "4")
    assert found[:, 1] == pytest.approx([0.0, 1.0, 0.0])


def test_equal_answers_are_not_novel_and_a_team_of_one_is() -> None:
    same = np.ones((2, 3))
    assert components(same, ["a", "a"], [False, False], np.ones(3), "a")[:, 2] == pytest.approx([0.7, 0.7])
    assert components(np.ones((1, 3)), ["a"], [True], np.ones(3), "a")[0, 2] == pytest.approx(1.0)


def test_permuting_executors_permutes_rewards_and_all_lie_in_the_unit_interval() -> None:
    rng = np.random.default_rng(3)
    answers, commitment = rng.normal(size=(5, 4)), rng.normal(size=4)
    keys, right = ["a", None, "b", "a", "c"], [True, False, False, True, False]
    order = [3, 1, 4, 0, 2]
    plain = components(answers, keys, right, commitment, "a")
    turned = components(answers[order], [keys[i] for i in order], [right[i] for i in order], commitment, "a")
    assert turned == pytest.approx(plain[order])
    assert plain.min() >= 0 and plain.max() <= 1


def test_the_cosine_of_nothing_is_zero() -> None:
    assert cosine(np.zeros(3), np.ones(3)) == 0.0

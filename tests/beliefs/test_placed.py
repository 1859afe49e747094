"""A policy among more columns than it knows plays as if it were alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs.cascading import learn_cascades
from equipoise.beliefs.placed import placed
from equipoise.beliefs.policy import run
from equipoise.beliefs.verifying import UntilPassed
from equipoise.beliefs.vote import Vote

PLACES = [4, 0, 3]


def test_it_plays_as_on_its_own_columns(simulate: Any) -> None:
    ballots = simulate([0.7, 0.99, 0.2, 0.6, 0.85], 3, 400, seed=6, silent=0.05)
    (cascade,) = learn_cascades(ballots.only(PLACES).at(slice(0, 200)), [0.05])
    held = ballots.at(slice(200, 400))
    for policy in (cascade, Vote()):
        alone, among = run(policy, held.only(PLACES)), run(placed(policy, PLACES), held)
        assert np.array_equal(among.asked[:, PLACES], alone.asked)
        answered = (held.only(PLACES).same * among.chosen[:, None, PLACES]).sum(axis=2)
        assert answered == pytest.approx((held.only(PLACES).same * alone.chosen[:, None, :]).sum(axis=2))
        assert among.belief == pytest.approx(alone.belief)
        assert np.array_equal(among.steps, alone.steps)
        for elsewhere in (1, 2):
            assert not among.asked[:, elsewhere].any() and not among.chosen[:, elsewhere].any()


def test_reasons_and_checks_are_those_of_its_columns(simulate: Any) -> None:
    ballots = simulate([0.5, 0.5, 0.5], 3, 3)
    policy = placed(UntilPassed(order=None, fallback=Vote()), [2, 0])
    checks = np.array([[-1, 1, 0], [0, -1, -1], [-1, -1, 1]], dtype=np.int8)
    asked = np.array([[False, True, True], [True, False, True], [False, False, True]])
    reasons = [policy.reason(replace(ballots, checks=checks, asked=asked).at([i])) for i in range(3)]
    assert reasons == ["confident", "done", "verified"]


def test_without_a_place_nobody_is_asked(simulate: Any) -> None:
    ballots = simulate([0.5, 0.5], 3, 4)
    played = run(placed(Vote(), []), ballots)
    assert not played.asked.any() and not played.chosen.any()

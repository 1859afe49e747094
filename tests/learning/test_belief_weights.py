"""α: the projection against scipy's own optimiser, and the step against the closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from equipoise.errors import InputError
from equipoise.learning.belief_weights import FLOOR, RATE, START, discrepancy, learned, project

POINTS = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@given(POINTS)
def test_the_projection_is_on_the_simplex_above_its_floor(point: list[float]) -> None:
    found = project(np.array(point), np.array(FLOOR))
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.all(found >= np.array(FLOOR) - 1e-12)
    assert project(found, np.array(FLOOR)) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("point", [(0.9, -0.4, 0.1), (0.1, 0.2, 2.0), (-1.0, 0.0, 0.3), (0.5, 0.35, 0.4)])
def test_the_projection_is_the_nearest_point(point: tuple[float, ...]) -> None:
    floor = np.array([0.05, 0.3, 0.0])
    best = minimize(
        lambda x: ((x - np.array(point)) ** 2).sum(),
        np.array([0.3, 0.4, 0.3]),
        method="SLSQP",
        bounds=[(low, 1) for low in floor],
        constraints=[{"type": "eq", "fun": lambda x: x.sum() - 1}],
        options={"ftol": 1e-14, "maxiter": 200},
    )
    assert project(np.array(point), floor) == pytest.approx(best.x, abs=1e-6)


def test_a_point_on_the_simplex_stays() -> None:
    assert project(np.array(START), np.array(FLOOR)) == pytest.approx(START)


def test_floors_above_one_have_no_simplex() -> None:
    with pytest.raises(InputError, match="sum to more than 1"):
        project(np.array([0.5, 0.5]), np.array([0.6, 0.6]))


def test_a_step_follows_the_gradient_of_the_discrepancy() -> None:
    rng = np.random.default_rng(2)
    parts, expected, alpha = rng.random((40, 3)), rng.random(40), np.array([0.3, 0.5, 0.2])
    numeric = np.array(
        [
            (discrepancy(alpha + step, parts, expected) - discrepancy(alpha - step, parts, expected)) / 2e-6
            for step in np.eye(3) * 1e-6
        ]
    )
    moved = learned(alpha, parts, expected, rate=0.01, floor=np.zeros(3))
    # Inside the simplex the projection takes off the mean of the step.
    assert moved - alpha == pytest.approx(-0.01 * (numeric - numeric.mean()), abs=1e-8)


def test_steps_lower_the_discrepancy_and_the_floor_holds() -> None:
    rng = np.random.default_rng(5)
    parts = rng.random((200, 3))
    expected = parts[:, 0]  # everything says: only alignment counts
    alpha = np.array(START)
    before = discrepancy(alpha, parts, expected)
    for _ in range(4000):
        alpha = learned(alpha, parts, expected, rate=50 * RATE)
        assert alpha.sum() == pytest.approx(1.0)
        assert alpha[1] >= FLOOR[1] - 1e-12
    assert discrepancy(alpha, parts, expected) < before
    assert alpha == pytest.approx([0.7, 0.3, 0.0], abs=0.02)

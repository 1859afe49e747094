"""Best responses on a grid, against closed forms of quadratic potential games."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.games.grid_response import Box, deviate, respond

BOX = Box(low=(0.0, -1.0), high=(2.0, 1.0), coarse=5, fine=3, reach=0.05)


def quadratic(target: np.ndarray, coupling: float):
    """V(e) = −Σ‖e_i − t_i‖² + c Σ_{i<j} ⟨e_i, e_j⟩, whose best response to the others is t_i + (c/2) Σ_{j≠i} e_j."""

    def values(profiles: np.ndarray) -> np.ndarray:
        pulled = -((profiles - target) ** 2).sum((-1, -2))
        total = profiles.sum(-2)
        return pulled + coupling / 2 * ((total**2).sum(-1) - (profiles**2).sum((-1, -2)))

    return values


def test_gains_are_those_of_the_closed_form_on_the_grid() -> None:
    target = np.array([[0.5, 0.0], [1.5, -0.5], [1.0, 0.5]])
    profile = np.array([[1.0, 0.5], [1.5, 0.0], [0.5, 0.5]])
    found = deviate(quadratic(target, 0.0), profile, BOX)
    # The targets lie on the grid 0, 0.5, … × −1, −0.5, …, so each gains its whole squared distance.
    assert found.best == pytest.approx(target)
    assert found.gains == pytest.approx(((profile - target) ** 2).sum(-1))
    assert found.gap == pytest.approx(0.5 + 0.25 + 0.25)
    assert found.value == pytest.approx(-1.0)


def test_leading_axes_are_games_of_their_own() -> None:
    rng = np.random.default_rng(4)
    targets = rng.uniform([0, -1], [2, 1], (3, 2, 2))
    profiles = rng.uniform([0, -1], [2, 1], (3, 2, 2))
    together = deviate(lambda p: -((p - targets[:, None]) ** 2).sum((-1, -2)), profiles, BOX)
    for i in range(3):
        alone = deviate(quadratic(targets[i], 0.0), profiles[i], BOX)
        assert together.best[i] == pytest.approx(alone.best)
        assert together.gap[i] == pytest.approx(alone.gap)


@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(0.1, 1.0))
def test_the_gap_never_grows_and_the_profile_stays_in_the_box(seed: int, coupling: float, damping: float) -> None:
    rng = np.random.default_rng(seed)
    target = rng.uniform([0, -1], [2, 1], (3, 2))
    start = rng.uniform([0, -1], [2, 1], (3, 2))
    found = respond(quadratic(target, coupling), start, BOX, damping=damping, steps=6)
    assert np.all(np.diff(found.gaps) <= 1e-12)
    assert min(found.gaps) >= 0
    assert np.all(found.profile >= np.array(BOX.low) - 1e-9)
    assert np.all(found.profile <= np.array(BOX.high) + 1e-9)


def test_best_responses_reach_the_equilibrium_of_a_contraction() -> None:
    target, coupling = np.array([[0.4, -0.2], [0.9, 0.1]]), 0.4
    box = Box(low=BOX.low, high=BOX.high, coarse=9, fine=9, reach=0.1)
    found = respond(quadratic(target, coupling), np.array([[2.0, 1.0], [0.0, -1.0]]), box, steps=60, tolerance=1e-6)
    # e = t + (c/2) e_-i: two linear equations per coordinate.
    matrix = np.array([[1, -coupling / 2], [-coupling / 2, 1]])
    assert found.profile == pytest.approx(np.linalg.solve(matrix, target), abs=0.06)
    assert found.gaps[-1] < 0.01 * found.gaps[0]


def test_at_an_equilibrium_nobody_moves() -> None:
    target = np.array([[0.5, 0.5], [1.0, -0.5]])
    found = respond(quadratic(target, 0.0), target, BOX)
    assert found.gaps == (0.0,)
    assert found.profile == pytest.approx(target)


def test_permuting_players_permutes_their_deviations() -> None:
    rng = np.random.default_rng(1)
    target, profile = rng.uniform(0, 1, (4, 2)), rng.uniform(0, 1, (4, 2))
    order = np.array([2, 0, 3, 1])
    plain = deviate(quadratic(target, 0.7), profile, BOX)
    turned = deviate(quadratic(target[order], 0.7), profile[order], BOX)
    assert turned.best == pytest.approx(plain.best[order])
    assert turned.gains == pytest.approx(plain.gains[order])

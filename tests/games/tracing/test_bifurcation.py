"""Folds and branch points as solved roots: closed forms, the reference file, the paper's game, scalar equations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from equipoise import games
from equipoise.games import library


@pytest.fixture(scope="module")
def entries(reference_file: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in json.loads(reference_file.read_text(encoding="utf-8"))["games"]}


def only(found: list[games.Bifurcation]) -> games.Bifurcation:
    assert len(found) == 1
    return found[0]


def test_every_bifurcation_temperature_of_the_reference_file(entries: dict[str, dict[str, Any]]) -> None:
    named = [name for name, entry in entries.items() if {"tau_critical", "tau_fold"} & entry.keys()]
    assert named == ["pure_coordination_pitchfork", "stag_hunt_fold"]
    pitchfork, fold = (entries[name] for name in named)
    for entry, kind, key in ((pitchfork, "pitchfork", "tau_critical"), (fold, "fold", "tau_fold")):
        read = games.read_entry(entry)
        found = only(games.bifurcations(read.game, read.temperatures, starts=30))
        assert found.kind == kind
        np.testing.assert_allclose(found.temperatures, float(entry[key]), atol=1e-11, rtol=0)
    np.testing.assert_allclose([p[0] for p in found.profile], float(fold["p_fold"]), atol=1e-8)


@pytest.mark.parametrize("temperatures", [[0.4, 0.4], [0.1, 1.3], [2.0, 0.01]])
def test_two_conventions_of_equal_worth_divide_where_the_product_of_temperatures_is_a_quarter(
    temperatures: list[float],
) -> None:
    found = only(games.bifurcations(library.pure_coordination(), temperatures, starts=20))
    assert found.kind == "pitchfork"
    assert np.prod(found.temperatures) == pytest.approx(0.25, abs=1e-12)
    assert found.temperatures[0] / found.temperatures[1] == pytest.approx(temperatures[0] / temperatures[1])
    np.testing.assert_allclose(found.profile, 0.5, atol=1e-12)


@pytest.mark.parametrize(("agents", "critical"), [(3, 0.5), (4, 0.375)])
def test_agents_who_meet_only_all_together_divide_at_a_closed_form(agents: int, critical: float) -> None:
    """u = 1 if all match: dQ(0) − dQ(1) = (N−1) 2^(2−N) x and π = (1 + tanh(dQ/2τ))/2, so τ_c = (N−1) 2^(1−N)."""
    tensor = np.zeros((2,) * agents)
    tensor[(0,) * agents] = tensor[(1,) * agents] = 1.0
    branch = games.trace(games.NormalForm([tensor] * agents), 0.6 * critical)
    assert [found.kind for found in branch.bifurcations] == ["pitchfork"]
    np.testing.assert_allclose(branch.bifurcations[0].temperatures, critical, atol=1e-12)


def test_the_papers_game_has_three_equilibria_below_its_fold_and_one_above() -> None:
    game = library.two_conventions(shortfall=0.3)

    def temperature(p: float) -> float:
        """logit p = (p − .7 (1 − p))/τ, solved for τ."""
        return (1.7 * p - 0.7) / np.log(p / (1.0 - p))

    best = minimize_scalar(lambda p: -temperature(p), bounds=(0.05, 0.4), method="bounded", options={"xatol": 1e-12})
    found = only(games.bifurcations(game, 0.1))
    assert found.kind == "fold"
    assert found.temperatures[0] == pytest.approx(-best.fun, abs=1e-12)
    assert found.temperatures[0] == pytest.approx(0.2600, abs=5e-5)
    assert len(games.find_all(game, 0.26)) == 3
    assert len(games.find_all(game, 0.2601)) == 1


def test_unequal_temperatures_scale_together() -> None:
    """Asymmetric stag hunt: the fold at (τ₁, τ₂) c against a scalar equation for p(q(p))."""
    ratio = np.array([1.0, 0.7])

    def gap(p: float, factor: float) -> float:
        q = 1.0 / (1.0 + np.exp(-((6.0 * p - 4.0) / (factor * ratio[1]))))
        return np.log(p / (1.0 - p)) - (6.0 * q - 4.0) / (factor * ratio[0])

    def deepest(factor: float) -> float:
        return minimize_scalar(
            lambda p: gap(p, factor), bounds=(0.75, 0.99), method="bounded", options={"xatol": 1e-13}
        ).fun

    expected = brentq(deepest, 0.6, 0.95, xtol=1e-14)
    found = only(games.bifurcations(library.stag_hunt(), 0.4 * ratio))
    assert found.factor * 0.4 == pytest.approx(expected, abs=1e-8)


def test_a_branch_through_another_equilibrium_turns_back_to_a_third() -> None:
    game = library.stag_hunt()
    branch = games.trace(game, 0.5, start=[[0.9762134639582, 0.0237865360418]] * 2)
    assert branch.arrived
    assert branch.factors[0] == branch.factors[-1] == pytest.approx(1.0)
    assert branch.policies[-1][0] == pytest.approx(0.76504510085519, abs=1e-11)
    assert max(branch.factors) < branch.bifurcations[0].factor + 1e-9


def test_the_principal_branch_followed_upward_ends_at_the_reference() -> None:
    start = games.solve(library.stag_hunt(), 0.5, method="continuation").profile
    branch = games.trace(library.stag_hunt(), 0.5, start=start)
    assert not branch.arrived
    assert np.isinf(branch.factors[-1])
    np.testing.assert_allclose(branch.policies[-1], 0.5)


def test_a_battle_of_the_sexes_divides_on_its_symmetric_branch() -> None:
    found = only(games.bifurcations(library.battle_of_the_sexes(), 0.3))
    assert found.kind == "pitchfork"
    problem = games.Problem(
        library.battle_of_the_sexes(), games.Regularizer.of(library.stag_hunt().layout, found.temperatures)
    )
    policy = np.concatenate(found.profile)
    assert problem.residual(policy) < 1e-13
    assert policy[0] == pytest.approx(policy[3], abs=1e-12)
    assert np.linalg.eigvals(problem.response_jacobian(policy)).real.max() == pytest.approx(1.0, abs=1e-10)


def test_three_conventions_have_folds_before_the_symmetric_point_loses_uniqueness() -> None:
    found = games.bifurcations(games.NormalForm([np.eye(3)] * 2), 0.2, starts=60)
    assert [one.kind for one in found] == ["fold"] * 3 + ["multiple"]
    assert found[-1].temperatures[0] == pytest.approx(1.0 / 3.0, abs=1e-9)

    def temperature(p: float) -> float:
        return (p - (1.0 - p) / 2.0) / np.log(2.0 * p / (1.0 - p))

    best = minimize_scalar(lambda p: -temperature(p), bounds=(0.4, 0.9), method="bounded", options={"xatol": 1e-12})
    for fold in found[:3]:
        assert fold.temperatures[0] == pytest.approx(-best.fun, abs=1e-11)


def test_an_imperfect_pitchfork_is_followed_to_its_side_and_not_reported() -> None:
    for tilt in (1e-3, 1e-6):
        game = games.NormalForm([np.diag([1.0 + tilt, 1.0]), np.diag([1.0 + tilt, 1.0])])
        found = games.solve(game, 0.4, method="continuation")
        assert found.remark == ""
        assert found.policy[0] == pytest.approx(0.855, abs=2e-3)
        assert only(games.bifurcations(game, 0.4)).kind == "fold"


def test_a_fold_is_located_without_jacobians_too(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"temperatures": [[0.05, 0.09], [0.07, 0.06]], "continuation": "plain"}
    game = library.two_state_markov()
    dense = games.bifurcations(game, starts=30, **options)
    monkeypatch.setattr("equipoise.games.tracing.bordered.DENSE_LIMIT", 1)
    free = games.bifurcations(game, starts=30, **options)
    assert [one.kind for one in dense] == [one.kind for one in free]
    assert "fold" in {one.kind for one in free}
    np.testing.assert_allclose([one.factor for one in free], [one.factor for one in dense], rtol=1e-9)


def test_games_without_bifurcations_have_none() -> None:
    assert games.bifurcations(library.matching_pennies(), [0.05, 0.3], starts=10) == []
    assert games.trace(library.asymmetric_matching_pennies(), [1.5, 0.4]).bifurcations == ()


@pytest.mark.parametrize("continuation", ["kl", "soft", "plain"])
def test_folds_of_a_markov_game_are_singular_equilibria(continuation: str) -> None:
    game = library.two_state_markov()
    temperatures = [[0.05, 0.09], [0.07, 0.06]]
    found = games.bifurcations(game, temperatures, continuation=continuation, starts=30)
    assert found
    for one in found:
        regularizer = games.Regularizer.of(game.layout, one.temperatures, continuation=continuation)
        problem = games.Problem(game, regularizer)
        policy = game.layout.flatten(one.profile)
        assert problem.residual(policy) < 1e-11
        eigenvalues = np.linalg.eigvals(problem.response_jacobian(policy))
        assert np.abs(eigenvalues - 1.0).min() < 1e-8

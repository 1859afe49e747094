"""Certificates against published numbers, closed forms, brute force over pure profiles, and what the solvers find."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.games.conftest import MAKERS, drawn_direction

from equipoise import games
from equipoise.errors import InputError, UnknownName
from equipoise.games import certificate
from equipoise.games.certificates.symmetrised import Symmetrised
from equipoise.games.game import Game
from equipoise.games.solvers.mirror_descent import MirrorDescent

ONE_SHOT = ("normal_form", "bayesian", "common_payoff", "vote")
KEPT = ("small_gain", "symmetrised", "paper_margin")


def problem_of(game: Game, temperatures: Any, **options: Any) -> games.Problem:
    return games.Problem(game, games.Regularizer.of(game.layout, temperatures, **options))


@pytest.mark.parametrize(
    "name",
    [
        "matching_pennies_hetero",
        "asymmetric_matching_pennies_hetero",
        "pure_coordination_pitchfork",
        "stag_hunt_fold",
        "biased_rps_hetero",
    ],
)
def test_the_reference_values_are_reproduced(reference_file: Path, name: str) -> None:
    entry = next(e for e in json.loads(reference_file.read_text(encoding="utf-8"))["games"] if e["name"] == name)
    read = games.read_entry(entry)
    equal = Symmetrised(weights=(1.0, 1.0)).examine(problem_of(read.game, read.temperatures))
    found = games.certify(read.game, read.temperatures)
    assert found["small_gain"].bound == pytest.approx(entry["certificates"]["small_gain"], abs=1e-9)
    assert equal.bound == pytest.approx(entry["certificates"]["sym_w1"], abs=1e-9)
    best = found["symmetrised"].bound
    assert best is not None and equal.bound is not None and best <= equal.bound + 1e-12
    assert not found.certified or entry.get("multistart_count", 1) == 1


def test_asymmetric_matching_pennies_is_certified_at_any_temperature_with_weights_1_and_5() -> None:
    game = games.library.asymmetric_matching_pennies()
    given_weights = Symmetrised(weights=(1.0, 5.0)).examine(problem_of(game, [1.5, 0.4]))
    assert given_weights.bound == pytest.approx(0.0, abs=1e-14) and given_weights.holds
    found = games.certify(game, [1.5e-3, 0.4e-3])["symmetrised"]
    assert found.holds and found.weights is not None
    assert found.weights[1] / found.weights[0] == pytest.approx(5.0, rel=1e-12)
    assert found.bound == pytest.approx(0.0, abs=1e-11)
    assert not games.certify(game, [1.5, 0.4])["small_gain"].holds


def test_pure_coordination_is_tight_and_the_bound_itself_certifies_nothing() -> None:
    game = games.library.pure_coordination()
    assert games.certify(game, 0.5 + 1e-9).certified and not games.certify(game, 0.5 - 1e-9).certified
    assert not games.certify(game, 0.5).certified
    assert len(games.find_all(game, 0.49)) == 3


def test_the_papers_game_has_its_crude_bound_and_zero_sum_has_none() -> None:
    found = games.certify(games.library.two_conventions(), [0.5, 0.43])["paper_margin"]
    assert (found.bound, found.limit) == (pytest.approx(0.425, abs=1e-15), 0.43)
    assert found.margin == pytest.approx(0.005) and found.holds and found.exact
    assert not games.certify(games.library.two_conventions(), [9.0, 0.42])["paper_margin"].holds
    payoff = np.random.default_rng(0).normal(size=(3, 4))
    zero_sum = games.certify(games.NormalForm([payoff, -payoff]), [1e-3, 2e-3])
    assert zero_sum["paper_margin"].bound == pytest.approx(0.0, abs=1e-15)
    assert zero_sum["symmetrised"].bound == pytest.approx(0.0, abs=1e-12) and zero_sum.certified


def test_for_two_agents_only_the_product_of_temperatures_matters() -> None:
    game = games.NormalForm(np.random.default_rng(1).normal(size=(2, 3, 4)))
    for name in ("small_gain", "symmetrised"):
        bounds = [games.certify(game, [0.7 * r, 1.1 / r])[name].bound for r in (1.0, 0.1, 7.0)]
        assert bounds == pytest.approx([bounds[0]] * 3, rel=1e-9)


@pytest.mark.parametrize("name", ONE_SHOT)
def test_the_logit_map_contracts_as_small_gain_says(name: str) -> None:
    """The derivative at random profiles and directions, in the certificate's own norm."""
    rng = np.random.default_rng(7)
    game = MAKERS[name](rng)
    layout = game.layout
    temperatures = layout.nest_sets(rng.uniform(0.3, 2.0, size=layout.sets))
    problem = problem_of(game, temperatures)
    found = games.certify(game, temperatures)["small_gain"]
    assert found.bound is not None and found.weights is not None
    weights = np.concatenate([np.atleast_1d(w) for w in found.weights])
    for _ in range(100):
        logits = rng.normal(size=layout.size) * rng.choice([0.1, 1.0, 5.0])
        direction = rng.normal(size=layout.size)
        _, tangent = problem.linearize(problem.policy(logits))
        before = (layout.largest(direction) + layout.largest(-direction)) / weights
        after = tangent(direction)
        assert (
            (layout.largest(after) + layout.largest(-after)) / weights
        ).max() <= found.bound * before.max() * 1.00001


@pytest.mark.parametrize("name", ONE_SHOT)
def test_the_regularised_game_is_monotone_as_symmetrised_says(name: str) -> None:
    rng = np.random.default_rng(8)
    game = MAKERS[name](rng)
    layout = game.layout
    temperature = rng.uniform(0.3, 2.0, size=layout.sets)
    found = games.certify(game, layout.nest_sets(temperature))["symmetrised"]
    assert found.bound is not None and found.weights is not None
    weights = np.concatenate([np.atleast_1d(w) for w in found.weights])
    regularizer = games.Regularizer.of(layout, 1.0)
    for _ in range(100):
        x = games.Problem(game, regularizer).policy(3 * rng.normal(size=layout.size))
        y = x + 0.9 * x.min() * drawn_direction(game, rng) / 10
        rise = layout.spread(weights) * (game.q(x, regularizer) - game.q(y, regularizer)) @ (x - y)
        assert rise <= found.bound * (weights * temperature * layout.total(np.abs(x - y)) ** 2).sum() * (1 + 1e-9)


def test_the_weights_found_are_about_as_good_as_any() -> None:
    """Against many random weights, in a game of unequal scales."""
    rng = np.random.default_rng(9)
    game = games.NormalForm([rng.normal(size=(2, 3, 2)) * scale for scale in (0.3, 1.0, 6.0)])
    found = games.certify(game, [0.4, 1.3, 2.0])["symmetrised"].bound
    tried = [Symmetrised(weights=tuple(np.exp(2.5 * rng.normal(size=3)))) for _ in range(2_000)]
    bounds = [one.examine(problem_of(game, [0.4, 1.3, 2.0])).bound for one in tried]
    assert found is not None and found <= min(bound for bound in bounds if bound is not None) * (1 + 1e-4)


@settings(max_examples=40, deadline=None, derandomize=True)
@example(seed=168, warmth=1.1)  # opposed interests, which weights cancel: certified at every temperature
@given(seed=st.integers(0, 10**6), warmth=st.floats(1.001, 1.3))
def test_no_certified_game_has_two_equilibria(seed: int, warmth: float) -> None:
    """Games near coordination, where equilibria are many, just above the least temperatures."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 4, size=rng.integers(2, 4)))
    common = rng.normal(size=shape)
    game = games.NormalForm([common + 0.3 * rng.normal(size=shape) for _ in shape])
    temperatures = rng.uniform(0.5, 2.0, size=len(shape))
    factor = games.certify(game, temperatures).factor
    assert factor is not None
    # Where interests cancel exactly the factor is 0: every temperature is certified, so a low one is tried.
    heat = temperatures * max(factor * warmth, 0.02)
    equilibrium = games.solve(game, heat)
    assert equilibrium.certificates.certified
    assert len(games.find_all(game, heat, starts=12, seed=seed)) == 1


def test_mirror_descent_takes_the_step_that_is_certified_and_says_so() -> None:
    game = games.library.pure_coordination()
    method = MirrorDescent(damping="certified")
    warm = games.solve(game, [0.6, 0.55], method=method, start=[[0.9, 0.1], [0.2, 0.8]])
    assert warm.converged and "small_gain holds" in warm.message
    step = next(itertools.islice(method.path(warm.problem, np.array([3.0, 0.0, -1.0, 0.0])), 1, None))[0]
    undamped = next(itertools.islice(MirrorDescent(damping=1).path(warm.problem, np.array([3.0, 0, -1.0, 0])), 1, None))
    np.testing.assert_array_equal(step, undamped[0])
    cold = games.solve(game, 0.2, method=method, start=[[0.9, 0.1], [0.2, 0.8]])
    assert cold.converged and "does not hold" in cold.message


def test_certified_damping_converges_at_its_rate() -> None:
    rng = np.random.default_rng(11)
    game = games.NormalForm(rng.normal(size=(3, 2, 4, 3)))
    factor = games.certify(game, [0.5, 1.0, 2.0])["small_gain"].factor
    assert factor is not None
    problem = problem_of(game, np.array([0.5, 1.0, 2.0]) * factor * 1.2)
    found = certificate.examine(problem)["small_gain"]
    weights = np.array(found.weights)
    target = games.solve(game, problem.regularizer.temperature).logits
    logits = 5 * rng.normal(size=game.layout.size)
    rate, layout = found.damped_rate(0.6), game.layout
    assert rate is not None
    assert rate == pytest.approx(1 - 0.6 * (1 - 1 / 1.2))
    target = problem.response_logits(problem.policy(target))

    def distance(z: np.ndarray) -> float:
        return float(((layout.largest(z - target) + layout.largest(target - z)) / weights).max())

    for _ in range(20):
        after = 0.4 * logits + 0.6 * problem.response_logits(problem.policy(logits))
        assert distance(after) <= rate * distance(logits) * (1 + 1e-6)
        logits = after


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), warmth=st.floats(1.01, 3.0), damping=st.floats(0.05, 1.0))
def test_the_residual_falls_with_every_certified_step(seed: int, warmth: float, damping: float) -> None:
    """‖H(z) − z‖ in the certificate's norm, by 1 − α(1 − g) or more: a longer step would overshoot somewhere."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(count) for count in rng.integers(2, 4, size=rng.integers(2, 4)))
    game = games.NormalForm([rng.normal(size=shape) for _ in shape])
    temperatures = rng.uniform(0.5, 2.0, size=len(shape))
    factor = games.certify(game, temperatures)["small_gain"].factor
    assert factor is not None
    problem, layout = problem_of(game, temperatures * factor * warmth), game.layout
    found = certificate.examine(problem)["small_gain"]
    rate, weights = found.damped_rate(damping), np.array(found.weights)
    logits, before = 4 * rng.normal(size=layout.size), np.inf
    for _ in range(15):
        move = problem.response_logits(problem.policy(logits)) - logits
        residual = float(((layout.largest(move) + layout.largest(-move)) / weights).max())
        assert rate is not None and residual <= rate * before * (1 + 1e-5) + 1e-12
        logits, before = logits + damping * move, residual


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 2)])
def test_shifts_relabelling_and_the_order_of_agents_change_nothing(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(12)
    agents = len(shape)
    tensors = [rng.normal(size=shape) for _ in shape]
    temperatures = rng.uniform(0.5, 2.0, size=agents)
    plain = games.certify(games.NormalForm(tensors), temperatures)
    shifted = [
        tensor + rng.normal(size=[1 if k == i else n for k, n in enumerate(shape)]) for i, tensor in enumerate(tensors)
    ]
    relabelled = [tensor[np.ix_(*(np.random.default_rng(n).permutation(n) for n in shape))] for tensor in tensors]
    order = [*range(1, agents), 0]
    turned = [tensors[i].transpose(order) for i in order]
    scales = rng.uniform(0.2, 5.0, size=agents)
    scaled = [tensor * scale for tensor, scale in zip(tensors, scales, strict=True)]
    for name in KEPT:
        same = [(shifted, temperatures), (relabelled, temperatures), (turned, temperatures[order])]
        same += [] if name == "paper_margin" else [(scaled, temperatures * scales)]
        for changed, heat in same:
            bound = games.certify(games.NormalForm(changed), heat)[name].bound
            assert bound == pytest.approx(plain[name].bound, rel=1e-5)


def test_what_is_said_and_written() -> None:
    game = games.library.stag_hunt()
    found = games.solve(game, 0.5).as_json()["certificates"]
    assert found["certified"] is False and found["factor"] == pytest.approx(3.0)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["criteria"]) == set(certificate.names()) == {"markov", *KEPT}
    assert found["criteria"]["small_gain"]["least_temperatures"] == pytest.approx([1.5, 1.5])
    assert "2.99" not in found["sentence"] and "3 times" in found["sentence"]
    with pytest.raises(UnknownName, match="small_gain"):
        games.certify(game, 0.5)["small_gian"]
    with pytest.raises(InputError, match="one number > 0 per agent"):
        Symmetrised(weights=(1.0, 0.0)).examine(problem_of(game, 1.0))
    with pytest.raises(InputError, match="temperature"):
        games.certify(game, -1.0)


def test_one_agent_alone_is_always_certified() -> None:
    for game in (games.NormalForm([[3.0, 1.0]]), games.CommonPayoff([1.0, 5.0]), games.Vote([[0.2, 0.9]], [0.0, 1.0])):
        assert games.certify(game, 1e-3).certified
        assert [one.bound for one in games.certify(game, 1e-3).certificates if one.applicable] == [0.0, 0.0, 0.0]

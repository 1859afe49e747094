"""Clusters under a gate: closed forms, the same game written as one tensor, relabelling, and a margin that is sound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.games.conftest import MAKERS, drawn_direction, drawn_policy, drawn_regularizer

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.forms.tensor_game import TensorGame
from equipoise.games.game import Game
from equipoise.games.layout import Layout

CLUSTERS = {2: [[1], [0]], 3: [[2, 0], [1]], 4: [[0, 3], [2], [1]]}


def over(kind: str, *, called_only: bool = False) -> games.Hierarchy:
    """A hierarchy over a random game of a kind, with unequal weights and offsets."""
    rng = np.random.default_rng(3)
    game = MAKERS[kind](rng)
    clusters = CLUSTERS[game.layout.agents]
    weights = [rng.uniform(0.2, 2.0, size=len(members)).tolist() for members in clusters]
    return games.Hierarchy(
        game, clusters, weights=weights, offsets=rng.normal(size=len(clusters)).tolist(), called_only=called_only
    )


KINDS = [(kind, False) for kind in sorted(MAKERS)] + [(kind, True) for kind in sorted(MAKERS) if "markov" not in kind]


@pytest.mark.parametrize(("kind", "called_only"), KINDS)
def test_derivatives_are_those_of_q(kind: str, called_only: bool) -> None:
    game, rng = over(kind, called_only=called_only), np.random.default_rng(0)
    regularizer = drawn_regularizer(game, rng, "soft")
    policy, direction, step = drawn_policy(game, rng), 1e-2 * drawn_direction(game, rng), 1e-4
    numeric = game.q(policy + step * direction, regularizer) - game.q(policy - step * direction, regularizer)
    q, tangent = game.linearize(policy, regularizer)
    np.testing.assert_allclose(q, game.q(policy, regularizer), rtol=0, atol=1e-12)
    np.testing.assert_allclose(tangent(direction), numeric / (2 * step), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(game.jacobian(policy, regularizer) @ direction, tangent(direction), rtol=0, atol=1e-12)


@pytest.mark.parametrize("called_only", [False, True])
@pytest.mark.parametrize("kind", ["normal_form", "common_payoff"])
def test_it_is_the_normal_form_with_the_gate_as_last_agent(kind: str, called_only: bool) -> None:
    game = over(kind, called_only=called_only)
    assert game.joint is not None
    rng = np.random.default_rng(1)
    regularizer, policy = drawn_regularizer(game, rng), drawn_policy(game, rng)
    for quantity in ("q", "values", "exploitability", "regularized_gap"):
        np.testing.assert_allclose(
            getattr(game, quantity)(policy, regularizer),
            getattr(game.joint, quantity)(policy, regularizer),
            rtol=0,
            atol=1e-12,
        )
    temperatures = rng.uniform(1.0, 2.0, size=game.layout.agents) * 3
    both = [games.solve(each, temperatures) for each in (game, game.joint)]
    assert both[0].converged and both[1].converged
    np.testing.assert_allclose(both[0].policy, both[1].policy, rtol=0, atol=1e-10)


def test_local_values_and_gate_by_hand() -> None:
    """Constant payoffs 3 and 1, so Q̄ = (3, 1) whatever is played: the gate is a logit of 2·3 − 1 and 0.5·1."""
    game = games.Hierarchy(
        games.NormalForm([np.full((2, 3), 3.0), np.full((2, 3), 1.0)]),
        [[0], [1]],
        weights=[[2], [0.5]],
        offsets=[-1, 0],
    )
    found = games.solve(game, [0.7, 1.3, 2.5])
    odds = np.exp((5.0 - 0.5) / 2.5)
    np.testing.assert_allclose(game.local_values(found.policy, found.problem.regularizer), [[5.0, 0.5]], atol=1e-12)
    np.testing.assert_allclose(found.profile[-1], [odds / (1 + odds), 1 / (1 + odds)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_the_interim_gate_is_its_closed_form_at_the_flat_equilibrium(kind: str) -> None:
    """The gate pays nothing back, so the agents play as without it; Q̄ is summed here over the public profile."""
    game = over(kind)
    rng = np.random.default_rng(5)
    tau, cold = rng.uniform(4.0, 8.0, size=game.game.layout.agents), 0.6
    flat, found = games.solve(game.game, tau), games.solve(game, [*tau, cold])
    assert flat.converged and found.converged
    np.testing.assert_allclose(found.policy[: flat.policy.size], flat.policy, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        found.problem.game.values(found.policy, found.problem.regularizer)[: game.game.layout.sets],
        game.game.values(flat.policy, flat.problem.regularizer),
        rtol=0,
        atol=1e-9,
    )
    stakes = game.game.layout.nest(flat.policy * game.game.q(flat.policy, flat.problem.regularizer))
    means = [np.atleast_1d([np.sum(row) for row in rows] if game.layout.nested else np.sum(rows)) for rows in stakes]
    if isinstance(game.game, games.Bayesian):
        means = [np.atleast_1d(game.game.prior.sum(axis=1 - i) @ mean) for i, mean in enumerate(means)]
    gate = np.reshape(found.profile[-1], (-1, len(game.clusters)))
    for state, row in enumerate(gate):
        local = np.array(
            [
                sum(game.weights[c, i] * means[i][state] for i in members) + game.offsets[c]
                for c, members in enumerate(game.clusters)
            ]
        )
        np.testing.assert_allclose(row, np.exp(local / cold) / np.exp(local / cold).sum(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("called_only", [False, True])
def test_one_cluster_is_the_flat_game(called_only: bool) -> None:
    flat = games.NormalForm(np.random.default_rng(2).normal(size=(3, 2, 4, 3)))
    game = games.Hierarchy(flat, [[0, 1, 2]], called_only=called_only)
    tau = [0.8, 1.4, 2.0]
    found, expected = games.solve(game, [*tau, 0.3]), games.solve(flat, tau)
    np.testing.assert_allclose(found.policy[:-1], expected.policy, rtol=0, atol=1e-10)
    assert found.profile[-1] == pytest.approx([1.0])
    assert found.values[-1] == pytest.approx(np.mean(expected.values))
    margin = games.hierarchical_margin(game, [*tau, 9.0])
    assert margin.clusters == pytest.approx([0.8 - _largest_modulus(flat)], abs=1e-12)


def _largest_modulus(flat: games.NormalForm) -> float:
    """λ_max/8 of the second differences of U_i + U_j, each maximised by brute force over pure profiles."""
    agents, matrix = len(flat.actions), np.zeros((len(flat.actions), len(flat.actions)))
    for i in range(agents):
        for j in range(i):
            total = np.moveaxis(flat.tensors[i] + flat.tensors[j], [i, j], [0, 1])
            bend = total[:, None, :, None] - total[None, :, :, None] - total[:, None, None] + total[None, :, None]
            matrix[i, j] = matrix[j, i] = np.abs(bend).max()
    return float(np.linalg.eigvalsh(matrix)[-1]) / 8


@pytest.mark.parametrize("called_only", [False, True])
def test_permuting_clusters_and_members_permutes_the_gate(called_only: bool) -> None:
    game = over("normal_form", called_only=called_only)
    order = [1, 0]
    members = [list(reversed(game.clusters[c])) for c in order]
    weights = [[game.weights[c, i] for i in row] for c, row in zip(order, members, strict=True)]
    other = games.Hierarchy(
        game.game, members, weights=weights, offsets=game.offsets[order].tolist(), called_only=called_only
    )
    tau = [3.0, 2.0, 2.5, 0.9]
    first, second = games.solve(game, tau), games.solve(other, tau)
    np.testing.assert_allclose(first.policy[:-2], second.policy[:-2], rtol=0, atol=1e-10)
    np.testing.assert_allclose(first.profile[-1][order], second.profile[-1], rtol=0, atol=1e-10)
    margins = [games.hierarchical_margin(each, tau) for each in (game, other)]
    assert margins[0].margin == pytest.approx(margins[1].margin, abs=1e-12)
    np.testing.assert_allclose(margins[0].clusters[order], margins[1].clusters, rtol=0, atol=1e-12)


def pairs(first: np.ndarray, second: np.ndarray) -> Game:
    """Two pairs of agents that do not meet, each with a common payoff."""
    shape = (*first.shape, *second.shape)
    one, two = np.broadcast_to(first[:, :, None, None], shape), np.broadcast_to(second, shape)
    return games.NormalForm([one, one, two, two])


def test_the_least_margin_counts_and_not_the_sum() -> None:
    """One pair warm enough, the other below its pitchfork: the sum is positive, the equilibria are three."""
    game = games.Hierarchy(pairs(np.eye(2), np.eye(2)), [[0, 1], [2, 3]], weights=[[0, 0], [0, 0]])
    tau = [3.0, 3.0, 0.4, 0.4, 5.0]
    margin = games.hierarchical_margin(game, tau)
    np.testing.assert_allclose(margin.clusters, [2.5, -0.1], rtol=0, atol=1e-12)
    assert margin.gate == 5.0 and margin.coupling == pytest.approx(0.0, abs=1e-12)
    assert sum(margin.clusters) > 0 and not margin.holds
    assert len(games.find_all(game, tau, starts=30)) == 3
    assert games.hierarchical_margin(game, [3.0, 3.0, 0.501, 0.501, 5.0]).margin == pytest.approx(0.001, abs=1e-12)


def test_paid_when_called_two_single_agents_and_a_gate_can_have_several_equilibria() -> None:
    """No agent meets another: each cluster alone has one equilibrium at any temperature. The gate makes more."""
    favourite = np.array([4.0, 0.0])
    flat = games.NormalForm([np.tile(favourite[:, None], (1, 2)), np.tile(favourite, (2, 1))])
    tau = [0.6, 0.6, 0.6]
    found = {called: games.Hierarchy(flat, [[0], [1]], called_only=called) for called in (False, True)}
    assert len(games.find_all(found[False], tau, starts=30)) == 1
    several = games.find_all(found[True], tau, starts=60)
    assert len(several) >= 3
    assert min(each.profile[-1][0] for each in several) < 0.1 < 0.9 < max(each.profile[-1][0] for each in several)
    assert not games.hierarchical_margin(found[True], tau).holds


@pytest.mark.parametrize("seed", range(4))
def test_a_margin_above_zero_is_never_contradicted(seed: int) -> None:
    """Just above the least temperatures that certify there is one equilibrium; the margin falls one for one."""
    rng = np.random.default_rng(seed)
    flat = games.NormalForm(rng.normal(size=(3, 2, 3, 2)))
    game = games.Hierarchy(flat, [[0, 2], [1]], called_only=bool(seed % 2))
    cold = games.hierarchical_margin(game, 1e-9)
    least = [cold.coupling - float(cold.clusters[game.cluster_of[i]]) + 1e-6 for i in range(3)]
    tau = np.array([*least, cold.coupling + 1e-6])
    margin = games.hierarchical_margin(game, tau)
    assert margin.holds and margin.margin == pytest.approx(1e-6, rel=1e-2)
    assert len(games.find_all(game, tau, starts=25)) == 1
    assert not games.hierarchical_margin(game, tau - 1e-5).holds
    assert games.hierarchical_margin(game, [*(tau[:3] + 9.0), 0.1]).margin == pytest.approx(0.1 - cold.coupling)
    # The whole bound is the symmetrised certificate's with unit weights, which the split can only weaken.
    assert games.certify(game, tau)["symmetrised"].holds


@pytest.mark.parametrize("kind", ["bayesian", "markov", "vote"])
def test_a_gate_that_pays_nothing_back_is_certified_by_the_agents(kind: str) -> None:
    """Games without a joint normal form: the bounds are theirs, and the gate's temperature counts for nothing."""
    flat = MAKERS[kind](np.random.default_rng(5))
    game = games.Hierarchy(flat, [[0], list(range(1, flat.layout.agents))])
    alone, gated = games.certify(flat, 0.9), games.certify(game, [*[0.9] * flat.layout.agents, 1e-3])
    factor = alone.factor
    assert factor is not None and gated.factor == factor
    for one, other in zip(gated.certificates, alone.certificates, strict=True):
        assert (one.bound, one.reason) == (other.bound, other.reason)
        assert one.bound is None or "gate" in one.proves
    tau = np.array([*[0.9 * factor * 1.01] * flat.layout.agents, 1e-2])
    assert games.certify(game, tau).certified and len(games.find_all(game, tau, starts=15)) == 1


def test_what_no_certificate_covers_is_said_as_it_is() -> None:
    flat = games.library.coordination_with_tastes()
    found = games.certify(games.Hierarchy(flat, [[0], [1]], called_only=True), 1.0)
    assert not found.certified
    for name in ("small_gain", "symmetrised", "paper_margin"):
        assert "Bayesian" in found[name].reason and "only who is called" in found[name].reason


MISTAKES: list[tuple[Callable[[Game], object], str]] = [
    (lambda game: games.Hierarchy(game, [[0], [1]]), "each of the agents 0 to 2"),
    (lambda game: games.Hierarchy(game, [[0, 1], [1, 2]]), "each of the agents 0 to 2"),
    (lambda game: games.Hierarchy(game, [[0, 1, 2], []]), "none empty"),
    (lambda game: games.Hierarchy(game, [[0, 1], [2]], weights=[[1.0, 1.0]]), "weights has 1 entries"),
    (lambda game: games.Hierarchy(game, [[0, 1], [2]], weights=[[1.0], [1.0]]), r"weights\[0\] has shape"),
    (lambda game: games.Hierarchy(game, [[0, 1], [2]], weights=[[1.0, 1.0], [-1.0]]), r"weights\[1\] has the entry -1"),
    (lambda game: games.Hierarchy(game, [[0, 1], [2]], offsets=[1.0]), "offsets has shape"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES)
def test_mistakes_are_named(mistake: Callable[[Game], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mistake(MAKERS["normal_form"](np.random.default_rng(0)))


def test_what_it_does_not_cover_is_said() -> None:
    markov = MAKERS["markov"](np.random.default_rng(0))
    with pytest.raises(InputError, match="one-shot"):
        games.Hierarchy(markov, [[0, 1], [2]], called_only=True)
    private = TensorGame(Layout(((2, 2), (2,))), [np.zeros((4, 2))] * 2)
    with pytest.raises(InputError, match="no gate over a TensorGame"):
        games.Hierarchy(private, [[0], [1]])
    with pytest.raises(InputError, match="second differences"):
        games.hierarchical_margin(games.Hierarchy(markov, [[0, 1], [2]]), 1.0)

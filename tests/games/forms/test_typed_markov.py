"""Markov games with types: closed sums over histories, the Bayesian and the Markov game as special cases, beliefs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.games.conftest import drawn_direction, drawn_policy, drawn_regularizer

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.forms.typed_markov import PersistentTypes, RedrawnTypes
from equipoise.games.game import CONTINUATIONS
from equipoise.games.tracing.homotopy import Homotopy

STATES, KINDS, ACTIONS, DISCOUNT = 3, (2, 3), (3, 2), 0.7
Typed = PersistentTypes | RedrawnTypes


def arrays(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "payoffs": rng.normal(size=(2, STATES, *KINDS, *ACTIONS)),
        "transitions": rng.dirichlet(np.full(STATES, 0.5), size=(STATES, *KINDS, *ACTIONS)),
        "types": rng.dirichlet(np.ones(6), size=STATES).reshape(STATES, *KINDS),
        "prior": rng.dirichlet(np.ones(6)).reshape(KINDS),
        "initial": np.array([0.2, 0.5, 0.3]),
    }


def typed(kind: str, seed: int, *, discount: float = DISCOUNT) -> Typed:
    given = arrays(seed)
    if kind == "redrawn":
        return RedrawnTypes(given["payoffs"], given["transitions"], discount, types=given["types"])
    rest = {"prior": given["prior"], "initial": given["initial"]}
    return PersistentTypes(given["payoffs"], given["transitions"], discount, **rest)


def simulated(kind: str, seed: int, game: Typed, policy: np.ndarray) -> list[np.ndarray]:
    """Interim Q [agent][T_i, S, A_i] under plain values, by 120 stages forward and backward in time."""
    given, policies = arrays(seed), game.by_type(policy)
    joint = np.einsum("isa,jsb->sijab", *policies)
    now = np.einsum("sijab,nsijab->nsij", joint, given["payoffs"])
    moves = np.einsum("sijab,sijabt->sijt", joint, given["transitions"])
    first = given["initial"][:, None, None] * (given["prior"] if kind == "persistent" else given["types"])
    value, reach, visits = np.zeros_like(now), first, np.zeros_like(first)
    for stage in range(120):
        if kind == "persistent":
            value = now + DISCOUNT * np.einsum("sijt,ntij->nsij", moves, value)
            visits = visits + DISCOUNT**stage * reach
            reach = np.einsum("sij,sijt->tij", reach, moves)
        else:
            value = now + DISCOUNT * np.einsum("sijt,nt->nsij", moves, (given["types"] * value).sum(axis=(2, 3)))
            visits = given["types"]
    if kind == "persistent":
        ahead = np.einsum("sijabt,ntij->nsijab", given["transitions"], value)
    else:
        expected = (given["types"] * value).sum(axis=(2, 3))
        ahead = np.einsum("sijabt,nt->nsijab", given["transitions"], expected)
    full = given["payoffs"] + DISCOUNT * ahead
    found = []
    for agent, pattern in enumerate(("sij,jsb,sijab->isa", "sij,isa,sijab->jsb")):
        mass = np.einsum(("sij->is", "sij->js")[agent], visits)
        found.append(np.einsum(pattern, visits, policies[1 - agent], full[agent]) / mass[..., None])
    return found


@pytest.mark.parametrize("kind", ["redrawn", "persistent"])
def test_interim_q_is_that_of_a_long_play(kind: str) -> None:
    game, rng = typed(kind, 1), np.random.default_rng(2)
    policy, regularizer = drawn_policy(game, rng), drawn_regularizer(game, rng, "plain")
    found = game.by_type(game.q(policy, regularizer))
    for own, expected in zip(found, simulated(kind, 1, game, policy), strict=True):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("kind", ["redrawn", "persistent"])
def test_derivatives_are_those_of_q(kind: str, continuation: str) -> None:
    game, rng = typed(kind, 3), np.random.default_rng(4)
    policy, regularizer = drawn_policy(game, rng), drawn_regularizer(game, rng, continuation)
    direction = drawn_direction(game, rng) * 1e-5 * policy.min()
    difference = game.q(policy + direction, regularizer) - game.q(policy - direction, regularizer)
    scale = np.abs(difference).max()
    q, tangent = game.linearize(policy, regularizer)
    np.testing.assert_allclose(q, game.q(policy, regularizer), rtol=0, atol=1e-12)
    np.testing.assert_allclose(2 * tangent(direction), difference, rtol=0, atol=1e-4 * scale)
    np.testing.assert_allclose(game.jacobian(policy, regularizer) @ direction, tangent(direction), atol=1e-9 * scale)


@pytest.mark.parametrize("kind", ["redrawn", "persistent"])
def test_without_a_future_every_state_is_a_bayesian_game(kind: str) -> None:
    game, given = typed(kind, 5, discount=0.0), arrays(5)
    solved = games.solve(game, [0.5, 0.8])
    for state in range(STATES):
        prior = given["types"][state] if kind == "redrawn" else given["prior"]
        one_shot = games.solve(games.Bayesian(prior, given["payoffs"][:, state]), [0.5, 0.8])
        for agent, policy in enumerate(game.by_type(solved.policy)):
            np.testing.assert_allclose(policy[:, state], one_shot.profile[agent], rtol=0, atol=1e-11)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("kind", ["redrawn", "persistent"])
def test_with_one_type_each_it_is_the_markov_game(kind: str, continuation: str) -> None:
    rng = np.random.default_rng(6)
    payoffs, transitions = rng.normal(size=(2, 3, 1, 1, 2, 3)), rng.dirichlet(np.ones(3), size=(3, 2, 3))
    available = [np.array([[1, 1], [0, 1], [1, 1]], dtype=bool), np.ones((3, 3), dtype=bool)]
    temperatures = [[0.5, 0.9, 0.7], [1.0, 0.6, 0.8]]
    if kind == "redrawn":
        game: Typed = RedrawnTypes(payoffs, transitions, 0.9, types=np.ones((3, 1, 1)), available=available)
    else:
        game = PersistentTypes(payoffs, transitions, 0.9, prior=[[1.0]], initial=[0.0, 1.0, 0.0], available=available)
    markov = games.Markov(payoffs[:, :, 0, 0], transitions, 0.9, available=available)
    found = games.solve(game, temperatures, continuation=continuation)
    expected = games.solve(markov, temperatures, continuation=continuation)
    assert found.converged and expected.converged
    np.testing.assert_allclose(found.policy, expected.policy, rtol=0, atol=1e-11)
    np.testing.assert_allclose(np.concatenate(found.values), np.concatenate(expected.values), rtol=0, atol=1e-10)


def test_persistent_beliefs_follow_play_and_not_the_prior() -> None:
    """A type that leaves the first state at once is hardly met there, whatever the prior says.

    Agent 0's type 0 stays, type 1 moves to the absorbing state 1 for sure: d(0, stays) = 1/2 · 1/(1 − γ), d(0, goes) =
    1/2, so that the belief of agent 1 in state 0 is 1/(2 − γ), and in state 1 it is certain.
    """
    transitions = np.zeros((2, 2, 1, 1, 1, 2))
    transitions[0, 0, ..., 0] = transitions[0, 1, ..., 1] = transitions[1, :, ..., 1] = 1.0
    game = PersistentTypes(np.zeros((2, 2, 2, 1, 1, 1)), transitions, 0.9, prior=[[0.5], [0.5]], initial=[1.0, 0.0])
    belief = game.beliefs(np.ones(game.layout.size))[1].reshape(2, 2)
    np.testing.assert_allclose(belief[0], [1 / 1.1, 0.1 / 1.1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(belief[1], [0.0, 1.0], rtol=0, atol=1e-12)


def test_where_no_play_leads_beliefs_are_the_priors() -> None:
    transitions = np.zeros((2, 1, 1, 2))
    transitions[..., 0] = 1.0
    prior = np.array([[0.1, 0.3], [0.4, 0.2]])
    payoffs = np.zeros((2, 2, 2, 2, 1, 1))
    game = PersistentTypes(payoffs, transitions, 0.9, prior=prior, initial=[1.0, 0.0])
    beliefs = [belief.reshape(2, 2, 2) for belief in game.beliefs(np.ones(game.layout.size))]
    for state in range(2):
        np.testing.assert_allclose(beliefs[0][state], prior / prior.sum(axis=1, keepdims=True), atol=1e-12)
        np.testing.assert_allclose(beliefs[1][state], prior / prior.sum(axis=0, keepdims=True), atol=1e-12)


def test_an_impossible_type_believes_in_the_others_marginals_as_in_a_bayesian_game() -> None:
    rng = np.random.default_rng(7)
    prior, payoffs = np.array([[0.0, 0.0], [0.7, 0.3]]), rng.normal(size=(2, 1, 2, 2, 2, 3))
    game = PersistentTypes(payoffs, np.ones((1, 2, 3, 1)), 0.0, prior=prior, initial=[1.0])
    found = games.solve(game, [0.5, 0.8])
    expected = games.solve(games.Bayesian(prior, payoffs[:, 0]), [0.5, 0.8])
    np.testing.assert_allclose(found.policy, expected.policy, rtol=0, atol=1e-11)


@pytest.mark.parametrize("continuation", ["kl", "soft"])
def test_a_quantal_response_is_stationary_in_ones_own_policy(continuation: str) -> None:
    """∂J_i along own directions is 0 for the regularised discounted objective from the first draw of types."""
    game = typed("persistent", 8)
    assert isinstance(game, PersistentTypes) and game.initial is not None
    solved = games.solve(game, [1.0, 1.3], continuation=continuation)
    assert solved.converged
    start, rng = game.initial, np.random.default_rng(9)

    def objective(policy: np.ndarray, agent: int) -> float:
        lifted, regularizer = game.everywhere(policy), game._lifted_regularizer(solved.problem.regularizer)
        return float(start @ game.world.values(lifted, regularizer).reshape(2, -1)[agent])

    for agent in range(2):
        direction = np.zeros(game.layout.size)
        block = game.layout.block(agent)
        direction[block] = drawn_direction(game, rng)[block] * 1e-3 * solved.policy.min()
        here = objective(solved.policy, agent)
        up = objective(solved.policy + direction, agent) - here
        down = objective(solved.policy - direction, agent) - here
        assert abs(up - down) < 1e-3 * abs(up + down) + 1e-13


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_the_traced_branch_passes_through_the_equilibria_of_warmer_games(continuation: str) -> None:
    game, time = typed("persistent", 12), 0.4
    cold = games.solve(game, [0.8, 1.0], continuation=continuation)
    warm = games.solve(game, [2.0, 2.5], continuation=continuation)
    assert cold.converged and warm.converged
    homotopy = Homotopy(cold.problem)
    for equilibrium, at in ((cold, 1.0), (warm, time)):
        unknowns = homotopy.differences(np.log(equilibrium.policy))
        np.testing.assert_allclose(homotopy.terms(unknowns, at)[0], 0.0, rtol=0, atol=1e-10)


def test_no_certificate_claims_a_game_behind_information_sets() -> None:
    solved = games.solve(typed("persistent", 13), 50.0)
    assert not any(certificate.applicable for certificate in solved.certificates.certificates)
    assert any("information sets" in certificate.reason for certificate in solved.certificates.certificates)


def test_three_agents_and_sparse_worlds_agree_with_dense_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    payoffs, transitions = rng.normal(size=(3, 2, 2, 1, 3, 2, 3, 2)), rng.dirichlet(np.ones(2), size=(2, 2, 3, 2))
    prior = rng.dirichlet(np.ones(6)).reshape(2, 1, 3)
    dense = PersistentTypes(payoffs, transitions, 0.8, prior=prior, initial=[0.4, 0.6])
    monkeypatch.setattr("equipoise.games.forms.typed_markov.DENSE_ENTRIES", 0)
    thin = PersistentTypes(payoffs, transitions, 0.8, prior=prior, initial=[0.4, 0.6])
    assert dense.world.transitions.dense and not thin.world.transitions.dense
    first, second = (games.solve(game, [0.9, 1.1, 0.7]) for game in (dense, thin))
    np.testing.assert_allclose(first.policy, second.policy, rtol=0, atol=1e-12)


def test_wrong_input_is_named() -> None:
    given = arrays(11)
    with pytest.raises(InputError, match="types"):
        RedrawnTypes(given["payoffs"], given["transitions"], 0.5, types=given["types"] * 2)
    with pytest.raises(InputError, match=r"payoffs\[1\] has shape"):
        RedrawnTypes([given["payoffs"][0], given["payoffs"][1][:2]], given["transitions"], 0.5, types=given["types"])
    with pytest.raises(InputError, match="one per agent"):
        PersistentTypes(given["payoffs"][:1], given["transitions"], 0.5, prior=given["prior"], initial=[1, 0, 0])
    with pytest.raises(InputError, match="transitions has shape"):
        PersistentTypes(given["payoffs"], given["transitions"][:2], 0.5, prior=given["prior"], initial=given["initial"])

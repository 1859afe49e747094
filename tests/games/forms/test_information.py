"""The game with a public token: every history enumerated by hand, special cases, and the Coordinator's protocol."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from tests.games.conftest import drawn_direction, drawn_policy, drawn_regularizer

from equipoise import games
from equipoise.errors import InputError
from equipoise.games.forms.information import ProtocolGame, TokenGame
from equipoise.games.game import CONTINUATIONS, Game, Regularizer
from equipoise.games.response import divergence, entropy

STATES, ACTIONS, SEEN, TOKENS = 2, (2, 3), (2, 1), 3


def arrays(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "rewards": rng.normal(size=(2, STATES, TOKENS)),
        "tokens": np.array([[0, 1, 2], [1, 1, 0]]),
        "transitions": rng.dirichlet(np.ones(STATES), size=(STATES, *ACTIONS)),
        "observations": rng.dirichlet(np.ones(2), size=STATES).reshape(STATES, *SEEN),
        "initial": np.array([0.3, 0.7]),
    }


def token_game(seed: int = 0, *, horizon: int = 2, discount: float = 0.8) -> TokenGame:
    return TokenGame(**arrays(seed), horizon=horizon, discount=discount)


def stage_bonus(game: Game, policy: np.ndarray, regularizer: Regularizer) -> np.ndarray:
    if regularizer.continuation == "plain":
        return np.zeros(game.layout.sets)
    if regularizer.continuation == "soft":
        return regularizer.temperature * entropy(policy, game.layout)
    return -regularizer.temperature * divergence(policy, regularizer.log_reference, game.layout)


class Enumerated:
    """Q of every information set from all histories one by one, none merged."""

    def __init__(self, game: TokenGame, given: dict[str, Any], policy: np.ndarray, regularizer: Regularizer) -> None:
        self.game, self.given = game, given
        self.profile = game.layout.nest(policy)
        self.bonus = game.layout.nest_sets(stage_bonus(game, policy, regularizer))
        self.index = [{story: k for k, story in enumerate(known)} for known in game.histories.known]
        self.sums: dict[tuple[int, int, int], float] = {}
        self.masses: dict[tuple[int, int], float] = {}
        for state, (first, second) in product(range(STATES), np.ndindex(SEEN)):
            weight = given["initial"][state] * given["observations"][state, first, second]
            self.visit(0, state, (((first,),), ((second,),)), weight)

    def visit(self, stage: int, state: int, heard: tuple[tuple[Any, ...], ...], weight: float) -> np.ndarray:
        """Value to both agents of a history, which adds itself to the sums of its information sets."""
        sets = [self.index[i][heard[i]] for i in range(2)]
        policies = [self.profile[i][sets[i]] for i in range(2)]
        value = np.array([self.bonus[i][sets[i]] for i in range(2)])
        for i in range(2):
            self.masses[i, sets[i]] = self.masses.get((i, sets[i]), 0.0) + weight
        for joint in np.ndindex(ACTIONS):
            chance = [policies[i][joint[i]] for i in range(2)]
            token = int(self.given["tokens"][joint])
            rewards = [float(self.given["rewards"][i][state][token]) for i in range(2)]
            worth = np.array(rewards)
            if stage + 1 < self.game.horizon:
                for following, where in product(range(STATES), np.ndindex(SEEN)):
                    moved = self.given["transitions"][(state, *joint, following)]
                    moved = moved * self.given["observations"][(following, *where)]
                    story = tuple((*heard[i], joint[i], (token, rewards[i], where[i])) for i in range(2))
                    later = self.visit(stage + 1, following, story, weight * chance[0] * chance[1] * moved)
                    worth = worth + self.game.discount * moved * later
            value = value + chance[0] * chance[1] * worth
            for i in range(2):
                key = (i, sets[i], joint[i])
                self.sums[key] = self.sums.get(key, 0.0) + weight * chance[1 - i] * worth[i]
        return value

    def q(self) -> np.ndarray:
        return np.array([self.sums[key] / self.masses[key[:2]] for key in sorted(self.sums)])


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("horizon", [1, 2, 3])
def test_q_is_that_of_all_histories_enumerated(continuation: str, horizon: int) -> None:
    game, rng = token_game(1, horizon=horizon), np.random.default_rng(2)
    policy, regularizer = drawn_policy(game, rng), drawn_regularizer(game, rng, continuation)
    expected = Enumerated(game, arrays(1), policy, regularizer).q()
    np.testing.assert_allclose(game.q(policy, regularizer), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
@pytest.mark.parametrize("kind", ["token", "protocol"])
def test_derivatives_are_those_of_q(continuation: str, kind: str) -> None:
    game = token_game(3) if kind == "token" else protocol_game(3)
    rng = np.random.default_rng(4)
    policy, regularizer = drawn_policy(game, rng), drawn_regularizer(game, rng, continuation)
    direction = drawn_direction(game, rng) * 1e-5 * policy.min()
    difference = game.q(policy + direction, regularizer) - game.q(policy - direction, regularizer)
    scale = np.abs(difference).max()
    q, tangent = game.linearize(policy, regularizer)
    np.testing.assert_allclose(q, game.q(policy, regularizer), rtol=0, atol=1e-13)
    np.testing.assert_allclose(2 * tangent(direction), difference, rtol=0, atol=1e-4 * scale)
    np.testing.assert_allclose(game.jacobian(policy, regularizer) @ direction, tangent(direction), atol=1e-9 * scale)


def test_ones_own_past_does_not_enter_ones_beliefs_under_perfect_recall() -> None:
    game, rng = token_game(5), np.random.default_rng(6)
    policy, other = drawn_policy(game, rng), drawn_policy(game, rng)
    mixed = policy.copy()
    mixed[game.layout.block(0)] = other[game.layout.block(0)]
    before, after = game.beliefs(policy), game.beliefs(mixed)
    acts = game.observed[0] >= 0
    np.testing.assert_allclose(before[0][acts], after[0][acts], rtol=0, atol=1e-12)
    assert np.abs(before[1] - after[1])[game.observed[1] >= 0].max() > 1e-3


def test_solve_finds_a_fixed_point_of_the_enumerated_response() -> None:
    game = token_game(7)
    temperatures = [0.6, 0.9]
    solved = games.solve(game, temperatures)
    assert solved.converged, solved.message
    policy, regularizer = solved.policy, solved.problem.regularizer
    q = Enumerated(game, arrays(7), policy, regularizer).q()
    weights = np.exp(q / regularizer.spread_temperature)
    response = weights / game.layout.spread(game.layout.total(weights))
    np.testing.assert_allclose(policy, response, rtol=0, atol=1e-10)
    assert "profile" in solved.as_json()


def test_one_stage_with_types_in_the_first_state_is_a_bayesian_game() -> None:
    rng = np.random.default_rng(8)
    kinds, actions = (2, 3), (2, 2)
    prior, payoffs = rng.dirichlet(np.ones(6)).reshape(kinds), rng.normal(size=(2, *kinds, *actions))
    states = 6
    seen = np.eye(states).reshape(states, *kinds)
    game = TokenGame(
        payoffs.reshape(2, states, 4),
        np.arange(4).reshape(actions),
        np.full((states, *actions, states), 1 / states),
        initial=prior.reshape(-1),
        observations=seen,
        discount=0.0,
        horizon=1,
    )
    found, expected = games.solve(game, [0.4, 0.7]), games.solve(games.Bayesian(prior, payoffs), [0.4, 0.7])
    for agent in range(2):
        order = [known[0][0] for known in game.histories.known[agent]]
        np.testing.assert_allclose(found.profile[agent], expected.profile[agent][order], rtol=0, atol=1e-11)


def test_full_transparency_of_a_state_that_all_see_is_the_markov_game_within_the_tail() -> None:
    rng = np.random.default_rng(9)
    transitions, payoffs = rng.dirichlet(np.ones(2), size=(2, 2, 2)), rng.normal(size=(2, 2, 4))
    seen = np.zeros((2, 2, 2))
    seen[[0, 1], [0, 1], [0, 1]] = 1.0
    infinite = games.solve(games.Markov(payoffs.reshape(2, 2, 2, 2), transitions, 0.1), [0.5, 0.8])
    gaps = []
    for horizon in (1, 2, 3):
        game = TokenGame(
            payoffs,
            np.arange(4).reshape(2, 2),
            transitions,
            initial=[0.5, 0.5],
            observations=seen,
            discount=0.1,
            horizon=horizon,
        )
        found = games.solve(game, [0.5, 0.8])
        first = [[known[0][0] for known in game.histories.known[i][:2]] for i in range(2)]
        gap = max(
            abs(found.values[i][k] - infinite.values[i][state]) for i in range(2) for k, state in enumerate(first[i])
        )
        gaps.append(gap)
        assert game.tail() == pytest.approx(0.1**horizon * np.abs(payoffs).max() / 0.9)
        assert gap <= 2 * game.tail()
    assert gaps[2] < 0.1 * gaps[1] * 2 < 0.1 * gaps[0] * 4


def test_a_constant_token_hides_what_an_injective_one_shows() -> None:
    given = arrays(10)
    given["rewards"] = np.zeros((2, STATES, 6))
    counts = []
    for tokens in (np.zeros(ACTIONS, dtype=int), np.arange(6).reshape(ACTIONS)):
        changed = given | {"tokens": tokens, "rewards": given["rewards"][:, :, : tokens.max() + 1]}
        counts.append(len(TokenGame(**changed, horizon=2, discount=0.5).histories.known[1]))
    assert counts == [1 + 3, 1 + 6]


def protocol_arrays(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    seen = rng.dirichlet(np.ones(4), size=2).reshape(2, 2, 1, 2)
    return {
        "rewards": rng.normal(size=(3, 2, 2, 2)),
        "aggregate": np.array([[[0, 0, 1], [1, 0, 1]], [[1, 1, 0], [0, 0, 1]]]),
        "transitions": rng.dirichlet(np.ones(2), size=(2, 2, 2, 3)),
        "observations": seen,
        "initial": np.array([0.4, 0.6]),
    }


def protocol_game(seed: int, *, horizon: int = 1, discount: float = 0.6) -> ProtocolGame:
    return ProtocolGame(**protocol_arrays(seed), horizon=horizon, discount=discount)


@pytest.mark.parametrize("discount", [0.0, 0.6])
def test_executors_answer_the_message_they_read_and_the_coordinator_foresees_it(discount: float) -> None:
    game, given, rng = protocol_game(11, discount=discount), protocol_arrays(11), np.random.default_rng(12)
    policy, regularizer = drawn_policy(game, rng), drawn_regularizer(game, rng, "plain")
    profile, q = game.layout.nest(policy), game.layout.nest(game.q(policy, regularizer))
    index = [{story: k for k, story in enumerate(known)} for known in game.histories.known]
    sums: dict[tuple[int, int, int], float] = {}
    masses: dict[tuple[int, int], float] = {}
    for state, seen, message in product(range(2), np.ndindex(2, 1, 2), range(2)):
        root = given["initial"][state] * given["observations"][(state, *seen)]
        coordinator = index[0][((seen[0],),)]
        sets = [index[i][((seen[i],), 0, message)] for i in (1, 2)]
        said = profile[0][coordinator][message]
        masses[0, coordinator] = masses.get((0, coordinator), 0.0) + root / 2
        for i in (1, 2):
            masses[i, sets[i - 1]] = masses.get((i, sets[i - 1]), 0.0) + root * said
        for first, second in np.ndindex(2, 3):
            chance = (profile[1][sets[0]][first], profile[2][sets[1]][second])
            reward = given["rewards"][:, state, message, given["aggregate"][message, first, second]]
            for key, weight in (
                ((0, coordinator, message), root * chance[0] * chance[1] * reward[0]),
                ((1, sets[0], first), root * said * chance[1] * reward[1]),
                ((2, sets[1], second), root * said * chance[0] * reward[2]),
            ):
                sums[key] = sums.get(key, 0.0) + weight
    assert len(sums) == game.layout.size
    for (agent, where, action), total in sums.items():
        assert q[agent][where][action] == pytest.approx(total / masses[agent, where], abs=1e-12)


@pytest.mark.parametrize("continuation", CONTINUATIONS)
def test_a_stage_of_message_and_candidates_counts_once_in_the_discount(continuation: str) -> None:
    """One state, one message, no observations: the same play as a token game whose stage has no message."""
    rng = np.random.default_rng(13)
    payoff, aggregate = rng.normal(size=(2, 4)), np.arange(4).reshape(2, 2)
    plain = TokenGame(payoff[:, None, :], aggregate, np.ones((1, 2, 2, 1)), initial=[1.0], discount=0.6, horizon=2)
    rewards = np.concatenate([np.zeros((1, 4)), payoff])[:, None, None, :]
    staged = ProtocolGame(rewards, aggregate[None], np.ones((1, 1, 2, 2, 1)), initial=[1.0], discount=0.6, horizon=2)
    first = games.solve(plain, [0.5, 0.9], continuation=continuation)
    temperatures = [[], *np.split(first.problem.regularizer.temperature, 2)]
    second = games.solve(staged, temperatures, continuation=continuation)
    np.testing.assert_allclose(second.policy, first.policy, rtol=0, atol=1e-11)
    values = np.concatenate([np.asarray(row) for row in second.values[1:]])
    np.testing.assert_allclose(values, np.concatenate(first.values), rtol=0, atol=1e-11)


def test_wrong_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    given = arrays(14)
    monkeypatch.setattr("equipoise.games.forms.histories.MOST_STATES", 1_000)
    with pytest.raises(InputError, match="horizon is 0"):
        TokenGame(**given, horizon=0, discount=0.5)
    with pytest.raises(InputError, match="must be 1"):
        TokenGame(**given, horizon=2, discount=0.0)
    with pytest.raises(InputError, match="whole numbers"):
        TokenGame(**(given | {"tokens": np.full(ACTIONS, 0.5)}), horizon=1, discount=0.5)
    with pytest.raises(InputError, match="observations has shape"):
        TokenGame(**(given | {"observations": np.ones((2, 1))}), horizon=1, discount=0.5)
    with pytest.raises(InputError, match="histories number more than"):
        TokenGame(**given, horizon=9, discount=0.5)

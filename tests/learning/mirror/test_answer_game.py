"""The game of answers against the exact games of `equipoise.games`."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from equipoise.games import NormalForm, Regularizer
from equipoise.games.diagnostics import modulus
from equipoise.games.problem import Problem
from equipoise.learning.mirror.answer_game import AnswerGame, margin, regret

RIGHT = np.array([True, False, False, False])  # codes 0, 1, 2, and none
CODES = np.array([[0, 1, 1], [0, 0, 1], [2, -1, 0], [2, 1, 1], [0, 0, 2], [1, 0, 1], [0, 1, 2], [-1, -1, 0]])
GAME = AnswerGame(CODES, RIGHT, 0.3)


def test_rewards_count_votes_with_ties_to_the_first() -> None:
    profiles = np.array([[0, 1, 1], [1, 0, 2], [0, 1, 2], [-1, 0, 1], [-1, -1, -1], [1, 0, 0]])
    votes = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    own = profiles == 0
    assert GAME.rewards(profiles) == pytest.approx(0.7 * np.array(votes)[:, None] + 0.3 * own)


def exact() -> tuple[Problem, list[np.ndarray]]:
    """The same as a normal form over the answers each executor gave, and those answers."""
    actions = [np.unique(CODES[:, i]) for i in range(3)]
    grid = np.stack(np.meshgrid(*actions, indexing="ij"), axis=-1)
    game = NormalForm(list(np.moveaxis(GAME.rewards(grid), -1, 0)))
    return Problem(game, Regularizer.of(game.layout, [0.1, 0.1, 0.1])), actions


def test_the_coupled_estimate_is_the_exact_one_in_the_mean() -> None:
    problem, actions = exact()
    weights = np.exp(np.random.default_rng(0).normal(size=CODES.shape) * 0.5)
    x, y = [], []
    for i, held in enumerate(actions):
        place = np.searchsorted(held, CODES[:, i])
        x.append(np.bincount(place) / len(CODES))
        y.append(np.bincount(place, weights[:, i]) / weights[:, i].sum())
    known = modulus.exact(problem, np.concatenate(x), np.concatenate(y))
    rng = np.random.default_rng(1)
    found = np.array([GAME.coupled(weights, rng) for _ in range(300)])
    error = found[:, 0].std() / 300**0.5
    assert abs(found[:, 0].mean() - known.couplings.sum()) < 4 * error
    assert 0.0 < error < 0.1 * abs(known.couplings.sum()) + 1e-3
    assert found[0, 1] == pytest.approx(sum(np.abs(a - b).sum() ** 2 for a, b in zip(x, y, strict=True)))


def test_an_answer_is_worth_its_payoff_in_the_exact_game_at_the_empirical_policies() -> None:
    problem, actions = exact()
    places = [np.searchsorted(held, CODES[:, i]) for i, held in enumerate(actions)]
    x = np.concatenate([np.bincount(place) / len(CODES) for place in places])
    exact_q = np.split(problem.game.q(x, problem.regularizer), np.cumsum([len(held) for held in actions])[:-1])
    for i, place in enumerate(places):
        assert len(set(exact_q[i])) > 1
        assert GAME.expected(i) == pytest.approx(exact_q[i][place])
        assert GAME.regret(i) == pytest.approx(exact_q[i].max() - exact_q[i][place].mean())
    alone = AnswerGame(CODES[:, :1], RIGHT, 0.3)
    assert alone.expected(0) == pytest.approx(alone.rewards(alone.codes)[:, 0])


@pytest.mark.parametrize("silent", [0, 1, 2, 3])
def test_with_four_executors_of_whom_one_is_silent_the_three_others_play_the_same_game(silent: int) -> None:
    """So that the turns of all pairs are looked at; 7 rollouts, since turns of 2 must reach all of them."""
    codes = np.insert(CODES[:7], silent, -1, axis=1)
    some, three = AnswerGame(codes, RIGHT, 0.3), AnswerGame(CODES[:7], RIGHT, 0.3)
    speakers = [i for i in range(4) if i != silent]
    for i, speaker in enumerate(speakers):
        assert some.expected(speaker) == pytest.approx(three.expected(i))


def test_regret_is_a_mean_over_questions_and_executors_and_none_where_all_agree() -> None:
    settled = AnswerGame(np.zeros((4, 3), dtype=np.int64), RIGHT, 0.3)
    assert GAME.regret(0) > 0.0 and regret([settled]) == 0.0
    assert regret([GAME, settled]) == pytest.approx(sum(GAME.regret(i) for i in range(3)) / 6)


def test_the_margin_is_refuted_where_the_coupling_is_strong_and_open_where_it_is_not_known() -> None:
    """The third is always wrong, so the vote needs both others: a game of coordination, stronger than a small α."""
    rng = np.random.default_rng(2)
    games, moved = [], []
    for _ in range(40):
        codes = rng.integers(0, 2, size=(16, 3))
        codes[:, 2] = 1
        games.append(AnswerGame(codes, np.array([True, False, False]), 0.0))
        toward = np.where(codes == 0, 0.6, -0.6)
        moved.append(toward)
    found = margin(games, moved, 0.001, np.random.default_rng(3))
    assert found is not None and found.verdict == "negative along the update"
    assert found.low < found.value < found.high < 0.0
    assert found.value == pytest.approx(0.001 - found.coupling)
    warm = margin(games, moved, 5.0, np.random.default_rng(3))
    assert warm is not None and warm.verdict == "positive along the update"
    near = margin(games, moved, found.coupling, np.random.default_rng(3))
    assert near is not None and near.verdict == "not certified" and near.low < 0.0 < near.high
    assert margin(games, [np.zeros_like(m) for m in moved], 0.1, np.random.default_rng(3)) is None

"""The game of controls: every number against a count of votes written here in fractions, question by question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from equipoise.beliefs import competence
from equipoise.beliefs.ballots import NO_ANSWER, Ballots
from equipoise.beliefs.control_game import LARGEST, ControlGame, control_game
from equipoise.beliefs.control_players import Player, by_agent, by_column, copies
from equipoise.errors import InputError

PLAYERS = (
    Player(name="first", columns=(0, 3)),
    Player(name="second", columns=(1,)),
    Player(name="third", columns=(2, 4, 3)),
)


def made(train: Ballots | None, players: Sequence[Player] = PLAYERS, **settings: Any) -> ControlGame:
    game = control_game(train, players, **settings)
    assert game is not None
    return game


def counted(train: Ballots, columns: Sequence[int], price: float, question: int, weights: Sequence[Fraction]) -> float:
    """What a question earns when some columns are called, counted by hand."""
    assert train.correct is not None
    support: dict[int, Fraction] = defaultdict(Fraction)
    right = {}
    for column in columns:
        label = int(train.answers[question, column])
        if label != NO_ANSWER:
            support[label] += weights[column]
            right[label] = bool(train.correct[question, column])
    most = max(support.values(), default=None)
    best = [label for label in support if support[label] == most]
    hit = sum(right[label] for label in best) / len(best) if best else 0.0
    return hit - price * sum(float(train.cost[question, column]) for column in columns)


def by_hand(train: Ballots, players: Sequence[Player], price: float, anchor: int | None) -> np.ndarray:
    weights = [Fraction(float(w)) for w in competence.vote_weights(train)]
    tensor = np.zeros([len(player.columns) + 1 for player in players])
    for profile in product(*(range(n) for n in tensor.shape)):
        called = [p.columns[a] for p, a in zip(players, profile, strict=True) if a < len(p.columns)]
        if not called and anchor is not None:
            called = [anchor]
        tensor[profile] = np.mean([counted(train, called, price, q, weights) for q in range(len(train))])
    return tensor


@pytest.fixture
def train(simulate: Callable[..., Ballots]) -> Ballots:
    ballots = simulate([0.6, 0.7, 0.65, 0.5, 0.85], 3, 40, seed=3, silent=0.15)
    return replace(ballots, cost=np.random.default_rng(0).uniform(1.0, 9.0, ballots.cost.shape))


@pytest.mark.parametrize(("price", "anchor"), [(0.0, False), (0.004, True), (0.05, True)])
def test_the_tensor_is_the_vote_counted_by_hand(train: Ballots, price: float, anchor: bool) -> None:
    game = made(train, price=price, anchor=anchor)
    assert game.tensor is not None
    assert (game.anchor is not None) is anchor
    assert np.allclose(game.tensor[0], by_hand(train, PLAYERS, price, game.anchor), atol=1e-12)


def test_answers_that_draw_level_share_the_decision(ballots_from: Callable[..., Ballots]) -> None:
    # Both columns are right as often, so they weigh the same, and one of two wins by chance where they differ.
    train = ballots_from([["x", "y"], ["x", "y"], ["z", "z"]], [[True, False], [False, True], [True, True]])
    game = made(train, by_column(train.columns), anchor=False)
    assert game.tensor is not None
    assert np.allclose(game.tensor[0], [[2 / 3, 2 / 3], [2 / 3, 0.0]])
    assert game.rewards(np.zeros((3, 2), dtype=np.intp), np.arange(3)).tolist() == [0.5, 0.5, 1.0]


def test_all_silent_earns_nothing_without_an_anchor_and_what_the_best_column_earns_with_one(train: Ballots) -> None:
    silent = tuple(len(player.columns) for player in PLAYERS)
    bare, anchored = made(train, price=0.01, anchor=False), made(train, price=0.01)
    assert bare.tensor is not None and anchored.tensor is not None and train.correct is not None
    assert bare.tensor[0][silent] == 0.0
    worth = train.correct.mean(axis=0) - 0.01 * train.cost.mean(axis=0)
    assert anchored.anchor == int(worth.argmax())
    assert anchored.tensor[0][silent] == pytest.approx(worth.max())
    assert anchored.anchor  # so that the first column is not meant by chance
    assert anchored.calls(np.array(silent)).tolist() == [anchored.anchor, 5, 5]
    assert bare.calls(np.array(silent)).tolist() == [5, 5, 5]
    others = np.ones(bare.tensor[0].shape, dtype=bool)
    others[silent] = False
    assert np.array_equal(bare.tensor[0][others], anchored.tensor[0][others])


def test_names_of_answers_and_order_of_questions_mean_nothing(train: Ballots) -> None:
    game = made(train, price=0.01)
    named = np.where(train.answers == NO_ANSWER, NO_ANSWER, 100 - 7 * train.answers).astype(np.int16)
    shuffled = np.random.default_rng(1).permutation(len(train))
    other = made(replace(train, answers=named).at(shuffled), price=0.01)
    assert game.tensor is not None and other.tensor is not None
    assert np.allclose(game.tensor, other.tensor, atol=1e-12)


def test_players_in_another_order_are_the_same_game(train: Ballots) -> None:
    order = [2, 0, 1]
    game, other = made(train, price=0.01), made(train, [PLAYERS[i] for i in order], price=0.01)
    assert game.tensor is not None and other.tensor is not None
    assert np.allclose(game.tensor[0].transpose(order), other.tensor[0], atol=1e-12)


def test_a_price_is_paid_for_every_call(train: Ballots) -> None:
    free, dear = made(train, anchor=False), made(train, price=0.02, anchor=False)
    assert free.tensor is not None and dear.tensor is not None
    paid = (free.tensor - dear.tensor)[0] / 0.02
    mean = train.cost.mean(axis=0)
    assert paid[1, 0, 0] == pytest.approx(mean[3] + mean[1] + mean[2])
    assert paid[2, 1, 3] == 0.0


def test_a_state_is_a_game_of_its_own_questions(train: Ballots) -> None:
    states = np.arange(len(train)) % 3
    game = made(train, price=0.01, states=states, anchor=False)
    whole = made(train, price=0.01, anchor=False)
    assert game.tensor is not None and whole.tensor is not None
    assert game.states == 3
    weights = [Fraction(float(w)) for w in competence.vote_weights(train)]
    rows = [counted(train, [0, 1, 4], 0.01, q, weights) for q in range(1, len(train), 3)]
    assert game.tensor[1][0, 0, 1] == pytest.approx(np.mean(rows))
    assert np.allclose(np.tensordot(game.state_weight, game.tensor, 1), whole.tensor[0])


def test_rewards_of_single_questions_add_up_to_the_tensor(train: Ballots) -> None:
    game = made(train, price=0.01)
    assert game.tensor is not None
    for profile in [(0, 0, 2), (2, 1, 3), (1, 1, 0)]:
        each = game.rewards(np.tile(profile, (len(train), 1)), np.arange(len(train)))
        assert each.mean() == pytest.approx(game.tensor[0][profile])


def test_a_local_game_is_a_slice(train: Ballots) -> None:
    game = made(train, price=0.01)
    assert game.tensor is not None
    assert np.allclose(game.local(0, (0, 2), np.array([1, 1, 0])).payoff, game.tensor[0][:, 1, :])


def test_more_profiles_than_are_enumerated_are_still_evaluated_exactly(train: Ballots) -> None:
    game = made(train, copies(train.columns, 6), price=0.001)
    assert np.prod(game.actions) > LARGEST
    assert game.tensor is None and game.games is None
    small = made(train, copies(train.columns, 2), price=0.001)
    assert small.tensor is not None
    pair = np.array([[0, 3, 5, 5, 5, 5]])
    assert game.payoffs(pair)[0, 0] == pytest.approx(small.tensor[0][0, 3])


def test_bootstrap_samples_are_games_on_questions_drawn_again(train: Ballots) -> None:
    game = made(train, price=0.01)
    rng = np.random.default_rng(5)
    again = game.resampled(3, np.random.default_rng(5))
    counts = rng.multinomial(len(train), np.full(len(train), 1 / len(train)), size=3)
    drawn = np.repeat(np.arange(len(train)), counts[1])
    each = game.rewards(np.tile([0, 0, 1], (len(drawn), 1)), drawn)
    assert again[1].tensor is not None
    assert again[1].tensor[0][0, 0, 1] == pytest.approx(each.mean())


def test_held_out_questions_are_judged_with_the_weights_that_were_learned(train: Ballots) -> None:
    learn, held = train.at(slice(0, 25)), train.at(slice(25, None))
    game = made(learn, price=0.01)
    weights = [Fraction(float(w)) for w in competence.vote_weights(learn)]
    rows = [counted(held, [3, 1, 2], 0.01, q, weights) for q in range(len(held))]
    assert game.on(held).payoffs(np.array([[1, 0, 0]]))[0, 0] == pytest.approx(np.mean(rows))
    with pytest.raises(InputError, match="labels"):
        game.on(replace(held, correct=None))


def test_without_labels_that_mean_something_there_is_no_game(train: Ballots) -> None:
    assert control_game(None, PLAYERS) is None
    assert control_game(replace(train, correct=None), PLAYERS) is None
    scrambled = np.random.default_rng(0).random(train.answers.shape) < 0.6
    assert control_game(replace(train, correct=scrambled), PLAYERS) is None


def test_players_and_states_that_do_not_fit_are_named(train: Ballots) -> None:
    with pytest.raises(InputError, match="column 9"):
        control_game(train, [Player(name="x", columns=(9,))])
    with pytest.raises(InputError, match="no player"):
        control_game(train, [])
    with pytest.raises(InputError, match="state 1"):
        control_game(train, PLAYERS, states=np.where(np.arange(len(train)) < 5, 0, 2))


def test_columns_are_grouped_by_agent() -> None:
    found = by_agent(["a|cot", "b|cot", "a|vanilla", "lone"])
    assert [(player.name, player.columns) for player in found] == [("a", (0, 2)), ("b", (1,)), ("lone", (3,))]
    assert [player.columns for player in by_column(["a|x", "b|x"])] == [(0,), (1,)]
    assert {player.columns for player in copies(["a|x", "a|y"], 3)} == {(0, 1)}

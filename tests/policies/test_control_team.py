"""How a round is played: what is free, with which probabilities, and whom that asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from equipoise import games
from equipoise.beliefs.control_players import Player, by_agent, copies
from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.beliefs.weighted_vote import WeightedVote
from equipoise.errors import InputError
from equipoise.games import Layout
from equipoise.games.response import softmax
from equipoise.learning.rollouts import RecordedRollouts
from equipoise.policies.bandit_settings import BanditSettings, from_json, to_json
from equipoise.policies.bandit_temperatures import Temperatures, log_references, temperatures_of
from equipoise.policies.control_team import ControlTeam, draw
from equipoise.policies.observations import available, observer, unseen, wanted

PLAYERS = (Player(name="one", columns=(0, 2)), Player(name="two", columns=(1,)))
"""Three controls and two."""


def team_with(settings: BanditSettings, **changed: Any) -> ControlTeam:
    """A team of unequal temperatures and references."""
    weights = np.array([1.0, 0.5, 2.0])
    reference = np.log(np.array([[0.2, 0.5, 0.3], [0.6, 0.4, 1.0]]))
    reference[1, 2] = -np.inf
    made = ControlTeam(
        columns=("a", "b", "c"),
        players=PLAYERS,
        anchor=1,
        abstain=True,
        voter=WeightedVote(weights=weights, log_unseen=0.0),
        observer=observer(weights, None),
        temperatures=Temperatures(first=np.array([0.1, 0.3])),
        log_reference=reference,
        settings=settings,
    )
    return replace(made, **changed)


def test_what_is_free_and_whom_controls_ask() -> None:
    asked = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 1]], dtype=bool)
    assert available(PLAYERS, asked).tolist() == [
        [[True, True, True], [True, True, False]],
        [[False, True, True], [True, True, False]],
        [[False, False, True], [False, True, False]],
    ]
    told = available(PLAYERS, asked, abstain=False)  # silent only where nothing is left
    assert told[:, 0, 2].tolist() == [False, False, True] and told[:, 1, 1].tolist() == [False, False, True]
    actions = np.array([[0, 0], [1, 1], [2, 1]])
    assert wanted(PLAYERS, actions, 3, None).astype(int).tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert wanted(PLAYERS, actions, 3, 0).astype(int).tolist() == [[1, 1, 0], [0, 0, 1], [1, 0, 0]]
    clones = (Player(name="x", columns=(0, 1)), Player(name="y", columns=(0, 1)))
    assert wanted(clones, np.array([[1, 1]]), 2, None).astype(int).tolist() == [[0, 1]]


def test_the_policy_is_the_logit_response_of_the_games() -> None:
    team = team_with(BanditSettings())
    bids = np.array([[[0.3, -0.2, 0.1], [0.5, 0.4, 0.0]], [[0.0, 0.9, 0.2], [-0.3, 0.1, 0.0]]])
    free = team.free(_seen(np.zeros((2, 3), dtype=bool)), 0)
    heat = np.array([[0.1, 0.3], [0.2, 0.05]])
    found = team.policy(*(torch.as_tensor(x) for x in (bids, heat, free)), 0).numpy()
    logits = np.where(free, team.log_reference + bids / heat[..., None], -np.inf)
    layout = Layout(((3, 2), (3, 2)))
    assert np.allclose(found[free], softmax(logits[free], layout), atol=1e-6)
    assert not found[~free].any()


def test_without_regularisation_the_best_is_played_and_others_only_while_exploring() -> None:
    team = team_with(BanditSettings(control=ControlSettings(schedule="unregularised"), epsilon=0.3))
    bids = torch.tensor([[[0.3, -0.2, 0.1], [-0.5, -0.4, 9.0]]])
    free = torch.tensor([[[True, True, True], [True, True, False]]])
    heat = torch.ones(1, 2)
    assert team.policy(bids, heat, free, 0).tolist() == [[[1, 0, 0], [0, 1, 0]]]
    explored = team.policy(bids, heat, free, 0, explore=True)
    assert torch.allclose(explored, torch.tensor([[[0.8, 0.1, 0.1], [0.15, 0.85, 0.0]]]))
    assert torch.allclose(team.worth(bids, heat, free), torch.tensor([[0.3, -0.4]]))


def test_plain_and_soft_worth_differ_by_the_divergence_from_the_reference() -> None:
    bids, free = torch.tensor([[[0.3, -0.2, 0.1], [0.5, 0.4, 0.0]]]), torch.tensor([[[True] * 3, [True, True, False]]])
    heat = torch.tensor([[0.1, 0.3]])
    plain, soft = (team_with(BanditSettings(value=value)) for value in ("plain", "soft"))
    policy = plain.policy(bids, heat, free, 0)
    expected = (policy * bids).sum(-1)
    kl = torch.special.xlogy(policy, policy).sum(-1) - torch.where(free, policy * plain.references(free), 0.0).sum(-1)
    assert torch.allclose(plain.worth(bids, heat, free), expected)
    assert torch.allclose(soft.worth(bids, heat, free), expected - heat * kl, atol=1e-6)


def test_fixed_controls_are_the_first_ones_and_nothing_is_asked_again() -> None:
    team = team_with(BanditSettings(fixed=True, rounds=2))
    bids = torch.full((1, 2, 3), 0.0)
    free = torch.ones(1, 2, 3, dtype=torch.bool)
    first, second = (team.policy(bids, torch.ones(1, 2), free, round).argmax(-1).numpy() for round in (0, 1))
    assert team.asks(first, 0).tolist() == [[True, True, False]]
    assert not team.asks(second, 1).any()


def test_a_question_that_nobody_was_asked_in_the_first_round_is_over() -> None:
    team = team_with(BanditSettings(rounds=2), anchor=None)
    free = team.free(_seen(np.array([[0, 0, 0], [0, 1, 0]], dtype=bool)), 1)
    assert free[0].tolist() == [[False, False, True], [False, True, False]]
    assert free[1].tolist() == [[True, True, True], [False, True, False]]


def test_draws_follow_the_policy_and_never_take_what_has_no_probability() -> None:
    policy = np.tile(np.array([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]], dtype=np.float32), (40_000, 1, 1))
    drawn = draw(policy, np.random.default_rng(0).random((40_000, 2)))
    assert (drawn[:, 1] == 0).all() and set(drawn[:, 0]) == {1, 2}
    assert abs((drawn[:, 0] == 2).mean() - 0.75) < 4 * (0.75 * 0.25 / 40_000) ** 0.5
    edges = draw(policy[:2], np.array([[0.0, 0.0], [np.nextafter(1.0, 0.0)] * 2]))
    assert edges.tolist() == [[1, 0], [2, 0]]


def test_temperatures_rise_where_the_answers_seen_disagree() -> None:
    levels = ControlSettings(schedule="entropy", hot=0.2, cold=0.05, threshold=0.9, multiplier=2.0)
    heat = temperatures_of(None, PLAYERS, levels)
    answers = np.array([[-1, -1, -1], [0, 0, 0], [0, 1, 2], [0, 0, 1], [0, -1, 1]])
    seen = _seen(np.array([[0, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]], dtype=bool), answers)
    # Entropy as a share of the most: none seen, 0, 1, H(1/3)/log 3 = .58, 1 (silence is no answer).
    assert np.allclose(heat.of(seen)[:, 0], [0.4, 0.1, 0.4, 0.1, 0.4])
    same = temperatures_of(None, PLAYERS, ControlSettings(temperature=0.03, multiplier=4.0))
    assert np.allclose(same.of(seen), 0.12)
    with pytest.raises(InputError, match="certified"):
        temperatures_of(None, PLAYERS, ControlSettings(schedule="certified"))
    assert np.allclose(np.exp(log_references(None, PLAYERS, levels)), [[1 / 3] * 3, [0.5, 0.5, 0.0]])


def test_a_recorded_game_gives_each_player_its_temperature_and_clones_their_own_reference(recorded: Any) -> None:
    rng = np.random.default_rng(3)
    answers = np.where(rng.random((90, 3)) < [0.8, 0.5, 0.7], 0, rng.integers(1, 9, (90, 3)))
    train = recorded(answers, [1.0, 1.0, 1.0], ("x|p", "x|q", "y|p"))
    alike = replace(train, answers=train.answers[:, [0, 0, 2]], correct=train.correct[:, [0, 0, 2]])
    levels = ControlSettings(schedule="entropy", hot=0.2, cold=0.05, threshold=0.3)
    for ballots, first in ((train, 0.2), (alike, 0.05)):  # x is of two minds, or of one; y has one column
        game = RecordedRollouts(ballots, by_agent(ballots.columns)).game
        assert np.allclose(temperatures_of(game, game.players, levels).first, [first, 0.05])
    proved = ControlSettings(schedule="certified", temperature=0.001)
    game = RecordedRollouts(train, by_agent(train.columns)).game
    heat = temperatures_of(game, game.players, proved).first
    assert (heat >= 0.001).all() and game.games is not None
    assert games.certify(game.games[0], heat).certified
    clones = RecordedRollouts(train, copies(train.columns, 2)).game
    tilted = log_references(clones, clones.players, ControlSettings(tilt=0.5))
    assert np.allclose(np.exp(tilted).sum(axis=1), 1.0)
    assert tilted[0].argmax() == 0 and tilted[1].argmax() == 2  # the best column, and the second best
    assert np.allclose(np.sort(tilted, axis=1)[:, -1] - tilted.min(axis=1), 0.5)


def test_settings_survive_json_and_say_what_is_wrong() -> None:
    settings = BanditSettings(control=ControlSettings(schedule="entropy", damping=0.2), hidden=(8, 4), rounds=2)
    assert from_json(to_json(settings)) == settings
    with pytest.raises(InputError, match=r"no setting 'iteration'\. Did you mean 'iterations'"):
        from_json({"iteration": 3})
    for wrong in ({"target": "tdd"}, {"group": 1}, {"iterations": 0}, {"epsilon": 2.0}, {"rounds": 3}):
        with pytest.raises(InputError):
            BanditSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"above 0.3"):
        BanditSettings(control=ControlSettings(damping=0.5))


def _seen(asked: np.ndarray, answers: np.ndarray | None = None) -> Any:
    texts = np.full(len(asked), "?", dtype=object)
    nothing = unseen(("a", "b", "c"), texts)
    said = np.full(asked.shape, -1) if answers is None else answers
    return replace(nothing, asked=asked, answers=said.astype(np.int16))

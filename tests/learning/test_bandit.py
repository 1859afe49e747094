"""Bandit learning finds what is best where that is known, and goes on as if never stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from equipoise import games
from equipoise.beliefs.control_players import Player, by_agent, by_column
from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.beliefs.policy import Policy, run
from equipoise.beliefs.vote import Vote
from equipoise.errors import InputError
from equipoise.frontier.pool import pool_of
from equipoise.frontier.splits import splits_of
from equipoise.learning.bandit import Learned, learn
from equipoise.learning.bandit_diagnostics import Iteration
from equipoise.learning.rollouts import RecordedRollouts
from equipoise.networks.checkpoint import read_config
from equipoise.policies.bandit_policy import load
from equipoise.policies.bandit_settings import BanditSettings
from equipoise.policies.observations import unseen

FAST = BanditSettings(iterations=60, fewest=60, questions=16, updates=4, rate=3e-3, hidden=(8,), regret=0.0)
UNREGULARISED = ControlSettings(schedule="unregularised")


@pytest.fixture
def unequal(recorded: Any) -> Any:
    """Agent x: a bad cheap prompt and a good dear one; agent y: a prompt that is worse than its price."""
    rng = np.random.default_rng(0)
    right = rng.random((120, 3)) < [0.4, 0.85, 0.45]
    answers = np.where(right, 0, rng.integers(1, 5, right.shape))
    return recorded(answers, [1.0, 5.0, 30.0], ("x|bad", "x|good", "y|dear"))


@pytest.fixture
def silent_half(recorded: Any) -> Any:
    """A cheap column that is right or silent, half of the time each, and a dear one that is always right."""
    answers = np.zeros((100, 2), dtype=int)
    answers[np.random.default_rng(1).random(100) < 0.5, 0] = -1
    return recorded(answers, [1.0, 10.0], ("cheap", "dear"))


def mode(learned: Learned, ballots: Any) -> list[int]:
    """The controls of the first round, which are the same for all questions without text."""
    controls = learned.policy.probabilities(ballots).argmax(axis=-1)
    assert (controls == controls[0]).all()
    return controls[0].tolist()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"control": UNREGULARISED},
        {"mixer": "none"},
        {"mixer": "hypernetwork"},
        {"baseline": False},
    ],
    ids=str,
)
def test_it_finds_the_best_profile_of_the_enumerated_game(unequal: Any, changed: dict[str, Any]) -> None:
    source = RecordedRollouts(unequal, by_agent(unequal.columns), price=0.01, anchor=False)
    tensor = source.game.tensor
    assert tensor is not None
    best = np.unravel_index(tensor[0].argmax(), tensor[0].shape)
    assert best == (1, 1)  # the good prompt, and y silent
    learned = learn(source, replace(FAST, price=0.01, **changed))
    assert mode(learned, unequal) == [1, 1]
    played = run(learned.policy, unequal)
    assert played.asked.tolist() == [[False, True, False]] * 120
    assert learned.iterations[-1].reward > learned.iterations[0].reward
    assert learned.stopped == "iterations"


def test_from_rewards_alone_it_comes_to_the_equilibrium_that_newton_finds_in_the_tensor(unequal: Any) -> None:
    """Unequal temperatures; the solver knows every profile's reward, the learner one of them at a time."""
    source = RecordedRollouts(unequal, by_agent(unequal.columns), price=0.01, anchor=False)
    control = ControlSettings(schedule="entropy", hot=0.3, cold=0.15, threshold=0.1)  # x is of two minds, y is not
    settings = replace(FAST, price=0.01, iterations=150, capacity=3000, control=control)
    policy = learn(source, settings).policy
    assert np.allclose(policy.team.temperatures.first, [0.3, 0.15])
    assert source.game.games is not None
    exact = games.solve(source.game.games[0], [0.3, 0.15])
    learned = policy.probabilities(unequal)[0]
    assert exact.residual < 1e-9
    assert np.allclose(
        learned[policy.team.free(unseen(unequal.columns, unequal.questions), 0)[0]], exact.policy, atol=0.03
    )


def test_two_rounds_ask_the_dear_column_exactly_where_the_cheap_one_was_silent(silent_half: Any) -> None:
    source = RecordedRollouts(silent_half, by_column(silent_half.columns), price=0.02)
    for seed in (0, 1):
        settings = replace(FAST, rounds=2, price=0.02, seed=seed)
        played = run(learn(source, settings).policy, silent_half)
        assert played.asked[:, 0].all()
        assert (played.asked[:, 1] == (silent_half.answers[:, 0] == -1)).all()
        assert (played.chosen * silent_half.correct).sum() == 100
        assert (played.steps == 1 + played.asked[:, 1]).all()


def test_the_first_round_is_paid_by_what_it_returns_too(silent_half: Any) -> None:
    """Return-to-go averages over older second rounds, so it may end at the other convention: the dear one alone."""
    source = RecordedRollouts(silent_half, by_column(silent_half.columns), price=0.02)
    learned = learn(source, replace(FAST, rounds=2, price=0.02, target="return"))
    played = run(learned.policy, silent_half)
    earned = (played.chosen * silent_half.correct - 0.02 * played.asked * silent_half.cost).sum(axis=1).mean()
    assert earned >= 1.0 - 0.02 * 10 - 1e-9 > learned.iterations[0].reward


def test_the_transformer_reads_both_rounds_and_is_saved_too(silent_half: Any, tmp_path: Path) -> None:
    source = RecordedRollouts(silent_half, by_column(silent_half.columns), price=0.02)
    settings = replace(FAST, rounds=2, encoder="transformer", questions=2, group=4, batch=16, iterations=2, fewest=2)
    policy = learn(source, settings, folder=tmp_path).policy
    assert policy.values.encoder is not None and policy.values.encoder.settings.width == 256
    one, other = run(policy, silent_half), run(load(tmp_path / "policy"), silent_half)
    assert (one.asked == other.asked).all()


def test_the_coupled_team_keeps_one_of_two_equals(recorded: Any) -> None:
    """Two equal columns, either of which is enough: one is asked, not both and not none, without any anchor."""
    answers = np.repeat(np.where(np.random.default_rng(2).random((100, 1)) < 0.9, 0, 1), 2, axis=1)
    train = recorded(answers, [10.0, 10.0], ("x", "y"))
    source = RecordedRollouts(train, by_column(train.columns), price=0.02, anchor=False)
    learned = learn(source, replace(FAST, price=0.02, iterations=120, fewest=120))
    assert run(learned.policy, train).asked.sum(axis=1).tolist() == [1] * 100


def test_hot_temperatures_keep_it_random_and_kappa_multiplies_them(unequal: Any) -> None:
    source = RecordedRollouts(unequal, by_agent(unequal.columns), price=0.01)
    ends = []
    for kappa in (1.0, 100.0):
        settings = replace(FAST, price=0.01, iterations=30, control=ControlSettings(multiplier=kappa))
        ends.append(learn(source, settings).iterations[-1])
    assert ends[0].entropy < 0.6 < 0.95 < ends[1].entropy
    assert ends[1].temperature == pytest.approx(100 * ends[0].temperature)


def killed() -> None:
    """Ends at once, in the middle of whatever is done."""
    raise KeyboardInterrupt


def interrupted() -> None:
    """Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("stop", "kept"), [(killed, 3), (interrupted, 5)])
def test_a_run_that_was_stopped_ends_where_an_uninterrupted_one_does(
    unequal: Any, tmp_path: Path, stop: Callable[[], None], kept: int
) -> None:
    source = RecordedRollouts(unequal, by_agent(unequal.columns), price=0.01)
    settings = replace(FAST, rounds=2, price=0.01, iterations=8, fewest=8, checkpoint_every=3, capacity=512)
    whole = learn(source, settings, folder=tmp_path / "whole")

    def hear(told: Iteration) -> None:
        if told.iteration == 5:
            stop()

    with pytest.raises(KeyboardInterrupt):
        learn(source, settings, folder=tmp_path / "stopped", progress=hear)
    assert len((tmp_path / "stopped" / "progress.jsonl").read_text().splitlines()) == 5
    assert read_config(tmp_path / "stopped" / "checkpoint")["iteration"] == kept
    resumed = learn(source, settings, folder=tmp_path / "stopped")
    # The checkpoint names its weights by their SHA-256: buffer, moments, chance and networks are equal bit for bit.
    for name in ("progress.jsonl", "checkpoint/checkpoint.json", "policy/checkpoint.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert resumed.iterations == whole.iterations
    before = (tmp_path / "whole" / "progress.jsonl").read_bytes()
    again = learn(source, settings, folder=tmp_path / "whole")  # finished: nothing is done twice
    assert (tmp_path / "whole" / "progress.jsonl").read_bytes() == before and again.iterations == whole.iterations


def test_a_run_goes_on_with_its_own_settings_and_questions_only(unequal: Any, tmp_path: Path) -> None:
    source = RecordedRollouts(unequal, by_agent(unequal.columns))
    settings = replace(FAST, iterations=2)
    learn(source, settings, folder=tmp_path)
    assert len(learn(source, replace(settings, iterations=3), folder=tmp_path).iterations) == 3
    with pytest.raises(InputError, match="settings"):
        learn(source, replace(settings, price=0.1), folder=tmp_path)
    fewer = unequal.at(slice(0, 100))
    with pytest.raises(InputError, match="questions"):
        learn(RecordedRollouts(fewer, by_agent(fewer.columns)), settings, folder=tmp_path)


@pytest.mark.parametrize("readout", ["mode", "sample"])
def test_a_saved_policy_plays_as_it_did(unequal: Any, tmp_path: Path, readout: Any) -> None:
    control = ControlSettings(readout=readout, schedule="entropy", hot=0.5, cold=0.3)
    source = RecordedRollouts(unequal, by_agent(unequal.columns), price=0.01)
    settings = replace(FAST, rounds=2, text=True, price=0.01, iterations=4, control=control)
    policy = learn(source, settings, folder=tmp_path).policy
    loaded = load(tmp_path / "policy")
    one, other = run(policy, unequal), run(loaded, unequal)
    assert (
        (one.asked == other.asked).all() and (one.chosen == other.chosen).all() and (one.belief == other.belief).all()
    )
    assert loaded.learned_from == policy.learned_from and len(loaded.learned_from) == len(unequal)
    backwards = unequal.at(slice(None, None, -1))  # a question is played alike, in whatever company
    assert (run(loaded, backwards).asked[::-1] == one.asked).all()
    if readout == "sample":
        assert len(np.unique(one.asked, axis=0)) > 1
    with pytest.raises(InputError, match="kind"):
        load(tmp_path / "checkpoint")


def test_the_team_with_fixed_controls_learns_nothing_and_asks_everybody_first(unequal: Any) -> None:
    source = RecordedRollouts(unequal, by_agent(unequal.columns))
    learned = learn(source, replace(FAST, fixed=True, rounds=2))
    assert (learned.stopped, learned.iterations) == ("fixed", ())
    assert run(learned.policy, unequal).asked.tolist() == [[True, False, True]] * 120


def test_small_regret_ends_learning_and_the_hooks_are_asked(unequal: Any, tmp_path: Path) -> None:
    source = RecordedRollouts(unequal, (Player(name="all", columns=(0, 1, 2)),), price=0.01)
    shapes: list[tuple[int, ...]] = []

    def margin(policies: np.ndarray, temperatures: np.ndarray) -> float:
        shapes.append((*policies.shape, *temperatures.shape))
        assert np.allclose(policies.sum(axis=-1), 1.0, atol=1e-5)
        return -0.25

    settings = replace(FAST, fewest=7, regret=10.0, price=0.01, checkpoint_every=1000)
    learned = learn(source, settings, margin=margin, folder=tmp_path)
    assert learned.stopped == "regret" and len(learned.iterations) == 7
    assert shapes == [(1, 1, 4, 1)] * 7
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == list(range(1, 8)) and lines[0]["margin"] == -0.25
    calls = np.diff([0, *(line["calls"] for line in lines)])
    assert ((calls >= 1) & (calls <= 16 * 8)).all()  # one executor, at most one call a rollout; the anchor at least
    first = lines[0]
    assert first["entropy"] > 0.9 and first["divergence"] >= 0.0 and first["regret"] >= 0.0


def test_equal_seeds_learn_alike_and_others_do_not(unequal: Any) -> None:
    source = RecordedRollouts(unequal, by_agent(unequal.columns), price=0.01)
    settings = replace(FAST, iterations=3, price=0.01)
    torch.manual_seed(1)
    one = learn(source, settings)
    torch.manual_seed(2)
    assert learn(source, settings).iterations == one.iterations
    assert learn(source, replace(settings, seed=1)).iterations != one.iterations


def test_on_recorded_models_it_is_worth_more_than_the_vote_on_questions_it_never_saw(shared_data: Path) -> None:
    columns = json.loads((shared_data / "pools.json").read_text(encoding="utf-8"))["plan_gpt4"]["columns"]
    ballots = pool_of(shared_data / "recorded" / "planbench_blocksworld.jsonl.gz", columns).ballots
    (split,) = splits_of(ballots.questions, train=0.4, splits=1, seed=0)
    train, test = ballots.at(split.train), ballots.at(split.test)
    price = 0.05 / float(train.cost.sum(axis=1).mean())
    source = RecordedRollouts(train, by_column(columns), price=price)
    learned = learn(source, BanditSettings(iterations=40, price=price))

    def worth(policy: Policy) -> float:
        played = run(policy, test)
        assert test.correct is not None
        return float((played.chosen * test.correct - price * played.asked * test.cost).sum(axis=1).mean())

    assert worth(learned.policy) > worth(Vote()) + 0.02

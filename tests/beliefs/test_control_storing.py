"""An equilibrium of controls that went through files is solved again the same, and its verdict with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise import games
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_coupling import margin
from equipoise.beliefs.control_storing import packed, unpacked
from equipoise.beliefs.control_temperatures import ControlSettings, Schedule
from equipoise.beliefs.controlling import ControlRules, settle
from equipoise.beliefs.storing import load_told, save_policy
from equipoise.errors import InputError

NAMES = ("ann|cot", "ann|direct", "bob|cot", "bob|direct")


@pytest.fixture
def team(recorded: Callable[..., Ballots]) -> Callable[[], Ballots]:
    """Two executors of two prompts each, of unequal skill and cost."""

    def made() -> Ballots:
        rng = np.random.default_rng(0)
        right = rng.random((160, 4)) < [0.85, 0.6, 0.75, 0.7]
        return recorded(np.where(right, 0, rng.integers(1, 4, right.shape)), [40.0, 5.0, 25.0, 4.0], NAMES)

    return made


def solved(ballots: Ballots, rules: ControlRules | None = None, price: float = 0.001) -> Any:
    found = settle(ballots, price, rules or ControlRules())
    assert found is not None
    return found


@pytest.mark.parametrize("schedule", ["homogeneous", "entropy", "certified", "unregularised"])
@pytest.mark.parametrize("states", [1, 2])
def test_the_verdict_follows_from_the_files_alone(team: Any, tmp_path: Path, schedule: Schedule, states: int) -> None:
    ballots = team()
    texts = np.array([f"q{i}" * (1 + i % 5) for i in range(len(ballots))], dtype=object)
    rules = ControlRules(states=states, settings=ControlSettings(schedule=schedule))
    found = solved(replace(ballots, questions=texts), rules)
    told, arrays = packed(found)
    save_policy(tmp_path / "p", None, {"game": told}, arrays)
    kept, held = load_told(tmp_path / "p")
    again, apart = unpacked(kept["game"], held)
    assert apart.shape == (states,) and apart.max() < 1e-8
    for state, (one, other) in enumerate(zip(found.states, again.states, strict=True)):
        assert margin(again.game, state, other).as_json() == margin(found.game, state, one).as_json()
        assert (other.kept, other.profile.tolist()) == (one.kept, one.profile.tolist())
        assert other.earned == pytest.approx(one.earned)


def test_the_tensor_that_is_kept_is_the_reward_of_every_profile(team: Any) -> None:
    found = solved(team())
    told, arrays = packed(found)
    assert arrays["tensor"].shape == (1, 3, 3)
    again, _ = unpacked(json.loads(json.dumps(told)), arrays)
    profiles = np.indices((3, 3)).reshape(2, -1).T
    assert again.game.payoffs(profiles)[0] == pytest.approx(arrays["tensor"].ravel())
    proof = games.certify(games.CommonPayoff(arrays["tensor"][0]), arrays["temperatures"][0])
    assert proof.certified == games.certify(found.game.games[0], 0.02).certified


def test_a_policy_that_is_not_the_equilibrium_is_seen(team: Any) -> None:
    told, arrays = packed(solved(team()))
    bent = arrays | {"policy": arrays["policy"] + np.array([[0.01, -0.01, 0, 0, 0, 0]])}
    _, apart = unpacked(told, bent)
    assert apart == pytest.approx([0.01])
    with pytest.raises(InputError, match="damaged"):
        unpacked(told, {name: array for name, array in arrays.items() if name != "votes"})


def test_a_game_without_a_tensor_is_estimated_again_the_same(recorded: Any) -> None:
    rng = np.random.default_rng(2)
    right = rng.random((70, 14)) < np.linspace(0.5, 0.8, 14)
    names = tuple(f"agent {i}|cot" for i in range(14))
    ballots = recorded(np.where(right, 0, rng.integers(1, 4, right.shape)), np.arange(1.0, 15.0), names)
    found = solved(ballots, price=0.005)
    assert found.game.tensor is None
    told, arrays = packed(found)
    again, apart = unpacked(told, arrays)
    assert apart.max() < 1e-8 and "tensor" not in arrays
    other = margin(again.game, 0, again.states[0])
    assert other.how == "estimated" and other.as_json() == margin(found.game, 0, found.states[0]).as_json()

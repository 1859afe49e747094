"""Settings go to JSON and back, refuse what cannot be, and every baseline switches off what it names."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from equipoise.errors import InputError, UnknownName
from equipoise.learning.mirror.settings import BASELINES, MirrorSettings, baseline, from_json, to_json


def test_json_and_back() -> None:
    settings = MirrorSettings(group=5, clip_high=None, partition="random", target="return")
    assert from_json(json.loads(json.dumps(to_json(settings)))) == settings
    with pytest.raises(UnknownName, match="group"):
        from_json({"groupe": 3})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rank": "abc"}, "rank is 'abc'. Give a whole number"),
        ({"rank": 2.5}, "rank is 2.5. Give a whole number"),
        ({"group": None}, "group is None"),
        ({"clip_low": "none"}, "clip_low is 'none'. Give a number, or null"),
        ({"lr": True}, "lr is True. Give a number"),
        ({"raise_group": "yes"}, "raise_group is 'yes'. Give true or false"),
        ({"device": 3}, "device is 3. Give a text"),
        ({"critics": 3}, "mixed"),
    ],
)
def test_what_is_written_as_another_kind_is_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_json(wrong)


def test_whole_numbers_are_numbers_and_null_is_none() -> None:
    assert from_json({"lr": 1, "clip_high": None, "max_tokens": None, "raise_group": True}).lr == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"group": 0}, "group is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"rollout_rows": 0}, "rollout_rows is 0"),
        ({"lr": -1.0}, "lr is -1"),
        ({"eta": 0.0}, "eta"),
        ({"own": 1.5}, "own"),
        ({"alpha_low": float("nan")}, "alpha_low"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"partition": "entropie"}, "entropy"),
        ({"critics": "mixer"}, "mixed"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        MirrorSettings(**wrong)


def test_baselines_keep_the_budget_and_switch_off_what_they_name() -> None:
    ours = MirrorSettings(lr=3e-4, iterations=7)
    budget = {"iterations", "prompts", "group", "epochs", "minibatches", "lr", "rank", "seed", "max_tokens"}
    names = {field.name for field in fields(MirrorSettings)}
    for name, changes in BASELINES.items():
        assert changes.keys() <= names - budget, name
        assert changes.items() - {key: getattr(ours, key) for key in changes}.items(), f"{name} changes nothing"
    grpo, dapo = baseline(ours, "single_agent_grpo"), baseline(ours, "dapo_clip_higher")
    assert (grpo.own, grpo.group_return, grpo.critics, grpo.alpha_high, grpo.alpha_low) == (
        1.0,
        "own",
        "none",
        0.0,
        0.0,
    )
    assert (dapo.clip_low, dapo.clip_high) == (0.2, 0.28)
    ppo = baseline(ours, "ppo_clip")
    assert (ppo.critics, ppo.group_weight, ppo.own) == ("value", 0.0, ours.own)
    alone = baseline(ours, "independent")
    assert (alone.critics, alone.own, alone.alpha_low) == ("own", 1.0, ours.alpha_low)
    cold = baseline(ours, "unregularised")
    assert (cold.critics, cold.alpha_high, cold.alpha_low) == ("mixed", 0.0, 0.0)
    assert baseline(ours, "homogeneous").partition == "homogeneous"
    assert baseline(ours, None) is ours
    with pytest.raises(UnknownName, match="ppo_clip"):
        baseline(ours, "ppo")

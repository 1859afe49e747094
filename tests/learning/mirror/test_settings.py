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
        ({"group": 0}, "group is 0"),
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
    assert (grpo.own, grpo.group_return, grpo.critics, grpo.regularised) == (1.0, "own", "none", False)
    assert (dapo.clip_low, dapo.clip_high) == (0.2, 0.28)
    ppo = baseline(ours, "ppo_clip")
    assert (ppo.critics, ppo.group_weight, ppo.own) == ("value", 0.0, ours.own)
    alone = baseline(ours, "independent")
    assert (alone.critics, alone.own, alone.regularised) == ("own", 1.0, True)
    assert not baseline(ours, "unregularised").regularised and baseline(ours, "unregularised").critics == "mixed"
    assert baseline(ours, "homogeneous").partition == "homogeneous"
    assert baseline(ours, None) is ours
    with pytest.raises(UnknownName, match="ppo_clip"):
        baseline(ours, "ppo")

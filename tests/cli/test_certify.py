from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.beliefs.controlling import ControlRules
from equipoise.learning.prompt_control import train
from equipoise.learning.prompt_control_settings import PromptControlSettings, Replay

PENNIES = {"name": "pennies", "kind": "normal_form", "payoffs": [[[9, 0], [0, 1]], [[0, 1], [1, 0]]], "tau": [1.5, 0.4]}
MATCH = {"name": "match", "kind": "normal_form", "payoffs": [[[1, 0], [0, 1]], [[1, 0], [0, 1]]], "tau": 0.4}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "pennies.json").write_text(json.dumps(PENNIES))
    (tmp_path / "many.json").write_text(json.dumps({"games": [PENNIES, MATCH]}))


def test_json_goes_alone_to_stdout_with_the_files_temperatures(files, in_process):
    code, out, _ = in_process("certify", "pennies.json", "--json")
    told = json.loads(out)
    assert code == 0 and told["certified"] is True
    assert told["criteria"]["small_gain"]["bound"] == pytest.approx(1.443375673, abs=1e-9)
    assert told["criteria"]["symmetrised"]["holds"] is True


def test_an_option_goes_before_the_file(files, in_process):
    words = ("certify", "many.json", "--entry", "match", "--json")
    assert json.loads(in_process(*words)[1])["certified"] is False
    assert json.loads(in_process(*words, "-t", "0.51")[1])["certified"] is True
    told = json.loads(in_process(*words, "-t", "0.6,0.3")[1])
    assert told["criteria"]["small_gain"]["least_temperatures"] == pytest.approx([0.5 * 2**0.5, 0.5 / 2**0.5])


def test_the_continuation_is_passed_on(in_process):
    words = ("certify", "library:two_state_markov", "-t", "0.7", "--json", "--continuation")
    bounds = [json.loads(in_process(*words, name)[1])["criteria"]["markov"]["bound"] for name in ("kl", "plain")]
    assert bounds[0] < bounds[1]


def test_the_table_says_the_verdict_and_what_would_certify(in_process, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = in_process("certify", "library:stag_hunt", "-t", "0.5")
    assert code == 0 and "Not certified" in out and "above 3 times" in out
    line = next(line for line in out.splitlines() if line.startswith("small_gain"))
    assert line.split()[1:] == ["no", "3", "1", "3", "[1.5,", "1.5]"]
    _, certified, _ = in_process("certify", "library:stag_hunt", "-t", "1.6")
    assert certified.startswith("Certified") and "1 − α(1 − g)" in certified


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("absent.json",), "cannot read 'absent.json'"),
        (("library:stag_hunt",), "Add --temperature"),
        (("library:stag_hunt", "-t", "-1"), "above 0"),
        (("library:stag_hunt", "-t", "1", "--continuation", "hard"), "kl, soft, plain"),
        (("library:stag_hut", "-t", "1"), "stag_hunt"),
        (("many.json",), "--entry"),
    ],
)
def test_what_cannot_be_used_is_named_and_ends_with_2(files, in_process, words, told):
    code, out, err = in_process("certify", *words)
    assert code == 2 and told in err and not out


def test_help_teaches(in_process):
    code, out, _ = in_process("certify", "--help")
    assert code == 0 and "equipoise certify library:" in out and "small_gain" in out and "None is necessary" in out


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a policy of three executors of unequal skill and cost."""
    rng = np.random.default_rng(1)
    right = rng.random((70, 3)) < [0.8, 0.7, 0.6]
    answers = np.where(right, 0, rng.integers(1, 4, right.shape)).astype(np.int16)
    ballots = Ballots(
        columns=("ann|cot", "bob|cot", "cyd|cot"),
        questions=np.array([f"question {i}" for i in range(70)], dtype=object),
        answers=answers,
        cost=np.tile([9.0, 5.0, 2.0], (70, 1)),
        correct=answers == 0,
        checks=None,
        asked=np.ones(answers.shape, dtype=bool),
    )
    folder = tmp_path_factory.mktemp("trained")
    replay = Replay(ballots=ballots, ids=tuple(map(str, range(70))))
    train(replay, PromptControlSettings(price=0.004, samples=2), folder / "cold")
    certified = ControlRules(settings=ControlSettings(schedule="certified"))
    train(replay, PromptControlSettings(price=0.004, samples=2, rules=certified), folder / "warm")
    blind = Replay(ballots=replace(ballots, correct=None), ids=replay.ids)
    train(blind, PromptControlSettings(price=0.004, samples=2), folder / "blind")
    return folder


def test_a_policy_is_certified_from_its_files_alone(trained, in_process):
    for name in ("warm", "cold"):
        told = json.loads((trained / name / "policy.json").read_text())
        code, out, _ = in_process("certify", str(trained / name), "--json")
        said = json.loads(out)
        state = said["states"][0]
        assert code == 0 and said["agrees"] is True and said["finding"] == told["diagnosis"]["finding"]
        assert state["margin"] == told["diagnosis"]["states"][0]["margin"]
        assert state["policy_apart"] < 1e-8
        bound = state["certification"]["criteria"]["paper_margin"]["bound"]
        assert bound == pytest.approx(state["margin"]["coupling"])
        assert said["certified"] is state["certification"]["certified"]
    assert json.loads(in_process("certify", str(trained / "warm"), "--json")[1])["certified"] is True


def test_the_table_of_a_policy_says_margin_coupling_and_certificates(trained, in_process, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    code, out, _ = in_process("certify", str(trained / "warm"))
    assert code == 0 and out.startswith("Margin μ = ")
    for line in ("coupling L_c", "coldest temperature", "τ / L_c", "small_gain", "The verdict is the same."):
        assert line in out
    assert re.search(r"policy kept +the equilibrium", out)


def test_a_policy_whose_arrays_were_exchanged_is_refused(trained, in_process, tmp_path):
    shutil.copytree(trained / "warm", tmp_path / "p")
    shutil.copy(trained / "cold" / "policy.safetensors", tmp_path / "p")
    code, out, err = in_process("certify", "p")
    assert (code, out) == (2, "") and "does not belong to policy.json" in err


def test_a_folder_that_cannot_be_certified_says_why(trained, in_process, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = in_process("certify", "empty")
    assert code == 2 and "there is no policy in 'empty'" in err
    code, _, err = in_process("certify", str(trained / "blind"))
    assert code == 2 and "learned without recorded answers and their labels" in err
    code, _, err = in_process("certify", str(trained / "warm"), "-t", "0.5")
    assert code == 2 and "has its own temperatures" in err

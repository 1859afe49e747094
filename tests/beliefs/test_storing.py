"""Policies on disk: what comes back plays bit for bit as what went in, and anything else is refused in one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from equipoise.beliefs.agreement import AgreementVote
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.cascading import learn_cascades
from equipoise.beliefs.controlling import ControlRules, learn_control
from equipoise.beliefs.dawid_skene import CoinVote, learn_dawid_skene
from equipoise.beliefs.placed import placed
from equipoise.beliefs.policy import Policy, run
from equipoise.beliefs.profile_vote import ProfileVote
from equipoise.beliefs.question_text import features
from equipoise.beliefs.routing import Router, learn_routers, regress
from equipoise.beliefs.signals import learn_signals
from equipoise.beliefs.stages import stages
from equipoise.beliefs.stopping import Cascade, EarlyVote
from equipoise.beliefs.storing import ARRAYS_FILE, JSON_FILE, KINDS, VERSION, load_policy, read_told, save_policy
from equipoise.beliefs.verifying import UntilPassed, learn_until_passed
from equipoise.beliefs.vote import Vote
from equipoise.beliefs.weighted_vote import TieBrokenVote, WeightedVote, learn_weighted_vote
from equipoise.errors import InputError, WriteError

COUNT = 300


@pytest.fixture(scope="module")
def taught() -> Ballots:
    """Nine columns of two agents' prompts, some of them copies, with costs, texts and checks."""
    rng = np.random.default_rng(7)
    said = np.where(rng.random((COUNT, 6)) < [0.5, 0.8, 0.75, 0.6, 0.55, 0.55], 0, rng.integers(1, 4, (COUNT, 6)))
    answers = said[:, [0, 0, 0, 0, 1, 2, 3, 4, 5]].astype(np.int16)
    answers[rng.random(answers.shape) < 0.1] = -1
    return Ballots(
        columns=tuple(f"agent {j // 3}|s{j}" for j in range(9)),
        questions=np.array([f"Is {'long ' * (i % 5)}number {i} prime?" for i in range(COUNT)], dtype=object),
        answers=answers,
        cost=rng.lognormal(3, 0.7, answers.shape),
        correct=answers == 0,
        checks=(answers == 0).astype(np.int8),
        asked=np.ones(answers.shape, dtype=bool),
    )


def informed(taught: Ballots) -> Policy:
    """A cascade that looks at signals, whether or not that pays here."""
    order, weights, signals = np.array([4, 2, 8, 5]), np.linspace(0.2, 2, 9), learn_signals(taught)
    learned = stages(taught, order, weights, signals)
    gains = np.random.default_rng(0).normal(size=(3, learned.terms(learned.belief()).shape[2]))
    return Cascade(order=order, weights=weights, belief=learned.belief(), gains=gains, price=0.1, signals=signals)


def rules(form: Any, taught: Ballots, **more: Any) -> Policy:
    return learn_control(taught, [None], ControlRules(form=form, verify=False, **more))[0]


def _sampled(taught: Ballots) -> Policy:
    mode = rules("simultaneous", taught, states=3)
    assert isinstance(mode, ProfileVote)
    called = np.random.default_rng(1).random((len(mode.edges) + 1, 5, 9)) < 0.4
    return replace(mode, called=called, chances=np.full(called.shape[:2], 0.2), seed=11)


def _by_text(taught: Ballots) -> Policy:
    assert taught.correct is not None
    by_text = regress(features(taught.questions), taught.correct)
    return Router(mean=by_text.mean, toll=np.linspace(0, 0.1, 9), by_text=by_text)


MAKERS: dict[str, tuple[type, Callable[[Ballots], Policy]]] = {
    "vote": (Vote, lambda taught: Vote()),
    "weighted": (WeightedVote, lambda taught: learn_weighted_vote(taught.only([0, 4, 7]))),
    "ties": (TieBrokenVote, lambda taught: learn_weighted_vote(taught.at(slice(0, 50)))),
    "stacking": (
        AgreementVote,
        lambda taught: AgreementVote(
            weights=np.linspace(0, 1, 9), pairs=np.triu(np.full((9, 9), 0.1), 1), log_unseen=-2
        ),
    ),
    "coins": (CoinVote, lambda taught: learn_dawid_skene(taught.only([3, 4, 5, 6, 7, 8]))),
    "early": (EarlyVote, lambda taught: EarlyVote()),
    "early, ties": (EarlyVote, lambda taught: learn_cascades(taught.at(slice(0, 50)), [None])[0]),
    "cascade": (Cascade, lambda taught: learn_cascades(taught, [None])[0]),
    "informed": (Cascade, informed),
    "one column": (Cascade, lambda taught: learn_cascades(taught.only([4]), [0.1])[0]),
    "two rounds": (KINDS["Rounds"], lambda taught: rules("two_rounds", taught)),
    "mode": (ProfileVote, lambda taught: rules("simultaneous", taught)),
    "sampled states": (ProfileVote, _sampled),
    "checked": (UntilPassed, lambda taught: learn_until_passed(taught, 0.01)),
    "unchecked": (UntilPassed, lambda taught: learn_until_passed(None, 0.0)),
    "router": (Router, lambda taught: learn_routers(taught, [1e-4])[0]),
    "router by text": (Router, _by_text),
}


@pytest.fixture(scope="module")
def policies(taught: Ballots) -> dict[str, Policy]:
    """One of every kind."""
    return {name: make(taught) for name, (_, make) in MAKERS.items()}


def kinds_in(value: Any) -> set[str]:
    """The names of a policy's class and of all dataclasses inside it."""
    if not is_dataclass(value):
        return set()
    return {type(value).__name__}.union(*(kinds_in(getattr(value, f.name)) for f in fields(value)))


@pytest.mark.parametrize("name", MAKERS)
def test_what_comes_back_plays_as_what_went_in(
    name: str, taught: Ballots, policies: dict[str, Policy], tmp_path: Path
) -> None:
    kind, policy = MAKERS[name][0], policies[name]
    assert type(policy) is kind
    save_policy(tmp_path / "p", policy, {"columns": list(taught.columns), "n": 3}, {"game": np.eye(2, 3)})
    again, told, arrays = load_policy(tmp_path / "p")
    assert type(again) is kind
    assert (told["columns"], told["n"], told["version"]) == (list(taught.columns), 3, VERSION)
    assert np.array_equal(arrays["game"], np.eye(2, 3)) and list(arrays) == ["game"]
    columns = {"weighted": [0, 4, 7], "coins": [3, 4, 5, 6, 7, 8], "one column": [4]}.get(name, range(9))
    held = taught.only(list(columns))
    before, after = run(policy, held), run(again, held)
    for field in fields(before):
        assert np.array_equal(getattr(before, field.name), getattr(after, field.name))
    some = held.seen(np.random.default_rng(2).random(held.asked.shape) < 0.0)
    assert np.array_equal(policy.ask(some), again.ask(some))


def test_every_kind_was_tried(policies: dict[str, Policy]) -> None:
    assert set().union(*map(kinds_in, policies.values())) == set(KINDS)


@pytest.mark.parametrize("form", ["one_at_a_time", "two_rounds", "simultaneous"])
def test_whatever_is_learned_can_be_saved(form: Any, taught: Ballots, tmp_path: Path) -> None:
    few = taught.only([0, 4, 7])
    trains = [few, replace(few, correct=None), few.at(slice(0, 40)), None, few.only([1])]
    for verify in (True, False):
        for train in trains:
            (policy,) = learn_control(train, [None], ControlRules(form=form, verify=verify))
            save_policy(tmp_path, policy, {}, {})
            assert type(load_policy(tmp_path)[0]) is type(policy)


@pytest.fixture
def folder(taught: Ballots, policies: dict[str, Policy], tmp_path: Path) -> Path:
    save_policy(tmp_path / "p", policies["informed"], {"columns": list(taught.columns)}, {})
    return tmp_path / "p"


def refused(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_policy(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_files_say_how_to_make_them(folder: Path, tmp_path: Path) -> None:
    assert "equipoise train prompt-control" in refused(tmp_path / "nowhere")
    (folder / ARRAYS_FILE).unlink()
    assert ARRAYS_FILE in refused(folder)
    file = tmp_path / "file"
    file.write_text("x")
    assert "cannot be read" in refused(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"version": 99}', b"{}", b'{"version": 1}', b"7", b'"policy"'],
)
def test_damaged_and_foreign_json_is_refused(folder: Path, content: bytes) -> None:
    (folder / JSON_FILE).write_bytes(content)
    refused(folder)


def test_any_damage_to_the_arrays_is_noticed(folder: Path) -> None:
    data = bytearray((folder / ARRAYS_FILE).read_bytes())
    for content in (b"", bytes(data[:-8]), bytes(data[:-1]) + bytes([data[-1] ^ 1]), pickle.dumps({"a": 1})):
        (folder / ARRAYS_FILE).write_bytes(content)
        assert "does not belong" in refused(folder)


def test_an_edited_policy_is_refused(folder: Path) -> None:
    said = json.loads((folder / JSON_FILE).read_text())
    for change in ({"columns": []}, {"policy": said["policy"] | {"price": 9.0}}, {"policy": None}, {"sha256": 3}):
        (folder / JSON_FILE).write_text(json.dumps(said | change))
        refused(folder)
    (folder / JSON_FILE).write_text(json.dumps(said, separators=(",", ":")))  # the same, written in another way
    load_policy(folder)


def forged(folder: Path, policy: Any) -> None:
    """Writes a policy file whose digest is right, as an attacker could."""
    said = json.loads((folder / JSON_FILE).read_text()) | {"policy": policy}
    del said["sha256"]
    data = (folder / ARRAYS_FILE).read_bytes()
    digest = sha256(json.dumps(said, sort_keys=True).encode() + b"\n" + data).hexdigest()
    (folder / JSON_FILE).write_text(json.dumps(said | {"sha256": digest}))


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "Path", "args": ["x"]},
        {"kind": "os.system"},
        {"kind": "Placed"},
        {"kind": ["Vote"]},
        {"kind": None},
        {},
        {"kind": "Cascade"},
        {"kind": "UntilPassed", "order": None, "fallback": {"kind": "subprocess.Popen", "args": "x"}},
        {"kind": "WeightedVote", "weights": {"array": "no such array"}, "log_unseen": 0.0},
        {"kind": "Belief", "centre": 1, "scale": 1, "slopes": 1, "intercepts": 1},
        {"tuple": [1, 2]},
        [1],
        "Vote",
        None,
    ],
)
def test_only_known_kinds_are_made_and_only_policies_are_returned(folder: Path, policy: Any) -> None:
    forged(folder, policy)
    refused(folder)
    forged(folder, {"kind": "Vote"})  # the forgery itself is sound
    assert isinstance(load_policy(folder)[0], Vote)


def test_nothing_is_pickled_and_arrays_are_plain(folder: Path) -> None:
    data = (folder / ARRAYS_FILE).read_bytes()
    assert all(array.dtype != object for array in load(data).values())
    assert sorted(file.name for file in folder.iterdir()) == sorted([JSON_FILE, ARRAYS_FILE])
    source = Path(__import__("equipoise.beliefs.storing", fromlist=["x"]).__file__).read_text()
    assert "import pickle" not in source and "eval(" not in source


def test_a_policy_replaces_an_older_one_and_saving_twice_writes_the_same(folder: Path, taught: Ballots) -> None:
    save_policy(folder, Vote(), {}, {})
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert isinstance(load_policy(folder)[0], Vote)
    save_policy(folder, Vote(), {}, {})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == first


def test_what_has_no_place_in_a_file_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="Placed"):
        save_policy(tmp_path / "p", placed(Vote(), [0]), {}, {})
    assert not (tmp_path / "p").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="Name another folder"):
        save_policy(tmp_path / "file" / "p", Vote(), {}, {})


def test_what_was_told_can_be_read_without_the_arrays(folder: Path, taught: Ballots) -> None:
    (folder / ARRAYS_FILE).unlink()
    assert read_told(folder)["columns"] == list(taught.columns)

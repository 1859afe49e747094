"""Learning prompt control: what is written can be derived again, fall-backs are said, and judging does not leak."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equipoise.analysis.calibration import equal_mass_bins
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_diagnosis import diagnose
from equipoise.beliefs.control_players import by_column
from equipoise.beliefs.controlling import ControlRules, Form, learn_control, players_of, settle
from equipoise.beliefs.policy import run
from equipoise.beliefs.storing import load_policy, load_told
from equipoise.errors import InputError
from equipoise.frontier.splits import permuted
from equipoise.learning.prompt_control import train
from equipoise.learning.prompt_control_judging import FOLDS, fall_backs, held_out
from equipoise.learning.prompt_control_settings import PromptControlSettings, Replay
from equipoise.learning.prompt_control_telling import UPDATES, Update, course, described
from equipoise.team.problem import digest

NAMES = ("ann|cot", "ann|direct", "bob|cot", "bob|direct")
COST = (40.0, 5.0, 25.0, 4.0)


@pytest.fixture
def team(recorded: Callable[..., Ballots]) -> Callable[..., Ballots]:
    """Two executors of two prompts each, of unequal skill and cost."""

    def made(count: int = 160, seed: int = 0) -> Ballots:
        rng = np.random.default_rng(seed)
        right = rng.random((count, 4)) < [0.85, 0.6, 0.75, 0.7]
        return recorded(np.where(right, 0, rng.integers(1, 4, right.shape)), COST, NAMES)

    return made


def replay(ballots: Ballots) -> Replay:
    return Replay(ballots=ballots, ids=tuple(f"id {i}" for i in range(len(ballots))), data={"name": "made"})


def solved(ballots: Ballots, rules: ControlRules | None = None, price: float = 0.001) -> Any:
    found = settle(ballots, price, rules or ControlRules())
    assert found is not None
    return found


@pytest.mark.parametrize("form", ["one_at_a_time", "two_rounds", "simultaneous"])
def test_what_is_written_is_the_policy_and_the_game(team: Any, tmp_path: Path, form: Form) -> None:
    ballots = team()
    rules = ControlRules(form=form)
    settings = PromptControlSettings(rules=rules, price=0.001, samples=2)
    told = train(replay(ballots), settings, tmp_path / "p", config={"skip": 3})
    policy, kept, _ = load_policy(tmp_path / "p")
    assert {key: kept[key] for key in told} == json.loads(json.dumps(told))
    assert told["learned_from"] == sorted(digest(f"id {i}") for i in range(160))
    assert told["config"]["skip"] == 3 and told["config"]["rules"]["form"] == form and told["price"] == 0.001
    (again,) = learn_control(ballots, [0.001], rules)
    one, other = run(policy, ballots), run(again, ballots)
    assert (one.asked == other.asked).all() and one.belief == pytest.approx(other.belief)


def test_held_out_questions_are_played_by_who_did_not_see_them(team: Any) -> None:
    ballots = team(400)
    judged = held_out(ballots, 0.001, ControlRules())
    assert judged is not None and judged.calibration is not None
    assert judged.questions == 400 == judged.vs_vote.questions and 1.0 <= judged.asked <= 4.0
    alone = float(ballots.correct[:, 0].mean())
    assert judged.single.accuracy.mean == pytest.approx(alone, abs=1e-12) and judged.single.cost == 40.0
    assert judged.vote.cost == pytest.approx(sum(COST))
    gained = judged.control.accuracy.mean - judged.vote.accuracy.mean
    assert judged.vs_vote.interval.mean == pytest.approx(gained)
    # Labels that mean nothing earn nothing where nothing leaks: below the share of right answers of the best column.
    noise = permuted(ballots, np.random.default_rng(0))
    blind = held_out(noise, 0.001, ControlRules())
    assert blind is not None and blind.control.accuracy.mean < float(noise.correct.mean(axis=0).max()) + 0.05


def test_the_calibration_is_that_of_the_belief_at_the_stop(team: Any) -> None:
    ballots = team(300)
    judged = held_out(ballots, 0.001, ControlRules(form="two_rounds"))
    assert judged is not None and judged.calibration is not None
    part = np.random.default_rng(0).permutation(300) % FOLDS
    belief, right = np.zeros(300), np.zeros(300)
    for fold in range(FOLDS):
        held = ballots.at(part == fold)
        (policy,) = learn_control(ballots.at(part != fold), [0.001], ControlRules(form="two_rounds"))
        played = run(policy, held)
        belief[part == fold] = played.belief
        right[part == fold] = held.correct[np.arange(len(held)), played.chosen.argmax(axis=1)]
    bins = equal_mass_bins(belief, 10)
    ece = sum(abs((right - belief)[bins == b].sum()) for b in range(bins.max() + 1)) / 300
    assert judged.calibration.ece.mean == pytest.approx(ece)


def test_without_labels_or_with_few_questions_nothing_is_judged(team: Any) -> None:
    assert held_out(replace(team(), correct=None), 0.001, ControlRules()) is None
    assert held_out(team(2 * FOLDS - 1), 0.001, ControlRules()) is None


def test_fall_backs_are_said_and_only_where_there_are_any(team: Any, recorded: Any) -> None:
    def said(ballots: Ballots, form: Form = "one_at_a_time") -> str:
        return " ".join(fall_backs(ballots, players_of(ballots.columns), ControlRules(form=form)))

    ballots = team()
    assert said(ballots) == ""
    assert "40 labelled questions are fewer than 60" in said(ballots.at(range(40)))
    unlabelled = replace(ballots, correct=None)
    assert "nobody says who was right" in said(unlabelled) and "One column after another" in said(unlabelled)
    assert "by agreement alone" in said(unlabelled, "simultaneous")
    wrong = replace(ballots, correct=np.random.default_rng(0).random((160, 4)) < 0.5)
    assert "contradict the answers" in said(wrong)
    assert "one executor only" in said(ballots.only([0, 1])) and "one column only, ann|cot" in said(ballots.only([0]))
    assert "All columns give the same answers" in said(recorded([[0, 0], [1, 1]] * 40, [1, 2], ("a|x", "b|x")))
    silent = recorded([[0, -1], [1, -1]] * 40, [1, 2], ("a|x", "b|x"))
    assert "b|x never gave an answer" in said(silent) and "All columns" not in said(silent)


@pytest.mark.parametrize("form", ["one_at_a_time", "two_rounds", "simultaneous"])
@pytest.mark.parametrize("what", ["unlabelled", "few", "one column", "one executor", "alike", "silent"])
def test_what_is_missing_never_stops_it(team: Any, recorded: Any, tmp_path: Path, what: str, form: Form) -> None:
    ballots = {
        "unlabelled": lambda: replace(team(), correct=None),
        "few": lambda: team(12),
        "one column": lambda: team().only([2]),
        "one executor": lambda: team().only([0, 1]),
        "alike": lambda: recorded([[0, 0, 0], [1, 1, 1]] * 40, [3, 1, 2], ("a|x", "b|x", "c|x")),
        "silent": lambda: recorded([[0, -1, 0], [1, -1, 0]] * 40, [3, 1, 2], ("a|x", "b|x", "c|x")),
    }[what]()
    settings = PromptControlSettings(rules=ControlRules(form=form), samples=2)
    told = train(replay(ballots), settings, tmp_path / "p")
    policy, _, _ = load_policy(tmp_path / "p")
    assert run(policy, ballots).asked.any() and told["notices"]
    assert (told["diagnosis"] is None) == (what == "unlabelled")
    json.dumps(told, allow_nan=False)


def test_a_team_too_large_for_a_tensor_has_no_course(recorded: Any) -> None:
    rng = np.random.default_rng(2)
    right = rng.random((70, 14)) < np.linspace(0.5, 0.8, 14)
    names = tuple(f"agent {i}|cot" for i in range(14))
    ballots = recorded(np.where(right, 0, 1), np.arange(1.0, 15.0), names)
    found = solved(ballots, price=0.005)
    few = settle(ballots.only([0, 5, 9]), 0.005, ControlRules())
    assert found.game.tensor is None and few is not None
    assert course(found, diagnose(few, samples=0)) == []


def test_a_course_begins_uniform_and_ends_at_the_equilibrium(team: Any) -> None:
    found = solved(team())
    diagnosis = diagnose(found, samples=0)
    way = course(found, diagnosis)
    assert len(way) == UPDATES + 1 and way[0].entropy == pytest.approx(1.0)
    tensor = found.game.tensor[0]
    assert way[0].reward == pytest.approx(float(tensor.mean()))
    spread = [tensor.mean(axis=1), tensor.mean(axis=0)]
    assert way[0].abr == pytest.approx(float(np.mean([q.max() - q.mean() for q in spread])))
    # Damped: what is left of the start after 60 updates is small beside how far the start was.
    for at, end in (("abr", "abr"), ("entropy", "entropy"), ("reward", "reward_sample")):
        begun, left = (abs(getattr(way[k], at) - getattr(diagnosis.states[0], end)) for k in (0, -1))
        assert left < 0.02 * begun
    assert {update.margin for update in way} == {diagnosis.mu}


def test_progress_hears_of_every_update(team: Any, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []

    def hear(update: Update, total: int) -> None:
        heard.append((update.update, total))

    train(replay(team()), PromptControlSettings(samples=2), tmp_path / "p", progress=hear)
    assert heard == [(k, UPDATES) for k in range(UPDATES + 1)]


def test_a_policy_is_told_by_the_names_of_whom_it_asks(team: Any) -> None:
    ballots = team(300)
    for form in ("one_at_a_time", "two_rounds", "simultaneous"):
        (policy,) = learn_control(ballots, [0.001], ControlRules(form=form))
        told = described(policy, NAMES)
        first = policy.ask(ballots.seen(ballots.asked & False))[0]
        assert set(told["rounds"][0]) == {name for name, on in zip(NAMES, first, strict=True) if on}
        named = {name for part in told["rounds"] for name in part}
        asked = run(policy, ballots).asked.any(axis=0)
        assert {name for name, on in zip(NAMES, asked, strict=True) if on} <= named


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="plays rounds"):
        PromptControlSettings(mode="bandit")
    with pytest.raises(InputError, match="price"):
        PromptControlSettings(price=float("nan"))
    with pytest.raises(InputError, match="--mode bandit"):
        PromptControlSettings(fixed=True)


def test_a_bandit_needs_labels_and_keeps_its_network_beside(team: Any, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    rules = ControlRules(form="two_rounds")
    settings = PromptControlSettings(mode="bandit", rules=rules, iterations=3, fewest=3, price=0.001, samples=2)
    with pytest.raises(InputError, match="labels"):
        train(replay(replace(team(), correct=None)), settings, tmp_path / "none")
    told = train(replay(team()), settings, tmp_path / "p")
    assert [update["update"] for update in told["course"]] == [1, 2, 3] and told["bandit"]["stopped"] in (
        "regret",
        "iterations",
    )
    assert told["course"][0]["margin"] == pytest.approx(told["diagnosis"]["mu"])
    kept, _ = load_told(tmp_path / "p")
    assert kept["policy"] is None and (tmp_path / "p" / "policy" / "checkpoint.json").is_file()
    with pytest.raises(InputError, match="no policy"):
        load_policy(tmp_path / "p")


def test_a_real_team_is_cheaper_than_its_vote_and_knows_when_it_is_right(shared_data: Path, tmp_path: Path) -> None:
    from equipoise.frontier.pool import pool_of

    pools = json.loads((shared_data / "pools.json").read_text(encoding="utf-8"))["gsm_mid5"]
    pool = pool_of(shared_data / "recorded" / pools["recording"], pools["columns"])
    taught = Replay(ballots=pool.ballots.at(range(240)), ids=pool.qids[:240])
    told = train(taught, PromptControlSettings(samples=5), tmp_path / "p")
    judged = told["held_out"]
    assert judged["control"]["cost"] < 0.65 * judged["vote"]["cost"]
    control, vote, single = (
        judged[who]["accuracy"]["mean"] - told["price"] * judged[who]["cost"] for who in ("control", "vote", "single")
    )
    assert control > vote and control > single - 0.02
    assert judged["calibration"]["ece"]["mean"] < 0.06
    assert players_of(pool.ballots.columns) != by_column(pool.ballots.columns) and told["notices"] == []

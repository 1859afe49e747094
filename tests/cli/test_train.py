"""`equipoise train` as a user meets it: a policy from a recording, from a team that is asked, resumed and refused."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path
from random import Random

import pytest

from equipoise import models, plugins
from equipoise.beliefs.storing import load_policy
from equipoise.cli import training
from equipoise.cli.reading import split_columns
from equipoise.errors import InputError
from equipoise.evaluation import recorder
from equipoise.frontier.pool import pool_of
from equipoise.methods._trained import load_trained
from equipoise.recordings import Row, read, write
from equipoise.team.problem import digest

SKILL = {"ann": (0.85, 40), "bob": (0.75, 15), "cyd": (0.6, 5)}
COUNT = 90


def row(number: int, agent: str, key: str | None, tokens: int, strategy: str = "direct") -> Row:
    return Row(
        benchmark="numbers",
        qid=f"q{number}",
        question=f"Which number is {number}?",
        gold=str(number),
        agent=agent,
        strategy=strategy,
        sample=0,
        response=f"Answer: {key}",
        answer=key,
        key=key,
        correct=key == str(number),
        out_tokens=tokens,
    )


def rows(count: int = COUNT) -> list[Row]:
    """What three agents of different skill and cost answered."""
    rng = Random(5)
    made = []
    for number in range(count):
        for agent, (skill, tokens) in SKILL.items():
            key = number if rng.random() < skill else number + rng.choice([100, 200, 300])
            made.append(row(number, agent, str(key), tokens))
    return made


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    write(tmp_path / "r.jsonl.gz", rows())
    return tmp_path / "r.jsonl.gz"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A team of two replays with two strategies each, its questions, and what it answers with."""
    rng, source = Random(3), []
    for number in range(24):
        for agent, skill in (("a", 0.9), ("b", 0.6)):
            for strategy in ("cot", "direct"):
                key = number if rng.random() < skill else number + 50
                source.append(row(number, agent, str(key), 3 if strategy == "direct" else 9, strategy))
    write(tmp_path / "source.jsonl.gz", source)
    executors = "".join(
        f'[[executor]]\nname = "{name}"\nmodel = "replay/{agent}"\nmodel_args = {{ recording = "source.jsonl.gz" }}\n'
        for name, agent in (("first", "a"), ("second", "b"))
    )
    controls = '[controls]\nstrategies = ["cot", "direct"]\n[strategies]\ncot = "Think."\n'
    (tmp_path / "team.toml").write_text(executors + controls, encoding="utf-8")
    questions = [{"id": f"q{i}", "question": f"Which number is {i}?", "answer": str(i)} for i in range(24)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, questions)), encoding="utf-8")
    return tmp_path / "team.toml"


TRAIN = ("train", "prompt-control")
LIVE = (*TRAIN, "gsm8k", "--data", "data.jsonl", "--team", "team.toml", "--out", "p")


def test_the_trainers_are_the_files_of_the_folder(in_process, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = in_process("train", "--help")
    assert code == 0
    for name in plugins.names(training):
        assert re.search(rf"^. {name.replace('_', '-')} ", out, re.MULTILINE)


def test_a_recording_becomes_a_policy_with_a_report(recording, in_process):
    code, out, err = in_process(*TRAIN, "r.jsonl.gz", "--out", "p", "--json")
    told = json.loads(out)
    folder = recording.parent / "p"
    assert code == 0
    assert told["columns"] == ["ann|direct", "bob|direct", "cyd|direct"] and told["notices"] == []
    assert (told["data"]["questions"], told["data"]["name"]) == (COUNT, "r.jsonl.gz")
    assert told["learned_from"] == sorted(digest(f"q{i}") for i in range(COUNT))
    assert told["config"]["rules"]["form"] == "one_at_a_time" and told["config"]["price"] is None
    assert re.search(r"^update 1: reward [\d.]+, margin -?[\d.]+, ABR [\d.]+, entropy [\d.]+$", err, re.MULTILINE)
    kept = json.loads((folder / "policy.json").read_text())
    assert kept["diagnosis"] == told["diagnosis"] and kept["price"] == told["price"] > 0
    assert "Whom does it call" in (folder / "report.html").read_text()
    trained = load_trained(folder)
    assert trained.columns == tuple(told["columns"])


def test_what_is_shown_is_the_verdict_the_order_and_what_it_earns(recording, in_process):
    code, out, _ = in_process(*TRAIN, "r.jsonl.gz", "--out", "p")
    assert code == 0
    assert "Margin μ = " in out and " → " in out and "plain vote of all: " in out
    assert out.splitlines()[-1].endswith('"dice_pc(policy=p)"')


def test_limit_skip_and_columns_choose_what_is_learned_from(recording, in_process):
    words = ("--skip", "10", "--limit", "70", "--columns", "bob|direct, ann|direct")
    code, out, _ = in_process(*TRAIN, "r.jsonl.gz", "--out", "p", *words, "--json")
    told = json.loads(out)
    assert code == 0 and told["columns"] == ["bob|direct", "ann|direct"]
    assert told["learned_from"] == sorted(digest(f"q{i}") for i in range(10, 80))


@pytest.mark.parametrize("form", ["two_rounds", "simultaneous"])
def test_every_form_is_kept_and_loaded(recording, in_process, form):
    code, out, _ = in_process(*TRAIN, "r.jsonl.gz", "--out", "p", "--form", form, "--price", "0.001", "--json")
    told = json.loads(out)
    assert code == 0 and told["price"] == 0.001
    policy, _, _ = load_policy(recording.parent / "p")
    assert type(policy).__name__ == told["plays"]["kind"] == {"two_rounds": "Rounds"}.get(form, "ProfileVote")
    if form == "simultaneous":
        called = {name for part in told["plays"]["rounds"] for name in part}
        ballots = pool_of(recording).ballots
        wanted = policy.ask(ballots.seen(ballots.asked & False))
        assert called == {name for name, on in zip(ballots.columns, wanted[0], strict=True) if on}


def test_a_task_is_asked_once_under_every_control_and_never_again(team, in_process):
    code, out, err = in_process(*LIVE, "--limit", "20", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["columns"] == ["first|cot", "first|direct", "second|cot", "second|direct"]
    assert len(read(team.parent / "p" / "replay.jsonl.gz")) == 20 * 4
    assert "80 of 80 calls" in err
    assert told["learned_from"] == sorted(digest(f"q{i}") for i in range(20))
    assert any("20 labelled questions are fewer than 60" in notice for notice in told["notices"])
    code, again, err = in_process(*LIVE, "--limit", "20", "--json")
    assert code == 0 and "80 of 80 calls are there already" in err
    assert json.loads(again) == told
    fewer = json.loads(in_process(*LIVE, "--limit", "12", "--json")[1])
    assert fewer["learned_from"] == sorted(digest(f"q{i}") for i in range(12))


def test_what_was_stopped_while_asking_goes_on_and_learns_the_same(team, in_process, monkeypatch):
    whole = json.loads(in_process(*LIVE, "--json")[1])
    shutil.rmtree(team.parent / "p")
    real, asked = recorder._Recorder._ask, []

    async def ask(self, call):
        asked.append(call)
        if len(asked) == 60:
            signal.raise_signal(signal.SIGINT)  # as Ctrl-C does
        return await real(self, call)

    with monkeypatch.context() as broken:
        broken.setattr(recorder._Recorder, "_ask", ask)
        code, out, err = in_process(*LIVE, "--json")
    assert (code, out) == (130, "") and "the same command goes on from there" in err
    held = len(read(team.parent / "p" / "replay.jsonl.gz"))
    assert 0 < held < 96
    code, out, err = in_process(*LIVE, "--json")
    assert code == 0 and f"{held} of 96 calls are there already" in err
    told = json.loads(out)
    assert told["learned_from"] == whole["learned_from"] and told["plays"] == whole["plays"]
    assert told["equilibrium"] == whole["equilibrium"] and told["held_out"] == whole["held_out"]


def test_a_control_that_always_fails_is_left_out_and_named(team, in_process):
    source = team.parent / "source.jsonl.gz"
    write(team.parent / "kept.jsonl.gz", [r for r in read(source) if (r.agent, r.strategy) != ("b", "cot")])
    (team.parent / "kept.jsonl.gz").replace(source)
    code, out, err = in_process(*LIVE, "--json")
    told = json.loads(out)
    assert code == 0 and told["columns"] == ["first|cot", "first|direct", "second|direct"]
    assert any("second|cot answered 0 of 24 questions, so it is left out." in notice for notice in told["notices"])
    assert "calls failed, and are learned without" in err


def test_a_column_that_the_team_lacks_is_refused_before_anybody_is_asked(team, in_process):
    code, _, err = in_process(*LIVE, "--columns", "first|cot,first|sung")
    assert code == 2 and "no column of the team 'first|sung'" in err and not (team.parent / "p").exists()
    told = json.loads(in_process(*LIVE, "--columns", "second|direct,first|cot", "--json")[1])
    assert told["columns"] == ["second|direct", "first|cot"]


def test_one_column_alone_is_a_policy_that_says_so(recording, in_process):
    code, out, _ = in_process(*TRAIN, "r.jsonl.gz", "--columns", "ann|direct", "--out", "p", "--json")
    told = json.loads(out)
    assert code == 0 and told["plays"]["rounds"] == [["ann|direct"]]
    assert any(notice.startswith("There is one column only, ann|direct") for notice in told["notices"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.jsonl.gz",), "nowhere.jsonl.gz"),
        (("r.jsonl.gz", "--columns", "ann|sung,bob|direct"), "no recorded column 'ann|sung'"),
        (("r.jsonl.gz", "--columns", "ann"), "'ann' is no column"),
        (("r.jsonl.gz", "--skip", "90"), "skip=90 leaves none"),
        (("r.jsonl.gz", "--price", "-1"), "the price is -1.0"),
        (("r.jsonl.gz", "--temperature", "0"), "temperature is 0.0"),
        (("r.jsonl.gz", "--mode", "bandit", "--form", "one_at_a_time"), "--form simultaneous asks once"),
        (("r.jsonl.gz", "--fixed"), "--fixed belongs to --mode bandit"),
        (("r.jsonl.gz", "--data", "d.jsonl"), "belong to a task"),
        (("gsm8k", "--live"), "--live belongs to --mode bandit"),
        (("gsm8k", "--live", "--mode", "bandit"), "needs a team to ask: --team team.toml"),
        (("gsm8k",), "needs a team to ask: --team team.toml"),
        (("gsm9k", "--team", "small.toml"), "no task 'gsm9k'. Did you mean 'gsm8k'?"),
        (("gsm8k", "--team", "nowhere.toml"), "no team file 'nowhere.toml'"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line_and_exit_code_2(recording, in_process, words, told):
    (recording.parent / "small.toml").write_text('[[executor]]\nname = "x"\nmodel = "mockllm/x"\n', encoding="utf-8")
    code, out, err = in_process(*TRAIN, *words, "--out", "p")
    assert (code, out) == (2, "") and told in err and err.count("Error:") == 1
    assert not (recording.parent / "p").exists()


def test_a_file_is_no_folder(recording, in_process):
    code, _, err = in_process(*TRAIN, "r.jsonl.gz", "--out", "r.jsonl.gz")
    assert code == 2 and "'r.jsonl.gz' is a file, and a policy is a folder" in err


@pytest.mark.parametrize("mode", ["replay", "bandit"])
def test_a_folder_that_cannot_be_made_is_told_before_learning(recording, in_process, mode):
    code, out, err = in_process(*TRAIN, "r.jsonl.gz", "--mode", mode, "--out", "r.jsonl.gz/p")
    assert (code, out) == (1, "") and "cannot make the folder 'r.jsonl.gz/p'" in err and "update" not in err


def test_columns_are_split_at_commas():
    assert split_columns(" a|b , c|d@0.7 ") == ["a|b", "c|d@0.7"] and split_columns(None) is None


BANDIT = ("r.jsonl.gz", "--mode", "bandit", "--iterations", "12", "--price", "0.001", "--out")


def test_a_bandit_that_was_stopped_ends_where_it_would_have(recording, in_process, monkeypatch):
    pytest.importorskip("torch")
    from equipoise.learning import prompt_control_bandit

    code, out, err = in_process(*TRAIN, *BANDIT, "whole", "--json")
    whole = json.loads(out)
    assert code == 0 and whole["plays"]["kind"] == "BanditPolicy" and len(whole["course"]) == 12
    assert "12 of 12 iterations, reward " in err
    real = prompt_control_bandit._update

    def update(iteration):
        if iteration.iteration == 5:
            signal.raise_signal(signal.SIGINT)
        return real(iteration)

    with monkeypatch.context() as stopped:
        stopped.setattr(prompt_control_bandit, "_update", update)
        code, out, err = in_process(*TRAIN, *BANDIT, "stopped", "--json")
    assert (code, out) == (130, "") and "The same command goes on from what is in 'stopped'." in err
    assert not (recording.parent / "stopped" / "policy.json").exists()
    code, out, err = in_process(*TRAIN, *BANDIT, "stopped", "--json")
    told = json.loads(out)
    assert code == 0 and told["course"] == whole["course"] and told["plays"] == whole["plays"]
    assert "5 of 12 iterations are there already" in err
    code, _, err = in_process(*TRAIN, *BANDIT, "stopped", "--seed", "4")
    assert code == 2 and "was begun otherwise" in err
    for folder in ("stopped", "stopped/policy"):
        trained = load_trained(recording.parent / folder)
        ballots = pool_of(recording).ballots
        first = trained.for_columns(trained.columns).ask(ballots.seen(ballots.asked & False))
        assert [n for n, on in zip(trained.columns, first[0], strict=True) if on] == told["plays"]["rounds"][0]
        with pytest.raises(InputError, match="learned from"):
            trained.refuse("q3")


def test_a_bandit_asks_a_live_team_and_says_that_it_knows_no_game(team, in_process):
    pytest.importorskip("torch")
    words = (*LIVE, "--limit", "6", "--mode", "bandit", "--live", "--iterations", "3")
    code, out, err = in_process(*words, "--json")
    told = json.loads(out)
    assert code == 0 and len(told["course"]) == 3 and "3 of 3 iterations, reward " in err
    assert told["columns"] == ["first|cot", "first|direct", "second|cot", "second|direct"]
    assert told["learned_from"] == sorted(digest(f"q{i}") for i in range(6))
    assert any("Learned from live play" in notice for notice in told["notices"]) and told["game"] is None
    assert not (team.parent / "p" / "replay.jsonl.gz").exists()
    assert load_trained(team.parent / "p").columns == tuple(told["columns"])
    code, _, err = in_process("certify", "p")
    assert code == 2 and "learned without recorded answers" in err
    code, again, err = in_process(*words, "--json")
    assert code == 0 and json.loads(again) == told


def test_the_embedded_team_is_taught_live_and_plays_what_it_learned(tmp_path, in_process):
    pytest.importorskip("torch")
    text = (Path(models.__file__ or "").parent / "embedded_team.toml").read_text(encoding="utf-8")
    small = text.replace('"step_by_step", "direct", "decompose", "verify"]\nsampling', '"direct", "verify"]\nsampling')
    small = re.sub(
        r"^strategies = \[.*verify.*step_by_step.*\]\n|^strategies = \[.*decompose.*\]\n", "", small, flags=re.M
    )
    (tmp_path / "team.toml").write_text(small, encoding="utf-8")
    task = ("embedded", "--task-arg", "families=arithmetic", "--task-arg", "n_per_family=12")
    code, out, _ = in_process(*TRAIN, *task, "--team", "team.toml", "--limit", "8", "--out", "p", "--json")
    told = json.loads(out)
    assert code == 0 and told["data"]["questions"] == 8
    assert set(told["columns"]) == {f"{n}|{s}" for n in ("abacus", "mason", "sage") for s in ("direct", "verify")}
    words = ("eval", *task, "--team", "team.toml", "--methods", "dice_pc(policy='p')", "--out", "run", "--json")
    code, out, err = in_process(*words, "--skip", "8")
    assert code == 0, err
    code, _, err = in_process(*words[:-3], "--out", "again", "--limit", "2")
    assert code != 0 and "learned from" in err

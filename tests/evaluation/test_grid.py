from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from equipoise.errors import InputError, ModelCallError, UnknownName
from equipoise.evaluation.grid import Finished, evaluate, raise_if_nothing_answered
from equipoise.evaluation.results import read
from equipoise.evaluation.settings import Connection, Grid, TaskSpec
from equipoise.methods.method import parse
from equipoise.team.team import Team

FAST = Connection(max_retries=0, timeout_s=5)


def grid(team: Team, data: Path, methods: str = "majority_vote", **settings: int) -> Grid:
    task = TaskSpec(name="gsm8k", args={"data": str(data)})
    return Grid(tasks=(task,), team=team, methods=tuple(map(parse, methods.split())), **settings)


def test_every_method_and_seed_is_played_and_costs_are_counted(endpoint, team, data, tmp_path):
    heard = []
    totals = []
    done = evaluate(
        grid(team, data, "single majority_vote", seeds=2, limit=3),
        tmp_path / "out",
        connection=FAST,
        begin=lambda total: totals.append(total) or heard.append,
    )
    assert (done.total, done.failed) == (18, 0)
    assert totals == [18] and heard == [True] * 18
    rows = read(tmp_path / "out").rows
    assert Counter(row.method for row in rows) == {
        "single(executor='ann')": 6,
        "single(executor='bob')": 6,
        "majority_vote": 6,
    }
    vote = next(row for row in rows if row.method == "majority_vote")
    assert (vote.outcome, vote.calls, vote.input_tokens, vote.output_tokens) == ("correct", 2, 40, 10)
    assert vote.cost_usd == pytest.approx(20e-6)
    assert {row.seed for row in rows} == {1, 2}


def test_a_second_run_asks_nothing_and_another_setting_is_refused(endpoint, team, data, tmp_path):
    evaluate(grid(team, data, limit=2), tmp_path / "out", connection=FAST)
    asked = len(endpoint.asked)
    evaluate(grid(team, data, limit=2), tmp_path / "out", connection=FAST)
    assert len(endpoint.asked) == asked == 4
    with pytest.raises(InputError, match=r"other settings: limit was 2, now 3\. Repeat them"):
        evaluate(grid(team, data, limit=3), tmp_path / "out", connection=FAST)


def test_the_same_file_name_with_other_questions_is_another_evaluation(endpoint, team, data, tmp_path):
    evaluate(grid(team, data, limit=1), tmp_path / "out", connection=FAST)
    data.write_text(data.read_text().replace("What is", "Tell me"), encoding="utf-8")
    with pytest.raises(InputError, match="tasks was"):
        evaluate(grid(team, data, limit=1), tmp_path / "out", connection=FAST)


@pytest.mark.parametrize("mode", ["401", "429", "500", "html", "not_utf8", "nothing"])
def test_a_misbehaving_endpoint_is_named_with_its_cause(endpoint, team, data, tmp_path, mode):
    endpoint.mode = mode
    done = evaluate(grid(team, data, limit=2), tmp_path / "out", connection=FAST)
    assert done.failed == 2
    with pytest.raises(ModelCallError) as error:
        raise_if_nothing_answered(done)
    assert f"ann (openai-api/loopback/ann at {endpoint.url}) failed" in str(error.value)
    assert "ModelCallError" not in str(error.value)
    if mode.isdigit():
        assert f"mode {mode}" in str(error.value)


def test_an_endpoint_that_never_answers_is_given_up(endpoint, team, data, tmp_path):
    endpoint.delay_s = 5
    started = time.monotonic()
    done = evaluate(grid(team, data, limit=1), tmp_path / "out", connection=Connection(max_retries=0, timeout_s=1))
    assert "ann" in done.causes[0][0] and endpoint.url in done.causes[0][0]
    assert time.monotonic() - started < 4.5


def test_an_unreachable_endpoint_is_named(endpoint, team, data, tmp_path):
    endpoint.stop()
    done = evaluate(grid(team, data, limit=1), tmp_path / "out", connection=FAST)
    assert endpoint.url in done.causes[0][0]


def test_a_model_that_returns_nothing_gives_no_answer_and_not_a_failure(endpoint, team, data, tmp_path):
    endpoint.mode = "empty"
    assert evaluate(grid(team, data, limit=1), tmp_path / "out", connection=FAST).failed == 0
    results = read(tmp_path / "out")
    assert [row.outcome for row in results.rows] == ["no_answer"]
    assert results.silent == {"ann (openai-api/loopback/ann)": 1, "bob (openai-api/loopback/bob)": 1}


def test_one_failed_question_stops_no_other_and_is_asked_again(endpoint, team, data, tmp_path):
    endpoint.mode, endpoint.broken_for = "500", "What is 5 plus 4?"
    done = evaluate(grid(team, data), tmp_path / "out", connection=FAST)
    raise_if_nothing_answered(done)
    assert done.failed == 1
    outcomes = {row.question: row.outcome for row in read(tmp_path / "out").rows}
    assert outcomes == {f"sum-{i}": "failed" if i == 2 else "correct" for i in range(6)}
    assert not read(tmp_path / "out").silent
    endpoint.mode = "answer"
    endpoint.asked.clear()
    assert evaluate(grid(team, data), tmp_path / "out", connection=FAST).failed == 0
    assert endpoint.asked == ["What is 5 plus 4?"] * 2
    assert [row.outcome for row in read(tmp_path / "out").rows] == ["correct"] * 6


def test_an_endpoint_that_keeps_failing_is_not_asked_for_ever(endpoint, team, tmp_path, data):
    data.write_text(
        "\n".join(f'{{"id": "q{i}", "question": "What is {i} plus 1?", "answer": "{i + 1}"}}' for i in range(30))
    )
    endpoint.mode = "401"
    one = Connection(max_retries=0, timeout_s=5, at_once=1)
    done = evaluate(grid(team, data), tmp_path / "out", connection=one)
    assert done.failed == 30
    assert len(endpoint.asked) == 20  # ten questions of two executors
    assert any("not asked" in cause for cause, _ in done.causes)


def test_what_cannot_run_is_refused_before_anything_is_asked(endpoint, team, data, tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'gsm8k'"):
        evaluate(Grid(tasks=(TaskSpec(name="gsm8"),), team=team, methods=(parse("single"),)), tmp_path / "out")
    with pytest.raises(InputError, match="cannot be made with"):
        task = TaskSpec(name="gsm8k", args={"data": str(data), "colour": 1})
        evaluate(Grid(tasks=(task,), team=team, methods=(parse("single"),)), tmp_path / "out")
    with pytest.raises(UnknownName, match="no executor 'eve'"):
        evaluate(grid(team, data, "single(executor='eve')"), tmp_path / "out")
    with pytest.raises(InputError, match="limit is 0"):
        grid(team, data, limit=0)
    assert not endpoint.asked and not (tmp_path / "out").exists()


def test_a_missing_key_and_a_key_in_the_team_file_are_refused(team, data, tmp_path, monkeypatch):
    monkeypatch.delenv("LOOPBACK_API_KEY")
    with pytest.raises(InputError, match=r"agent 'ann' cannot use the model.*No LOOPBACK_API_KEY defined"):
        evaluate(grid(team, data), tmp_path / "out")
    ann = team.executors[0].model_copy(update={"model_args": {"api_key": "secret"}})
    with pytest.raises(InputError, match="api_key in the team file") as error:
        grid(team.model_copy(update={"executors": (ann,)}), data)
    assert "secret" not in str(error.value)


def test_all_failed_is_told_apart_from_some_failed(tmp_path):
    raise_if_nothing_answered(Finished(out=tmp_path, total=3, causes=[("x", 2)]))
    with pytest.raises(ModelCallError, match="all 3 questions failed"):
        raise_if_nothing_answered(Finished(out=tmp_path, total=3, causes=[("x", 2), ("y", 1)]))


SCRIPT = """
import sys
from pathlib import Path
from equipoise.evaluation.grid import evaluate
from equipoise.evaluation.settings import Connection, Grid, TaskSpec
from equipoise.methods.method import parse
from equipoise.team.team import Team
data, team, out = sys.argv[1:]
grid = Grid(tasks=(TaskSpec(name="gsm8k", args={"data": data}),), team=Team.from_toml(team), methods=(parse("single"),))
evaluate(grid, Path(out), connection=Connection(max_retries=0, at_once=1, timeout_s=5))
"""


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_resumes_without_asking_what_was_answered(endpoint, tmp_path, data, blow):
    file = tmp_path / "team.toml"
    file.write_text(
        f'[[executor]]\nname = "ann"\nmodel = "openai-api/loopback/ann"\nbase_url = "{endpoint.url}"\n',
        encoding="utf-8",
    )
    endpoint.delay_s = 0.25
    command = [sys.executable, "-c", SCRIPT, str(data), str(file), str(tmp_path / "out")]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ)
    deadline = time.monotonic() + 60
    while len(endpoint.asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(blow)
    run.wait()
    before = Counter(endpoint.asked)
    assert 4 <= before.total() < 6
    endpoint.delay_s = 0.0
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    twice = [question for question, times in Counter(endpoint.asked).items() if times > 1]
    assert len(twice) <= 1, f"only the question in flight may be asked again: {twice}"
    assert [row.outcome for row in read(tmp_path / "out").rows] == ["correct"] * 6

from __future__ import annotations

import json

import pytest

from equipoise.analysis.rows import Row
from equipoise.errors import InputError
from equipoise.evaluation.grid import evaluate, plain
from equipoise.evaluation.results import read
from equipoise.evaluation.settings import Connection, Grid, TaskSpec
from equipoise.methods.method import parse


def test_plays_come_in_the_order_asked_with_numbers_as_numbers(endpoint, team, tmp_path):
    data = tmp_path / "twelve.jsonl"
    records = [{"id": f"q-{i}", "question": f"What is {i} plus 1?", "answer": str(i + 1)} for i in (11, 2, 1)]
    data.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    task = TaskSpec(name="gsm8k", args={"data": str(data)})
    endpoint.mode, endpoint.broken_for = "wrong", "What is 2 "
    methods = tuple(map(parse, ("majority_vote", "single(executor='bob')")))
    evaluate(Grid(tasks=(task,), team=team, methods=methods), tmp_path / "out", connection=Connection(max_retries=0))
    plays = read(tmp_path / "out").plays
    assert [(p.row.method, p.row.question, p.row.outcome) for p in plays] == [
        (method, question, "wrong" if question == "q-2" else "correct")
        for method in ("majority_vote", "single(executor='bob')")
        for question in ("q-1", "q-2", "q-11")
    ]
    assert (plays[2].gold, plays[2].answer, plays[2].text) == ("12", "12", "What is 11 plus 1?")
    assert [turn["response"] for turn in plays[2].turns] == ["Answer: 12"] * 2
    assert "prompt" not in plays[2].turns[0]


def test_a_folder_without_logs_and_a_damaged_log_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no logs"):
        read(tmp_path)
    (tmp_path / "2026-01-01T00-00-00-00-00_gsm8k_x.eval").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="cannot read the log"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("logged", "told"),
    [("ModelCallError('it\\'s')", "it\\'s"), ('ModelCallError("a (b) c")', "a (b) c"), ("plain words", "plain words")],
)
def test_causes_are_told_in_their_own_words(logged, told):
    assert plain(logged) == told


def test_only_failures_are_unmeasured():
    measured = {
        outcome: Row(task="t", method="m", question="q", outcome=outcome).measured
        for outcome in ("correct", "wrong", "no_answer", "refused", "failed")
    }
    assert [outcome for outcome, yes in measured.items() if not yes] == ["failed"]

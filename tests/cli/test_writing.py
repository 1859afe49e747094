from __future__ import annotations

import json

import pytest

from equipoise.cli.writing import blank_team, recorded_team
from equipoise.errors import InputError, UnknownName
from equipoise.team.team import Team


@pytest.fixture
def recording(tmp_path):
    file = tmp_path / 'data "of" mine' / "recorded.jsonl"
    file.parent.mkdir()
    rows = [
        {"benchmark": "b", "qid": "q", "question": "?", "gold": "1", "agent": agent, "strategy": strategy, "sample": 0}
        | {"response": "1", "answer": "1", "key": "1", "correct": True, "out_tokens": 1, "source": "s"}
        for agent, strategy in (("a.b", "cot"), ("a.b", "plain"), ('say "hi"', "direct"))
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_columns_become_executors_with_their_strategy(recording, tmp_path):
    columns = ["a.b|plain", 'say "hi"|direct', "a.b|cot"]
    file = tmp_path / "team.toml"
    file.write_text(recorded_team("pool", recording, columns, folder=tmp_path), encoding="utf-8")
    team = Team.from_toml(file)
    assert [(e.name, e.model, e.strategies) for e in team.executors] == [
        ("a.b plain", "replay/a.b", ("plain",)),
        ('say "hi"', 'replay/say "hi"', ("direct",)),
        ("a.b cot", "replay/a.b", ("cot",)),
    ]
    assert [executor.model_args["recording"] for executor in team.executors] == [
        str(tmp_path / recording.relative_to(tmp_path))
    ] * 3
    assert set(team.strategies) == {"plain", "cot"}  # direct is built in
    assert not team.controls.abstain


def test_a_column_that_was_not_recorded_is_refused(recording, tmp_path):
    with pytest.raises(UnknownName, match=r"no column 'a\.b\|cott'. Did you mean 'a\.b\|cot'"):
        recorded_team("t", recording, ["a.b|cott"], folder=tmp_path)
    with pytest.raises(InputError, match="named twice"):
        recorded_team("t", recording, ["a.b|cot", "a.b|cot"], folder=tmp_path)


def test_a_blank_team_is_a_team(tmp_path):
    file = tmp_path / "t.toml"
    file.write_text(blank_team('a "b"'), encoding="utf-8")
    assert Team.from_toml(file).name == 'a "b"'

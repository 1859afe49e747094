"""`equipoise train belief`, as it is mounted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("transformers")

from equipoise import models
from equipoise.cli.training.belief import belief
from equipoise.errors import InputError
from equipoise.networks.belief_policy import load_policy
from equipoise.networks.text_embedding import DEFAULT

TEAM = str(Path(models.__file__ or "").parent / "embedded_team.toml")
ARGS = ["embedded", "--team", TEAM, "--task-arg", "families=arithmetic", "--task-arg", "split=validation"]
SMALL = ["--task-arg", "n_per_family=16", "--width", "8", "--episodes", "8", "--rounds", "0"]


def app() -> typer.Typer:
    made = typer.Typer()
    made.callback()(lambda: None)
    made.command("belief")(belief)
    return made


def test_help_names_every_switch() -> None:
    told = CliRunner().invoke(app(), ["belief", "--help"], terminal_width=200, color=False).output
    for option in ("--fixed-alpha", "--no-cc", "--no-coordinator", "--grow-from", "--rounds", "--commitment"):
        assert option in told


def test_a_run_says_what_it_reached_and_where_the_policy_is(tmp_path: Path) -> None:
    done = CliRunner().invoke(app(), ["belief", *ARGS, *SMALL, "--no-cc", "--fixed-alpha", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "8 episodes; stopped by episodes." in done.output
    assert (tmp_path / "policy" / "checkpoint.json").is_file()
    looks = json.loads((tmp_path / "result.json").read_text())["looks"]
    assert looks[-1]["alpha"] == [0.5, 0.5, 0.0]
    assert load_policy(tmp_path / "policy").embedder.name == DEFAULT
    again = CliRunner().invoke(app(), ["belief", *ARGS, *SMALL, "--out", str(tmp_path)])
    assert isinstance(again.exception, InputError)
    assert "other settings" in str(again.exception)


def test_json_is_all_that_is_printed(tmp_path: Path) -> None:
    done = CliRunner().invoke(app(), ["belief", *ARGS, *SMALL, "--json", "--out", str(tmp_path)])
    told = json.loads(done.stdout)
    assert told["stop"] == "episodes"
    assert told["looks"][-1]["episodes"] == 8
    assert told["calls"] >= 8 * 3


def test_a_team_whose_model_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "team.toml").write_text('[[executor]]\nname = "a"\nmodel = "embedded/abakus"\n')
    args = ["belief", "embedded", "--team", str(tmp_path / "team.toml"), "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app(), args)
    assert isinstance(done.exception, InputError)
    assert "abacus" in str(done.exception)
    assert not (tmp_path / "run").exists()


def test_a_width_that_heads_cannot_share_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app(), ["belief", *ARGS, "--width", "10", "--out", str(tmp_path)])
    assert isinstance(done.exception, InputError)

"""`equipoise train mirror`, as it is mounted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("peft")

from equipoise.cli.training.mirror import mirror
from equipoise.errors import InputError, UnknownName, WriteError
from equipoise.learning import mirror_finetuning
from equipoise.learning.mirror.settings import BASELINES
from equipoise.learning.mirror_finetuning import MirrorConfig, Trained

TEAM = """
[team]
max_tokens = 24
[coordinator]
model = "embedded/mason"
[[executor]]
name = "abacus"
model = "embedded/abacus"
[controls]
strategies = ["direct"]
"""


def call(tmp_path: Path, *args: str) -> Result:
    (tmp_path / "team.toml").write_text(TEAM)
    made = typer.Typer()
    made.callback()(lambda: None)
    made.command("mirror")(mirror)
    fixed = ["mirror", "embedded", "--team", str(tmp_path / "team.toml"), "--out", str(tmp_path / "run")]
    return CliRunner().invoke(made, [*fixed, *args])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[MirrorConfig]:
    """What would have been trained."""
    found: list[MirrorConfig] = []

    def train(config: MirrorConfig, out: Path, progress: Any) -> Trained:
        found.append(config)
        return Trained(iterations=0, looks=(), best=out / "best", remarks=("a remark",))

    monkeypatch.setattr(mirror_finetuning, "train_mirror", train)
    return found


def test_every_switch_reaches_the_settings(tmp_path: Path, asked: list[MirrorConfig]) -> None:
    switches = (
        "--iterations 3 --prompts 4 --group 5 --max-tokens 6 --epochs 7 --minibatches 2 --lr 0.25 --seed 9 --eta 0.5 "
        "--prox 0.125 --device cuda --dtype bfloat16 --validation 10 --look-every 11 --batch-tokens 12 --accumulate 13 "
        "--gradient-checkpointing --raise-group --plan --partition random --temperatures 0.4,0.03 --limit 14 --skip 15 "
        "--set own=0.75 --set clip_high=null --task-arg split=validation"
    )
    done = call(tmp_path, *switches.split())
    assert done.exit_code == 0, done.output
    assert "a remark" in done.output and "equipoise export" in done.output
    config = asked[0]
    wanted = {
        "iterations": 3,
        "prompts": 4,
        "group": 5,
        "max_tokens": 6,
        "epochs": 7,
        "minibatches": 2,
        "lr": 0.25,
        "seed": 9,
        "eta": 0.5,
        "prox": 0.125,
        "device": "cuda",
        "dtype": "bfloat16",
        "validation": 10,
        "look_every": 11,
        "batch_tokens": 12,
        "accumulate": 13,
        "gradient_checkpointing": True,
        "raise_group": True,
        "partition": "random",
        "alpha_high": 0.4,
        "alpha_low": 0.03,
        "own": 0.75,
        "clip_high": None,
    }
    assert {name: getattr(config.settings, name) for name in wanted} == wanted
    assert (config.plan, config.limit, config.skip, config.task_args) == (True, 14, 15, {"split": "validation"})


def test_a_baseline_changes_what_it_names_and_fixes_it(tmp_path: Path, asked: list[MirrorConfig]) -> None:
    assert call(tmp_path, "--baseline", "dapo_clip_higher", "--lr", "0.5").exit_code == 0
    assert (asked[0].settings.clip_high, asked[0].settings.critics, asked[0].settings.lr) == (0.28, "none", 0.5)
    fixed = call(tmp_path, "--baseline", "homogeneous", "--partition", "random")
    assert isinstance(fixed.exception, InputError) and "partition" in str(fixed.exception)
    for wrong, said in (
        (["--baseline", "gpro"], "single_agent_grpo"),
        (["--set", "ownn=1"], "own"),
        (["--temperatures", "0.1"], "0.1,0.01"),
        (["--set", "rank=many"], "whole number"),
    ):
        done = call(tmp_path, *wrong)
        assert isinstance(done.exception, InputError) and said in str(done.exception)
    assert len(asked) == 1
    assert isinstance(call(tmp_path, "--partition", "randon").exception, UnknownName)


def test_a_run_says_what_it_reached_and_json_is_all_that_is_printed(tmp_path: Path) -> None:
    small = ["--task-arg", "families=arithmetic", "--task-arg", "split=validation", "--task-arg", "n_per_family=16"]
    small += [
        "--iterations",
        "1",
        "--prompts",
        "1",
        "--group",
        "2",
        "--validation",
        "1",
        "--set",
        "validation_samples=1",
    ]
    done = call(tmp_path, *small, "--set", "critic_steps=1")
    assert done.exit_code == 0, done.output
    assert "Iterations: 1" in done.output and str(tmp_path / "run" / "best") in done.output
    assert (tmp_path / "run" / "best" / "abacus" / "adapter_model.safetensors").is_file()
    again = call(tmp_path, *small, "--set", "critic_steps=1", "--json")
    assert json.loads(again.stdout)["iterations"] == 1
    other = call(tmp_path, *small)
    assert isinstance(other.exception, InputError) and "critic_steps" in str(other.exception)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*args: Any) -> Trained:
        raise KeyboardInterrupt

    monkeypatch.setattr(mirror_finetuning, "train_mirror", train)
    done = call(tmp_path)
    assert done.exit_code == 130 and "goes on" in done.output


def test_help_names_every_baseline(tmp_path: Path) -> None:
    said = " ".join(call(tmp_path, "--help").output.replace("│", " ").split())
    assert all(name in said for name in BASELINES)


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_loaded(
    tmp_path: Path, asked: list[MirrorConfig]
) -> None:
    (tmp_path / "run").write_text("a file")
    done = call(tmp_path)
    assert isinstance(done.exception, WriteError) and "run" in str(done.exception) and not asked

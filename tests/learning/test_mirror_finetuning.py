"""The whole trainer: a folder that is complete, that goes on after a signal, and whose adapters can be played."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import torch
from safetensors.torch import load_file

from equipoise.errors import InputError, TrainingError
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.learning.mirror_finetuning import MirrorConfig, train_mirror
from equipoise.networks import checkpoint
from equipoise.team.team import Team

TEAM = """
[team]
max_tokens = 40
[[executor]]
name = "abacus"
model = "embedded/abacus"
[[executor]]
name = "sage"
model = "embedded/sage"
[controls]
strategies = ["direct"]
"""
SETTINGS = MirrorSettings(
    iterations=2, prompts=2, group=3, lr=1e-3, validation=2, validation_samples=1, critic_steps=3, look_every=1, rank=2
)


def config(tmp_path: Path, **changes: Any) -> MirrorConfig:
    (tmp_path / "team.toml").write_text(TEAM)
    return MirrorConfig(
        task="embedded",
        team=Team.from_toml(tmp_path / "team.toml"),
        task_args={"families": "arithmetic", "split": "validation", "n_per_family": 16},
        settings=replace(SETTINGS, **changes),
    )


def adapters(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: load_file(folder / name / "adapter_model.safetensors") for name in ("abacus", "sage")}


def equal(first: Path, second: Path) -> bool:
    one, other = adapters(first), adapters(second)
    return all(torch.equal(value, other[name][key]) for name, held in one.items() for key, value in held.items())


def test_a_run_leaves_a_whole_folder_and_goes_on(tmp_path: Path) -> None:
    heard: list[tuple[int, int, str]] = []
    out = tmp_path / "run"
    trained = train_mirror(config(tmp_path), out, lambda *told: heard.append(told))
    assert [told[:2] for told in heard] == [(1, 2), (2, 2)] and "validation" in heard[0][2]
    lines = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2]
    assert {"kl_old", "kl_ref", "clip_rate", "fidelity", "entropy"} <= lines[0]["executors"][0].keys()
    questions = json.loads((out / "questions.json").read_text())
    assert all(questions.values()) and not set(questions["train"]) & set(questions["validation"])
    result = json.loads((out / "result.json").read_text())
    assert result["settings"]["lr"] == 1e-3 and len(result["looks"]) == 3 == len(trained.looks)
    for folder in ("best", "last"):
        for name in ("abacus", "sage"):
            assert (out / folder / name / "adapter_config.json").is_file()
            assert "embedded" in (out / folder / name / "README.md").read_text()
    best = max(range(3), key=lambda place: result["looks"][place]["team"])
    assert equal(out / "best", out / "last") == (best == 2)
    assert train_mirror(config(tmp_path, iterations=3), out).iterations == 3
    whole = tmp_path / "whole"
    train_mirror(config(tmp_path, iterations=3), whole)
    assert equal(out / "last", whole / "last") and equal(out / "best", whole / "best")


def test_cards_tell_of_the_adapters_that_they_lie_beside(tmp_path: Path) -> None:
    train_mirror(config(tmp_path, lr=0.5, max_norm=0.0, kl_ref_limit=1e9, kl_old_limit=1e9), out := tmp_path / "run")
    looks = json.loads((out / "result.json").read_text())["looks"]
    best, last = max(looks, key=lambda look: look["team"]), looks[-1]
    assert (best["iteration"], last["iteration"]) == (0, 2)  # at such a rate nothing is left of the models
    for folder, look in (("best", best), ("last", last)):
        card = (out / folder / "sage" / "README.md").read_text()
        assert f"| iterations | {look['iteration']} |" in card
        assert f"votes right on validation questions, with these adapters | {look['team']:.4g} |" in card


def test_a_card_of_adapters_that_were_not_looked_at_claims_no_votes(tmp_path: Path) -> None:
    train_mirror(config(tmp_path, iterations=3, look_every=4), out := tmp_path / "run")
    state = json.loads((out / "checkpoint" / "checkpoint.json").read_text())
    run_card = state["config"]["cards"]["last"]["numbers"]
    assert run_card["iterations"] == 3 and any("these adapters" in name for name in run_card)
    from equipoise.learning.mirror_finetuning import _begun

    begun, _ = _begun(config(tmp_path, iterations=5, look_every=4), out)
    begun.settings = replace(begun.settings, iterations=9, look_every=9)
    begun.iterate()
    begun.save(out / "checkpoint")
    told = json.loads((out / "checkpoint" / "checkpoint.json").read_text())["config"]["cards"]["last"]["numbers"]
    assert told["iterations"] == 4 and not any("these adapters" in name for name in told)


def test_a_folder_with_other_settings_is_refused_and_stays(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_mirror(config(tmp_path, iterations=1), out)

    def held() -> dict[str, bytes]:
        return {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}

    before = held()
    with pytest.raises(InputError, match="lr, split_seed"):
        train_mirror(config(tmp_path, lr=1e-4, split_seed=5), out)
    assert held() == before and "questions.json" in before


SCRIPT = """
import sys
from pathlib import Path
from equipoise.learning.mirror_finetuning import MirrorConfig, train_mirror
from equipoise.learning.mirror.settings import from_json
from equipoise.team.team import Team
import json
team, out, settings = Path(sys.argv[1]), Path(sys.argv[2]), from_json(json.loads(sys.argv[3]))
args = {"families": "arithmetic", "split": "validation", "n_per_family": 16}
config = MirrorConfig(task="embedded", team=Team.from_toml(team), task_args=args, settings=settings)
train_mirror(config, out, lambda done, total, note: print(done, flush=True))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_killed_ends_as_one_that_was_not(sent: signal.Signals, tmp_path: Path) -> None:
    from equipoise.learning.mirror.settings import to_json

    asked = config(tmp_path, iterations=3)
    out, whole = tmp_path / "run", tmp_path / "whole"
    written = json.dumps(to_json(asked.settings))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "team.toml"), str(out), written]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ)
    assert running.stdout is not None and running.stdout.readline().strip() == "1"
    time.sleep(0.3)  # somewhere inside the second iteration
    running.send_signal(sent)
    running.communicate(timeout=60)
    assert running.returncode != 0
    done = checkpoint.read_config(out / "checkpoint")["iteration"]
    assert done in (1, 2)
    train_mirror(asked, out)
    train_mirror(asked, whole)
    assert equal(out / "last", whole / "last") and equal(out / "best", whole / "best")
    first, second = ((folder / "progress.jsonl").read_text().splitlines() for folder in (out, whole))
    untimed = [
        [{k: v for k, v in json.loads(line).items() if k != "cost"} for line in lines] for lines in (first, second)
    ]
    assert untimed[0] == untimed[1]


def test_what_is_not_finite_says_where_the_last_good_state_is(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(TrainingError, match="best"):
        train_mirror(config(tmp_path, lr=1e30, max_norm=0.0, weight_decay=0.0), out)
    held = checkpoint.read_config(out / "checkpoint")
    tensors = checkpoint.load_tensors(out / "checkpoint")
    assert held["iteration"] < 2
    assert all(torch.isfinite(value).all() for name, value in tensors.items() if name.startswith("adapter"))
    assert (out / "best" / "sage" / "adapter_model.safetensors").is_file()


def test_a_plan_needs_a_coordinator(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="coordinator"):
        train_mirror(replace(config(tmp_path), plan=True), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_adapters_that_were_not_exported_before_a_kill_are_exported_when_it_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_mirror(config(tmp_path, iterations=0), out)
    shutil.rmtree(out / "best")  # killed between the checkpoint and this
    trained = train_mirror(config(tmp_path, iterations=0), out)
    assert (trained.best / "sage" / "adapter_model.safetensors").is_file()


def test_a_greedy_team_is_looked_at_greedily(tmp_path: Path) -> None:
    asked = config(tmp_path, iterations=0)
    file = tmp_path / "team.toml"
    file.write_text(TEAM + "sampling_temperatures = [0.0]\n")
    assert len(train_mirror(replace(asked, team=Team.from_toml(file)), tmp_path / "run").looks) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("changes", [{}, {"belief": "encoder", "gradient_checkpointing": True, "minibatches": 2}])
def test_the_whole_trainer_on_a_gpu(tmp_path: Path, changes: dict[str, Any]) -> None:
    for dtype in ("bfloat16", "float32"):
        asked = config(tmp_path, device="cuda", dtype=dtype, raise_group=True, raise_variance=0.0, **changes)
        train_mirror(replace(asked, settings=replace(asked.settings, iterations=1)), tmp_path / dtype)
        trained = train_mirror(asked, tmp_path / dtype)
        assert trained.iterations == 2 and len(trained.looks) == 3
        for held in adapters(trained.best).values():
            assert all(torch.isfinite(value).all() for value in held.values())

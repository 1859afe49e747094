"""From a checkpoint to folders that PEFT and a team play, without the base."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import torch
from inspect_ai.model import GenerateConfig, get_model
from peft import PeftModel
from transformers import AutoModelForCausalLM

from equipoise.errors import InputError
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.exporting import BEST, export_run
from equipoise.models.embedded import WEIGHTS
from equipoise.models.generation.adapter import peft_quiet
from equipoise.networks import checkpoint
from equipoise.team.team import Team
from equipoise.team.turns import model_of

IDS = torch.tensor([[5, 90, 17, 300, 41, 7, 600]])
CARD = {"task": "embedded|sums", "numbers": {"team, start": 0.61234, "team, end": "66.0 (64.1 to 67.9)", "a|b": 3}}


@pytest.fixture
def models() -> AdaptedModels:
    made = AdaptedModels(
        ["embedded/abacus", "embedded/mason", "embedded/mason"], names=["ann", "b/o b", "cleo"], rank=4
    )
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for i in range(3):
            for parameter in made.parameters(i):
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=drawn))
    return made


@pytest.fixture
def run(models: AdaptedModels, tmp_path: Path) -> Path:
    config = {"adapters": [models.described(i) for i in range(3)], "cards": {"best": CARD}}
    further = {"actor-1-step": torch.zeros(1)}
    checkpoint.save(tmp_path / "run" / "checkpoint", {}, config=config, tensors=models.tensors() | further)
    return tmp_path / "run"


def test_exported_adapters_play_as_they_were_trained(
    models: AdaptedModels, run: Path, tmp_path: Path, in_process
) -> None:
    code, out, _ = in_process("export", str(run), "--out", "adapters", "--json")
    told = json.loads(out)["adapters"]
    assert code == 0 and [one["name"] for one in told] == ["ann", "b/o b", "cleo"]
    assert [Path(one["adapter"]).name for one in told] == ["ann", "b-o-b", "cleo"]
    for i, one in enumerate(told):
        folder = tmp_path / one["adapter"]
        files = {"README.md", "adapter_config.json", "adapter_model.safetensors"}
        assert {file.name for file in folder.iterdir()} == files
        base = AutoModelForCausalLM.from_pretrained(WEIGHTS / one["base"].split("/")[1], dtype=torch.float32)
        with peft_quiet(), torch.no_grad(), models.playing(i) as model:
            found = PeftModel.from_pretrained(base, str(folder)).eval()(IDS).logits
            torch.testing.assert_close(found, model(IDS).logits, atol=1e-5, rtol=1e-5)


def test_a_team_plays_what_was_exported(models: AdaptedModels, run: Path, tmp_path: Path, in_process) -> None:
    code, out, _ = in_process("export", str(run), "--out", "adapters")
    assert code == 0 and 'cleo (embedded/mason): adapter = "adapters/cleo"' in out
    (tmp_path / "team.toml").write_text(
        '[[executor]]\nname = "cleo"\nmodel = "embedded/mason"\nadapter = "adapters/cleo"\n'
        '[[executor]]\nname = "bare"\nmodel = "embedded/mason"\n'
    )
    team = Team.from_toml(tmp_path / "team.toml")
    config = GenerateConfig(temperature=0.0, max_tokens=1)
    prompt = models.prompt(2, [{"role": "user", "content": "What is 2 + 3?"}])
    likeliest = []
    for block in (models.playing(2), models.reference(2)):
        with block as model, torch.no_grad():
            likeliest.append(int(model(torch.tensor([prompt])).logits[0, -1].argmax()))
    for executor, token in zip(team.executors, likeliest, strict=True):
        said = asyncio.run(model_of(executor).generate("What is 2 + 3?", config=config)).completion
        assert said == models.tokenizer(2).decode([token], skip_special_tokens=True)


def test_an_exported_adapter_plays_on_its_own_base_only(run: Path, tmp_path: Path) -> None:
    _, bob, _ = export_run(run, tmp_path / "out")
    assert get_model("embedded/mason", adapter=str(bob.folder))
    # abacus has the very same shapes
    with pytest.raises(InputError, match=r"belongs to another base than 'abacus'.*trained on 'embedded/mason'"):
        get_model("embedded/abacus", adapter=str(bob.folder))


def test_the_card_names_base_task_and_numbers_as_text(run: Path, tmp_path: Path) -> None:
    (done, *_) = export_run(run, tmp_path / "out")
    card = (done.folder / "README.md").read_text()
    assert 'base_model: "embedded/abacus"' in card and "library_name: peft" in card
    assert "rank 4, alpha 32" in card and "embedded\\|sums" in card
    assert "| team, start | 0.6123 |" in card and "| team, end | 66.0 (64.1 to 67.9) |" in card and "a\\|b" in card
    stated = json.loads((done.folder / "adapter_config.json").read_text())
    assert (stated["base_model_name_or_path"], stated["r"], stated["inference_mode"]) == ("embedded/abacus", 4, True)


def test_the_best_state_is_exported_where_there_is_one(models: AdaptedModels, tmp_path: Path) -> None:
    best = {BEST + name: 2 * tensor for name, tensor in models.tensors().items()}
    config = {"adapters": [models.described(i) for i in range(3)]}
    checkpoint.save(tmp_path / "run", {}, config=config, tensors=models.tensors() | best)
    done = export_run(tmp_path / "run", tmp_path / "out")
    other = AdaptedModels(["embedded/mason"], names=["x"], rank=4)
    other.load(0, done[2].folder)
    assert all(torch.equal(tensor, 2 * models.state(2)[name]) for name, tensor in other.state(0).items())
    other.load(0, export_run(tmp_path / "run", tmp_path / "last", last=True)[2].folder)
    assert all(torch.equal(tensor, models.state(2)[name]) for name, tensor in other.state(0).items())


def test_names_that_would_share_a_folder_are_numbered(models: AdaptedModels, tmp_path: Path) -> None:
    described = [models.described(i) | {"name": name} for i, name in enumerate(["A b", "a/b", "../.."])]
    checkpoint.save(tmp_path / "run", {}, config={"adapters": described}, tensors=models.tensors())
    done = export_run(tmp_path / "run", tmp_path / "out")
    assert [one.folder for one in done] == [tmp_path / "out" / name for name in ("1-A-b", "2-a-b", "3-executor")]


def test_what_holds_no_adapters_is_said(tmp_path: Path, in_process) -> None:
    code, _, told = in_process("export", "nowhere", "--out", "o")
    assert code == 2 and "no folder 'nowhere'" in told and "equipoise train mirror" in told
    checkpoint.save(tmp_path / "critic", {}, config={"executors": 3})
    code, _, told = in_process("export", "critic", "--out", "o")
    assert code == 2 and "'critic' holds no adapters" in told
    (tmp_path / "empty").mkdir()
    assert "no checkpoint in" in in_process("export", "empty", "--out", "o")[2]

"""Agents with adapters: the same words as PEFT's own, from a team file, by every provider that can."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai.model import GenerateConfig, get_model
from peft import LoraConfig, PeftModel, PrefixTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from equipoise.errors import InputError
from equipoise.evaluation.recording_plan import Plan
from equipoise.evaluation.settings import Grid, TaskSpec, resolved
from equipoise.methods.method import parse
from equipoise.models.adapters import digest, with_adapter
from equipoise.models.embedded import WEIGHTS
from equipoise.models.generation.adapter import peft_quiet
from equipoise.team.agent import Executor
from equipoise.team.team import Team
from equipoise.team.turns import model_of

QUESTION = "Eva has 22 shells. Then Eva has 3 times as many. Eva buys 10 more. How many shells does Eva have?"


def plain(name: str = "mason") -> Any:
    return AutoModelForCausalLM.from_pretrained(WEIGHTS / name, dtype=torch.float32)


def adapter(folder: Path, *, base: str = "mason", seed: int = 0, **config: Any) -> Path:
    """A LoRA adapter with random weights, saved by PEFT itself."""
    torch.manual_seed(seed)
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "init_lora_weights": False} | config
    with peft_quiet():
        wrapped = get_peft_model(plain(base), LoraConfig(task_type="CAUSAL_LM", **settings))
        for name, parameter in wrapped.named_parameters():
            if "lora_" in name:
                parameter.data.mul_(0.5)
        wrapped.save_pretrained(folder)
    return folder


def by_peft(folder: Path, base: str = "mason", tokens: int = 30) -> str:
    """What plain transformers and PEFT say at greedy decoding."""
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / base)
    chat = [{"role": "user", "content": QUESTION}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with peft_quiet():
        model = PeftModel.from_pretrained(plain(base), str(folder)).eval()
    config = GenerationConfig(do_sample=False, max_new_tokens=tokens, pad_token_id=0, eos_token_id=4)
    said = model.generate(**ids, generation_config=config)[0, ids["input_ids"].shape[1] :]
    return tokenizer.decode(said, skip_special_tokens=True)


def said_by(executor: Executor, temperature: float = 0.0) -> str:
    config = GenerateConfig(temperature=temperature, max_tokens=30)
    return asyncio.run(model_of(executor).generate(QUESTION, config=config)).completion


def executor(folder: Path | None, model: str = "embedded/mason", **args: Any) -> Executor:
    return Executor(name="x", model=model, adapter=str(folder) if folder else None, model_args=args)


def test_embedded_models_say_what_peft_says(tmp_path: Path) -> None:
    said = {}
    for seed in (1, 2):
        folder = adapter(tmp_path / str(seed), seed=seed)
        said[seed] = said_by(executor(folder))
        assert said[seed] == by_peft(folder)
    assert len({*said.values(), said_by(executor(None))}) == 3


def test_the_hugging_face_provider_plays_the_same(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "one", seed=1)
    local = executor(folder, f"hf/{WEIGHTS / 'mason'}", device="cpu", dtype="float32")
    assert said_by(local, temperature=1e-6) == by_peft(folder)
    other = executor(folder, f"hf/{WEIGHTS / 'abacus'}", device="cpu")
    with pytest.raises(InputError, match=r"belongs to the base '.*mason', and not to '.*abacus'"):
        model_of(other)


def test_a_retrained_adapter_is_played_and_not_the_one_before(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "one", seed=1)
    playing = executor(folder)
    first = said_by(playing)
    adapter(folder, seed=2)
    os.utime(folder / "adapter_model.safetensors", ns=(1, 1))
    assert said_by(playing) == by_peft(folder) != first


def test_a_team_file_names_adapters_from_where_it_lies(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "adapters" / "mason", seed=1)
    file = tmp_path / "team.toml"
    file.write_text(
        '[coordinator]\nmodel = "embedded/mason"\nadapter = "adapters/mason"\n'
        '[[executor]]\nname = "a"\nmodel = "embedded/mason"\nadapter = "adapters/mason"\n'
        '[[executor]]\nname = "b"\nmodel = "embedded/mason"\n'
    )
    team = Team.from_toml(file)
    assert [agent.adapter for agent in team.agents] == [str(folder.resolve())] * 2 + [None]
    assert said_by(team.executors[0]) == by_peft(folder) != said_by(team.executors[1])
    assert Team.model_validate(team.model_dump(mode="json")) == team


def test_results_are_known_by_what_an_adapter_holds(tmp_path: Path) -> None:
    from equipoise.evaluation.recording_plan import _settings

    folder = adapter(tmp_path / "one", seed=1)
    found = []
    for seed, playing in ((1, executor(folder)), (2, executor(folder)), (1, executor(folder)), (0, executor(None))):
        if seed:
            adapter(folder, seed=seed)
        team = Team(executors=(playing,))
        task = TaskSpec(name="embedded")
        found.append(
            (
                _settings(Plan(task=task, team=team)),
                resolved(Grid(tasks=[task], team=team, methods=[parse("majority_vote")])),
            )
        )
    assert found[0] == found[2] != found[1]
    assert found[0][0] != found[1][0] and found[0][1] != found[1][1]
    assert "adapter" not in json.dumps(found[3][0])


def test_an_adapter_of_another_shape_or_base_is_said(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "mason")
    with pytest.raises(InputError, match=r"does not fit 'sage': its layer .* reads 512 numbers, that of the base 448"):
        get_model("embedded/sage", adapter=str(folder))
    deep = adapter(tmp_path / "named", target_modules=["q_proj"])
    (deep / "adapter_config.json").write_text((folder / "adapter_config.json").read_text())
    held = torch.zeros(4, 192)
    from safetensors.torch import save_file

    save_file({"base_model.model.model.layers.9.mlp.up_proj.lora_A.weight": held}, deep / "adapter_model.safetensors")
    with pytest.raises(InputError, match=r"no linear layer 'model.layers.9.mlp.up_proj'.*It was trained on"):
        get_model("embedded/mason", adapter=str(deep))


def test_what_is_no_adapter_is_said(tmp_path: Path) -> None:
    def refused(folder: Path, match: str) -> None:
        with pytest.raises(InputError, match=match):
            get_model("embedded/mason", adapter=str(folder))

    refused(tmp_path / "nowhere", r"no adapter in .*adapter_config.json.*equipoise export")
    folder = adapter(tmp_path / "one")
    (folder / "adapter_model.safetensors").write_bytes(b"nonsense")
    refused(folder, "cannot be read")
    (folder / "adapter_config.json").write_text("[1]")
    refused(folder, "holds no JSON object")
    (folder / "adapter_config.json").write_text("{")
    refused(folder, "cannot be read")
    with peft_quiet():
        prefix = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2)
        get_peft_model(plain(), prefix).save_pretrained(tmp_path / "prefix")
    refused(tmp_path / "prefix", "of the kind PREFIX_TUNING. Only adapters of the kind LORA")
    with pytest.raises(InputError, match="no readable adapter_model"):
        digest(str(tmp_path / "nowhere"))


def test_each_provider_gets_the_adapter_in_its_own_way(tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/m"}')
    args = {"dtype": "bfloat16"}
    assert with_adapter("openai/gpt-4o", args, None) == ("openai/gpt-4o", args)
    assert with_adapter("embedded/abacus", args, str(folder)) == ("embedded/abacus", args | {"adapter": str(folder)})
    assert with_adapter("vllm/org/m", args, str(folder)) == (f"vllm/org/m:{folder}", args)
    hf = args | {"model_path": str(folder), "tokenizer_path": "org/m"}
    assert with_adapter("hf/org/m", args, str(folder)) == ("hf/org/m", hf)
    assert with_adapter("hf/alias", args | {"model_path": "org/m"}, str(folder)) == ("hf/alias", hf)
    with pytest.raises(InputError, match=r"'openai/gpt-4o' cannot take the adapter.*embedded/…, hf/… or vllm/…"):
        with_adapter("openai/gpt-4o", args, str(folder))

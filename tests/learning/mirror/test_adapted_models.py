"""Adapters on shared bases against plain transformers and PEFT: who plays, who learns, and what memory it takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from torch import nn
from transformers import AutoModelForCausalLM

from equipoise.errors import InputError, OutOfMemory, UnknownName
from equipoise.learning.mirror import frozen_bases
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.engine import GenerateEngine
from equipoise.learning.mirror.exporting import write_adapter
from equipoise.learning.mirror.frozen_bases import base_of
from equipoise.learning.mirror.token_scores import token_scores
from equipoise.models.embedded import WEIGHTS
from equipoise.models.generation.adapter import fingerprint, peft_quiet
from equipoise.team.agent import Executor

TEAM = ["embedded/abacus", "embedded/mason", "embedded/mason"]
NAMES = ["ann", "bo b", "cleo.v2"]
IDS = torch.tensor([[5, 90, 17, 300, 41, 7, 600]])


def trio(**changes: Any) -> AdaptedModels:
    return AdaptedModels(TEAM, names=NAMES, **changes)


def moved(models: AdaptedModels, i: int, by: float = 0.05) -> None:
    """Moves an executor's adapter away from its start, by amounts that differ between executors."""
    drawn = torch.Generator().manual_seed(100 + i)
    with torch.no_grad():
        for parameter in models.parameters(i):
            parameter.add_(by * torch.randn(parameter.shape, generator=drawn).to(parameter))


def logits(block: Any) -> Any:
    with block as model, torch.no_grad():
        return model(IDS).logits


def plain(name: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(WEIGHTS / name, dtype=torch.float32).eval()


@pytest.fixture
def altered(tmp_path: Path) -> Callable[..., str]:
    """A copy of an embedded model's folder with some files changed or left out."""

    def make(file: str, change: Callable[[dict[str, Any]], None] | None) -> str:
        folder = tmp_path / "base"
        shutil.copytree(WEIGHTS / "mason", folder)
        if change is None:
            (folder / file).unlink()
        else:
            held = json.loads((folder / file).read_text())
            change(held)
            (folder / file).write_text(json.dumps(held))
        return str(folder)

    return make


def test_everybody_starts_as_the_plain_base() -> None:
    models = trio()
    for i, base in enumerate(TEAM):
        expected = plain(base.removeprefix("embedded/"))(IDS).logits
        for block in (models.playing(i), models.training(i), models.reference(i)):
            torch.testing.assert_close(logits(block), expected, atol=1e-5, rtol=1e-5)


def test_every_linear_layer_but_the_head_has_an_adapter_of_the_rank() -> None:
    models = trio(rank=3, alpha=12)
    layers = {n: m for n, m in plain("mason").named_modules() if isinstance(m, nn.Linear) and n != "lm_head"}
    expected = {}
    for name, layer in layers.items():
        expected[f"base_model.model.{name}.lora_A.weight"] = (3, layer.in_features)
        expected[f"base_model.model.{name}.lora_B.weight"] = (layer.out_features, 3)
    assert {name: tuple(tensor.shape) for name, tensor in models.state(2).items()} == expected
    described = models.described(2)
    assert (described["config"]["r"], described["config"]["lora_alpha"]) == (3, 12)


def test_executors_on_one_base_share_its_weights_and_not_their_adapters() -> None:
    models = trio()
    with models.playing(1) as one:
        first = {n: p.data_ptr() for n, p in one.named_parameters() if "lora_" not in n}
    with models.playing(2) as two:
        second = {n: p.data_ptr() for n, p in two.named_parameters() if "lora_" not in n}
    assert first == second
    own = [{p.data_ptr() for p in models.parameters(i)} for i in range(3)]
    assert not own[1] & own[2]
    held = models.memory()
    sizes = [4 * sum(p.numel() for p in plain(base.removeprefix("embedded/")).parameters()) for base in TEAM]
    buffers = held.bases - sizes[0] - sizes[1]
    assert 0 <= buffers < 10_000
    assert held.separate == pytest.approx(sum(sizes), abs=10_000)
    assert held.adapters == 4 * sum(p.numel() for i in range(3) for p in models.parameters(i))
    assert held.bases + held.adapters < held.separate


def test_moving_one_adapter_moves_one_executor() -> None:
    models = trio()
    before = [logits(models.playing(i)) for i in range(3)]
    moved(models, 1)
    after = [logits(models.playing(i)) for i in range(3)]
    assert torch.equal(after[0], before[0]) and torch.equal(after[2], before[2])
    assert (after[1] - before[1]).abs().max() > 0.1
    assert torch.equal(logits(models.reference(1)), before[2])
    moved(models, 2)
    assert torch.equal(logits(models.playing(1)), after[1])


def test_blocks_put_back_what_was_before() -> None:
    models = trio()
    moved(models, 1)
    moved(models, 2)
    expected = logits(models.playing(1))
    with models.training(1) as model:
        inner = logits(models.playing(2))
        reference = logits(models.reference(2))
        assert model.training
        with torch.no_grad():
            assert torch.equal(model(IDS).logits, expected)
    assert not torch.equal(inner, expected) and not torch.equal(reference, inner)
    with pytest.raises(ZeroDivisionError), models.training(1), models.reference(2):
        raise ZeroDivisionError
    assert torch.equal(logits(models.playing(1)), expected)


def test_gradients_reach_the_executors_adapter_only() -> None:
    models = trio()
    for i in (1, 2):
        moved(models, i)
    with models.training(2) as model:
        assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in models.parameters(2)}
        model(IDS).logits.logsumexp(-1).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in models.parameters(2))
    assert all(p.grad is None for i in (0, 1) for p in models.parameters(i))


def test_checkpointing_changes_no_gradient() -> None:
    found = []
    for again in (False, True):
        models = AdaptedModels(["embedded/sage"], names=["s"], gradient_checkpointing=again, seed=4)
        moved(models, 0)
        with models.training(0) as model:
            model(IDS, use_cache=False).logits.logsumexp(-1).sum().backward()
        found.append([p.grad for p in models.parameters(0)])
    for kept, computed in zip(*found, strict=True):
        torch.testing.assert_close(computed, kept, atol=1e-4, rtol=1e-4)


def test_state_is_a_copy_and_restores_in_place() -> None:
    models = trio()
    moved(models, 1)
    kept, expected, held = models.state(1), logits(models.playing(1)), models.parameters(1)
    moved(models, 1, by=0.3)
    assert not torch.equal(logits(models.playing(1)), expected)
    models.restore(1, kept)
    assert torch.equal(logits(models.playing(1)), expected)
    assert all(now is before for now, before in zip(models.parameters(1), held, strict=True))


def test_what_does_not_fit_is_not_restored_in_part() -> None:
    models, other = trio(), trio(rank=8)
    moved(models, 1)
    expected = logits(models.playing(1))
    part = dict(list(other.state(1).items())[:3])
    for wrong in (other.state(1), {}, models.state(1) | part, {"x": torch.zeros(1)}):
        with pytest.raises(InputError, match="'bo b' on 'embedded/mason'"):
            models.restore(1, wrong)
        assert torch.equal(logits(models.playing(1)), expected)


def test_all_adapters_go_through_a_checkpoint() -> None:
    models, other = trio(), trio(seed=9)
    for i in range(3):
        moved(models, i)
    other.restore_tensors(models.tensors())
    for i in range(3):
        assert torch.equal(logits(other.playing(i)), logits(models.playing(i)))


def test_first_weights_follow_the_seed_and_disturb_no_generator() -> None:
    torch.manual_seed(1)
    models, same, other = trio(seed=5), trio(seed=5), trio(seed=6)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    ours = models.state(1)
    assert all(torch.equal(ours[name], tensor) for name, tensor in same.state(1).items())
    for strange in (models.state(2), other.state(1)):
        assert all(not torch.equal(ours[n], t) for n, t in strange.items() if "lora_A" in n)
    assert all(not t.any() for n, t in ours.items() if "lora_B" in n)
    alone = AdaptedModels(["embedded/sage", "embedded/mason"], names=["x", "y"], seed=5)
    assert all(torch.equal(ours[name], tensor) for name, tensor in alone.state(1).items())


@pytest.mark.parametrize(("dtype", "adapter"), [("float64", torch.float64), ("bfloat16", torch.float32)])
def test_dtypes_of_bases_and_adapters_and_one_fingerprint(dtype: str, adapter: Any) -> None:
    models = trio(dtype=dtype)
    assert {p.dtype for i in range(3) for p in models.parameters(i)} == {adapter}
    assert logits(models.playing(0)).dtype == getattr(torch, dtype)
    assert models.described(1)["stamp"] == fingerprint(plain("mason"))


def test_fingerprints_tell_weights_and_not_only_shapes() -> None:
    model = plain("mason")
    before = fingerprint(model)
    with torch.no_grad():
        model.model.layers[2].mlp.up_proj.weight.mul_(1.01)
    assert len({before, fingerprint(model), fingerprint(plain("abacus")), fingerprint(plain("sage"))}) == 4


def test_the_bases_own_dropout_is_off_where_it_trains(altered: Callable[..., str]) -> None:
    base = altered("config.json", lambda config: config.update(attention_dropout=0.5))
    models = AdaptedModels([base], names=["x"])
    assert torch.equal(logits(models.training(0)), logits(models.playing(0)))


def test_exported_adapters_are_pefts_own(tmp_path: Path) -> None:
    models = trio()
    for i in range(3):
        moved(models, i)
    write_adapter(tmp_path / "deep" / "two", models.state(2), models.described(2), card="# a card")
    assert (tmp_path / "deep" / "two" / "README.md").read_text() == "# a card"
    with peft_quiet():
        loaded = PeftModel.from_pretrained(plain("mason"), str(tmp_path / "deep" / "two")).eval()
    with torch.no_grad():
        torch.testing.assert_close(loaded(IDS).logits, logits(models.playing(2)), atol=1e-5, rtol=1e-5)
    with safe_open(tmp_path / "deep" / "two" / "adapter_model.safetensors", framework="pt") as held:
        assert {held.get_tensor(name).dtype for name in held.keys()} == {torch.float32}  # noqa: SIM118


def test_adapters_are_loaded_onto_their_own_base_only(tmp_path: Path) -> None:
    models, other = trio(), trio(seed=3)
    moved(models, 1)
    write_adapter(tmp_path / "one", models.state(1), models.described(1), card="")
    other.load(2, tmp_path / "one")
    assert torch.equal(logits(other.playing(2)), logits(models.playing(1)))
    with pytest.raises(InputError, match=r"belongs to another base than 'embedded/abacus'.*'embedded/mason'"):
        other.load(0, tmp_path / "one")
    with pytest.raises(InputError, match="no adapter in"):
        other.load(0, tmp_path)


def test_a_base_without_a_chat_template(altered: Callable[..., str]) -> None:
    with pytest.raises(InputError, match=r"no chat template.*instruction-tuned"):
        AdaptedModels([altered("chat_template.jinja", None)], names=["x"])


def test_a_tokenizer_without_a_pad_token_pads_with_the_end_mark_and_says_so(altered: Callable[..., str]) -> None:
    models = AdaptedModels([altered("tokenizer_config.json", lambda held: held.pop("pad_token"))], names=["x"])
    assert models.tokenizer(0).pad_token_id == models.tokenizer(0).eos_token_id == 4
    assert len(models.notes) == 1 and "no pad token" in models.notes[0] and "<|end|>" in models.notes[0]
    assert trio().notes == ()


def test_a_tokenizer_without_an_end_mark(altered: Callable[..., str]) -> None:
    with pytest.raises(InputError, match="no end mark"):
        AdaptedModels([altered("tokenizer_config.json", lambda held: held.pop("eos_token"))], names=["x"])


def test_what_cannot_be_built_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownName, match="'mason'"):
        AdaptedModels(["embedded/masn"], names=["x"])
    with pytest.raises(UnknownName, match="bfloat16"):
        trio(dtype="bfloat61")
    with pytest.raises(InputError, match=r"the device 'warp' cannot be used.*cpu"):
        trio(device="warp")
    with pytest.raises(InputError, match="3 bases for 2 executors"):
        AdaptedModels(TEAM, names=["x", "y"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"the base model .* cannot be loaded"):
        AdaptedModels([str(tmp_path / "empty")], names=["x"])

    def full(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(frozen_bases.AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(OutOfMemory, match=r"loading of 'embedded/abacus'.*smaller base, dtype bfloat16"):
        trio()


def test_the_base_behind_an_agent() -> None:
    def base(model: str, **args: Any) -> str:
        return base_of(Executor(name="x", model=model, model_args=args))

    assert base("embedded/abacus") == "embedded/abacus"
    assert base("embedded/mine", path="runs/mine") == "runs/mine"
    assert base("hf/org/some-4B") == "org/some-4B"
    assert base("hf/alias", model_path="/models/some") == "/models/some"
    with pytest.raises(InputError, match="'x' plays openai/gpt-4o, whose weights are not here"):
        base("openai/gpt-4o")


def test_prompts_are_the_chats_that_the_provider_plays() -> None:
    models = trio()
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]
    text = models.tokenizer(0).decode(models.prompt(0, chat))
    assert text.replace(" ", "") == "<|system|>Bebrief.<|end|><|user|>2+2?<|end|><|assistant|>"
    assert models.context(0) == 768


def test_a_template_that_refuses_a_chat_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(WEIGHTS / "mason", folder)
    told = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}x"
    (folder / "chat_template.jinja").write_text(told)
    models = AdaptedModels([str(folder)], names=["x"])
    assert models.prompt(0, [{"role": "user", "content": "2+2?"}])
    with pytest.raises(InputError, match=r"'x' is asked: System role not supported\..*instructions"):
        models.prompt(0, [{"role": "system", "content": "Be brief."}])


def test_chats_are_scored_alike_with_checkpointing_and_several_adapters() -> None:
    kept, again = trio(), trio(gradient_checkpointing=True)
    for models in (kept, again):
        for i in range(3):
            moved(models, i)
    asked = [kept.prompt(2, [{"role": "user", "content": text}]) for text in ("2+2?", "Sort: pear, fig.") * 2]
    rollouts = GenerateEngine(kept).generate(2, asked, max_tokens=12, seed=0)
    for models in (kept, again):
        with models.training(2) as model:
            token_scores(model, rollouts).log_probabilities.sum().backward()
    for one, other in zip(kept.parameters(2), again.parameters(2), strict=True):
        torch.testing.assert_close(other.grad, one.grad, atol=1e-3, rtol=1e-3)
    assert all(parameter.grad is None for i in (0, 1) for parameter in again.parameters(i))

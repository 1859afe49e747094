"""Rollouts against transformers' own generate: same tokens, the trained distribution, and a proof that can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM

from equipoise.errors import EngineError, InputError, OutOfMemory
from equipoise.learning.mirror import engine as engines
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.engine import GenerateEngine
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.staged_decoding import decode
from equipoise.learning.mirror.token_scores import token_scores

TEAM = ["embedded/abacus", "embedded/mason", "embedded/mason"]
ASKED = [
    "What is 2 + 3?",
    "Four hens lay 12 eggs each. Then a fox takes 5 of them. How many eggs are there in all? Think step by step.",
    "Sort: pear, fig, apple.",
    "Eva has 22 shells. Then Eva has 3 times as many. Eva buys 10 more. How many shells does Eva have? " * 3,
]


def moved(models: AdaptedModels, i: int, by: float = 0.03) -> None:
    drawn = torch.Generator().manual_seed(100 + i)
    with torch.no_grad():
        for parameter in models.parameters(i):
            parameter.add_(by * torch.randn(parameter.shape, generator=drawn).to(parameter))


@pytest.fixture
def models() -> AdaptedModels:
    made = AdaptedModels(TEAM, names=["ann", "bob", "cleo"])
    for i in range(3):
        moved(made, i)
    return made


def prompts(models: AdaptedModels, i: int, each: int = 3) -> list[list[int]]:
    return [models.prompt(i, [{"role": "user", "content": text}]) for text in ASKED for _ in range(each)]


def played_alone(models: AdaptedModels, i: int, rollouts: Rollouts) -> Any:
    """Log-probabilities of what was played by transformers' own generate, on left-padded prompts. [R, T]"""
    config = GenerationConfig(
        do_sample=True, top_k=0, temperature=1.0, max_new_tokens=12, pad_token_id=0, eos_token_id=4,
        output_logits=True, return_dict_in_generate=True,
    )  # fmt: skip
    with models.playing(i) as model, torch.no_grad():
        torch.manual_seed(7)
        said = model.generate(
            input_ids=rollouts.prompts, attention_mask=rollouts.prompt_mask.long(), generation_config=config
        )
    tokens = said.sequences[:, rollouts.prompts.shape[1] :]
    log_all = torch.log_softmax(torch.stack(said.logits, 1), -1)
    return tokens, log_all.gather(-1, tokens[..., None])[..., 0]


@pytest.mark.parametrize("i", range(3))
def test_generates_own_logits_are_the_scores_of_training(models: AdaptedModels, i: int) -> None:
    asked = GenerateEngine(models).generate(i, prompts(models, i), max_tokens=1, seed=0)
    tokens, played = played_alone(models, i, asked)
    ended = (tokens == 4).int()
    mask = ended.cumsum(-1) - ended == 0
    rollouts = Rollouts(
        prompts=asked.prompts, prompt_mask=asked.prompt_mask, tokens=tokens, mask=mask,
        truncated=asked.truncated, texts=asked.texts,
    )  # fmt: skip
    with models.training(i) as model, torch.no_grad():
        trained = token_scores(model, rollouts).log_probabilities
    assert len({int(n) for n in asked.prompt_mask.sum(-1)}) == 4 and mask.sum() > 80
    assert (played - trained)[mask].abs().max() < 1e-4


def test_what_is_played_is_proved_for_every_executor(models: AdaptedModels) -> None:
    engine = GenerateEngine(models, rows=5)
    for i in range(3):
        rollouts = engine.generate(i, prompts(models, i), max_tokens=40, seed=i)
        assert 0 < engine.prove(i, rollouts) < 1e-4
        moved(models, i)  # an update: what was played before is a probe as good as any
        assert engine.prove(i, rollouts) < 1e-4


def test_a_proof_ends_at_the_context_of_the_longest_prompt(models: AdaptedModels, monkeypatch: Any) -> None:
    """A short row may be longer than what the longest prompt leaves, and is forced in one batch with it."""
    engine, asked = GenerateEngine(models), [prompts(models, 0)[0], prompts(models, 0)[-1]]
    rollouts = engine.generate(0, asked, max_tokens=30, seed=1)
    room = int(rollouts.lengths.max()) - 3
    monkeypatch.setattr(models, "context", lambda i: len(asked[1]) + room)
    seen: list[int] = []
    played = GenerateEngine._played

    def counted(self: GenerateEngine, executor: int, probe: Rollouts) -> Any:
        seen.append(probe.tokens.shape[1])
        return played(self, executor, probe)

    monkeypatch.setattr(GenerateEngine, "_played", counted)
    assert engine.prove(0, rollouts) < 1e-4 and seen == [room]


class Faulty(AdaptedModels):
    """Models that play another executor's adapter, or none."""

    played: Callable[[int], AbstractContextManager[Any]] | None = None

    @contextmanager
    def playing(self, i: int) -> Iterator[Any]:
        """As told."""
        with (self.played or super().playing)(i) as model:
            yield model


def faulty() -> tuple[Faulty, GenerateEngine, Rollouts]:
    models = Faulty(TEAM, names=["ann", "bob", "cleo"])
    for i in range(3):
        moved(models, i)
    engine = GenerateEngine(models)
    rollouts = engine.generate(2, prompts(models, 2), max_tokens=20, seed=1)
    assert engine.prove(2, rollouts) < 1e-4
    return models, engine, rollouts


def test_another_executors_adapter_is_caught() -> None:
    models, engine, rollouts = faulty()
    models.played = lambda i: AdaptedModels.playing(models, 1)
    with pytest.raises(EngineError, match=r"rollouts of 'cleo' do not come from the adapter in training.*allowed is"):
        engine.prove(2, rollouts)


def test_an_adapter_left_out_is_caught() -> None:
    models, engine, rollouts = faulty()
    models.played = models.reference
    with pytest.raises(EngineError, match="stale"):
        engine.prove(2, rollouts)


def test_a_stale_copy_is_caught_after_a_small_update() -> None:
    models, engine, rollouts = faulty()
    with models.training(2) as model:
        copied = copy.deepcopy(model).eval()

    @contextmanager
    def stale(i: int) -> Iterator[Any]:
        yield copied

    models.played = stale
    assert engine.prove(2, rollouts) < 1e-4
    moved(models, 2, by=1e-3)
    with pytest.raises(EngineError, match="log-probabilities of the same tokens differ"):
        engine.prove(2, rollouts)


def test_no_number_at_all_proves_nothing(models: AdaptedModels) -> None:
    engine = GenerateEngine(models)
    rollouts = engine.generate(0, prompts(models, 0), max_tokens=5, seed=1)
    with torch.no_grad():
        models.parameters(0)[0][0, 0] = torch.nan
    with pytest.raises(EngineError, match="nan"):
        engine.prove(0, rollouts)


def test_equal_seeds_say_the_same_and_disturb_no_generator(models: AdaptedModels) -> None:
    engine, asked = GenerateEngine(models), prompts(models, 1)
    torch.manual_seed(3)
    first = engine.generate(1, asked, max_tokens=15, seed=4)
    after = torch.rand(1)
    again, other = (engine.generate(1, asked, max_tokens=15, seed=seed) for seed in (4, 5))
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))
    assert first.texts == again.texts and torch.equal(first.tokens, again.tokens)
    assert first.texts != other.texts


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_tokens_are_draws_from_the_distribution_that_is_trained(temperature: float, tmp_path: Path) -> None:
    models = AdaptedModels(["embedded/abacus"], names=["x"])
    moved(models, 0, by=0.08)
    asked = models.prompt(0, [{"role": "user", "content": ASKED[0]}])
    rollouts = GenerateEngine(models, rows=3000).generate(
        0, [asked] * 3000, max_tokens=1, seed=11, sampling_temperature=temperature
    )
    with models.playing(0) as model, torch.no_grad():
        mass = torch.softmax(model(torch.tensor([asked])).logits[0, -1].double() / temperature, -1).numpy()
    counts = np.bincount(rollouts.tokens[:, 0].numpy(), minlength=len(mass))
    often = mass * 3000 >= 5
    seen = np.append(counts[often], counts[~often].sum())
    wanted = np.append(mass[often], mass[~often].sum()) * 3000
    assert often.sum() > 5
    assert chisquare(seen, wanted).pvalue > 1e-3


def test_a_bases_own_taste_in_decoding_is_left_out(models: AdaptedModels, tmp_path: Path) -> None:
    import json
    import shutil

    from equipoise.models.embedded import WEIGHTS

    folder = tmp_path / "opinionated"
    shutil.copytree(WEIGHTS / "mason", folder)
    taste = {"top_k": 1, "repetition_penalty": 1.9, "temperature": 0.2, "do_sample": True, "eos_token_id": [4, 9]}
    (folder / "generation_config.json").write_text(json.dumps(taste))
    strict = AdaptedModels([str(folder)], names=["x"])
    assert strict.ends(0) == [4, 9]
    engine = GenerateEngine(strict)
    rollouts = engine.generate(0, [strict.prompt(0, [{"role": "user", "content": "x"}])] * 60, max_tokens=2, seed=0)
    assert len({tuple(row) for row in rollouts.tokens.tolist()}) > 10
    assert engine.prove(0, rollouts) < 1e-4


def greedy(limit: int) -> GenerationConfig:
    return GenerationConfig(do_sample=False, max_new_tokens=limit, pad_token_id=0, eos_token_id=4)


def to_end(tokens: Sequence[int]) -> list[int]:
    return list(tokens[: tokens.index(4) + 1]) if 4 in tokens else list(tokens)


def alone(causal: Any, prompt: Sequence[int], limit: int) -> list[int]:
    ids = torch.tensor([list(prompt)])
    said = causal.generate(ids, attention_mask=torch.ones_like(ids), generation_config=greedy(limit))
    return to_end(said[0, len(prompt) :].tolist())


def test_rows_that_leave_and_prompts_read_once_change_no_token(models: AdaptedModels) -> None:
    asked = [*prompts(models, 1, each=4), [7], [7], [300, 12]]
    with models.playing(1) as model, torch.no_grad():
        causal = model.get_base_model()
        said = [to_end(row) for row in decode(causal, asked, greedy, max_tokens=60, ends=[4])]
        for prompt, response in zip(asked, said, strict=True):
            assert response == alone(causal, prompt, 60)
    assert len({len(row) for row in said}) > 3 and min(map(len, said)) < 60


def other_families() -> dict[str, Any]:
    """One whose cache is a sliding window, and one with learned positions."""
    torch.manual_seed(1)
    sliding = MistralConfig(
        vocab_size=60, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, sliding_window=5, initializer_range=0.5, max_position_embeddings=64,
    )  # fmt: skip
    learned = GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.5)
    return {"sliding": MistralForCausalLM(sliding).eval(), "learned": GPT2LMHeadModel(learned).eval()}


@pytest.mark.parametrize("family", ["sliding", "learned"])
def test_other_families_are_decoded_as_they_decode_themselves(family: str) -> None:
    causal = other_families()[family]
    asked = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14, 15, 16], [5, 6, 7]]
    with torch.no_grad():
        said = [to_end(row) for row in decode(causal, asked, greedy, max_tokens=20, ends=[4])]
        assert said == [alone(causal, prompt, 20) for prompt in asked]


def test_masks_texts_and_truncation_say_what_was_written(models: AdaptedModels) -> None:
    asked = prompts(models, 1)
    rollouts = GenerateEngine(models, rows=4).generate(1, asked, max_tokens=9, seed=2)
    for row, prompt in enumerate(asked):
        assert rollouts.prompts[row][rollouts.prompt_mask[row]].tolist() == prompt
        tokens = rollouts.tokens[row][rollouts.mask[row]].tolist()
        assert len(tokens) == rollouts.lengths[row] and 1 <= len(tokens) <= 9
        assert 4 not in tokens[:-1] and bool(rollouts.truncated[row]) == (tokens[-1] != 4)
        assert rollouts.texts[row] == models.tokenizer(1).decode(tokens, skip_special_tokens=True)
    assert 0 < rollouts.truncated.sum() < len(asked)
    some = rollouts.select([3, 0])
    assert some.texts == (rollouts.texts[3], rollouts.texts[0]) and torch.equal(some.tokens, rollouts.tokens[[3, 0]])


def test_responses_end_at_the_models_context(models: AdaptedModels) -> None:
    engine = GenerateEngine(models)
    asked = [[7] * 766, [7] * 30, [7] * 767]
    rollouts = engine.generate(0, asked, max_tokens=6, seed=0)
    assert rollouts.lengths[0] <= 2 and rollouts.lengths[2] == 1
    with pytest.raises(InputError, match=r"768 tokens leaves 'ann' no room.*768 tokens"):
        engine.generate(0, [[7], [7] * 768], max_tokens=6, seed=0)
    with pytest.raises(InputError, match="every prompt needs a token"):
        engine.generate(0, [[7], []], max_tokens=6, seed=0)
    with pytest.raises(InputError, match="max_tokens must be 1 or more, not 0"):
        engine.generate(0, [[7]], max_tokens=0, seed=0)


@pytest.mark.parametrize(
    "lack",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nand more"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError("no"),
    ],
)
def test_a_lack_of_memory_says_what_to_lower(models: AdaptedModels, monkeypatch: pytest.MonkeyPatch, lack: Any) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise lack

    monkeypatch.setattr(engines, "decode", full)
    with pytest.raises(
        OutOfMemory, match=r"a rollout of 2 rows of at most 3 \+ 5 tokens.*rollout_rows or max_tokens.*bfloat16"
    ) as told:
        GenerateEngine(models).generate(0, [[7], [7, 8, 9]], max_tokens=5, seed=0)
    assert "\n" not in str(told.value)


def test_other_errors_are_left_alone(models: AdaptedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(engines, "decode", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        GenerateEngine(models).generate(0, [[7]], max_tokens=5, seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_whole_path_on_a_gpu(dtype: str) -> None:
    models = AdaptedModels(TEAM, names=["ann", "bob", "cleo"], device="cuda", dtype=dtype, gradient_checkpointing=True)
    engine = GenerateEngine(models)
    state = torch.cuda.get_rng_state()
    for i in range(3):
        moved(models, i)
        rollouts = engine.generate(i, prompts(models, i), max_tokens=20, seed=i)
        assert rollouts.texts == engine.generate(i, prompts(models, i), max_tokens=20, seed=i).texts
        engine.prove(i, rollouts)
        with models.training(i) as model:
            token_scores(model, rollouts, hidden=True).log_probabilities.sum().backward()
        assert all(p.grad is not None and p.grad.is_cuda and p.grad.isfinite().all() for p in models.parameters(i))
    assert torch.equal(state, torch.cuda.get_rng_state())


def test_bfloat16_is_proved_within_its_rounding_and_a_wrong_adapter_is_caught() -> None:
    models = Faulty(TEAM, names=["ann", "bob", "cleo"], dtype="bfloat16")
    moved(models, 1)
    engine = GenerateEngine(models)
    rollouts = engine.generate(1, prompts(models, 1), max_tokens=20, seed=1)
    assert 1e-4 < engine.prove(1, rollouts) < 0.5
    models.played = lambda i: AdaptedModels.playing(models, 2)
    with pytest.raises(EngineError):
        engine.prove(1, rollouts)


def test_a_sampling_temperature_of_0_takes_the_likeliest_tokens(models: AdaptedModels) -> None:
    asked = prompts(models, 1, each=2)
    first, other = (GenerateEngine(models).generate(1, asked, max_tokens=8, seed=seed, sampling_temperature=0.0)
                    for seed in (1, 2))  # fmt: skip
    assert torch.equal(first.tokens, other.tokens)
    with models.playing(1) as model, torch.no_grad():
        for row, prompt in enumerate(asked):
            assert first.tokens[row][first.mask[row]].tolist() == alone(model.get_base_model(), prompt, 8)


def test_in_bfloat16_one_odd_token_is_no_other_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    models = AdaptedModels(["embedded/abacus"], names=["x"], dtype="bfloat16")
    engine = GenerateEngine(models)
    rollouts = engine.generate(0, prompts(models, 0), max_tokens=40, seed=1)
    real = engine._played

    def odd(executor: int, probe: Rollouts) -> Any:
        played = real(executor, probe)
        played[0, 0] -= 0.9
        return played

    monkeypatch.setattr(engine, "_played", odd)
    assert engine.prove(0, rollouts) > 0.7
    monkeypatch.setattr(engine, "_played", lambda i, probe: (real(i, probe) - 0.2) * probe.mask)
    with pytest.raises(EngineError, match="in the mean"):
        engine.prove(0, rollouts)

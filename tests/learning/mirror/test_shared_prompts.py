"""Sharing prompts changes neither states nor gradients, and is left out where it cannot be done."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from torch import Tensor
from transformers import Gemma2Config, Gemma2ForCausalLM, GPT2Config, GPT2LMHeadModel

from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.shared_prompts import distinct, states_before

PROMPTS = [[5, 6, 7], [8, 9], [5, 6, 7], [0, 8, 9, 4], [5, 6, 7], [8, 9]]
ANSWERS = [[1, 2, 3, 4], [5], [6, 7], [1, 2, 3], [8, 8, 8, 8, 8], [3, 1]]


def rollouts(answers: list[list[int]] = ANSWERS) -> Rollouts:
    before, after = max(map(len, PROMPTS)) + 1, max(map(len, answers)) + 2
    return Rollouts(
        prompts=torch.tensor([[0] * (before - len(p)) + p for p in PROMPTS]),
        prompt_mask=torch.tensor([[False] * (before - len(p)) + [True] * len(p) for p in PROMPTS]),
        tokens=torch.tensor([a + [0] * (after - len(a)) for a in answers]),
        mask=torch.tensor([[True] * len(a) + [False] * (after - len(a)) for a in answers]),
        truncated=torch.zeros(len(PROMPTS), dtype=torch.bool),
        texts=("",) * len(PROMPTS),
    )


def model() -> Any:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=11,
        bos_token_id=None,
        eos_token_id=None,
        n_positions=32,
        n_embd=12,
        n_layer=2,
        n_head=2,
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
    )
    return GPT2LMHeadModel(config).double().eval()


def alone(causal: Any, row: int) -> Tensor:
    """The states before a row's tokens, from the row by itself."""
    ids = torch.tensor([PROMPTS[row] + ANSWERS[row]])
    return causal.transformer(ids).last_hidden_state[0, len(PROMPTS[row]) - 1 : -1]


def positions_read(causal: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    real = causal.transformer.forward

    def spy(input_ids: Tensor, **named: Any) -> Any:
        found.append(input_ids.numel())
        return real(input_ids=input_ids, **named)

    monkeypatch.setattr(causal.transformer, "forward", spy)
    return found


def test_states_and_gradients_are_those_of_single_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    causal, held = model(), rollouts()
    pull = torch.randn(len(PROMPTS), 5, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sum((alone(causal, row) * pull[row, : len(ANSWERS[row])]).sum() for row in range(len(PROMPTS))).backward()  # pyright: ignore
    wanted = [parameter.grad.clone() for parameter in causal.transformer.parameters()]
    causal.zero_grad()
    read = positions_read(causal, monkeypatch)
    found = states_before(causal, held)
    assert read[:2] == [3 * 4, 6 * 4]  # three distinct prompts, and what comes before the last of five tokens
    (found * pull * held.mask[:, :5, None]).sum().backward()
    for row, answer in enumerate(ANSWERS):
        assert torch.allclose(found[row, : len(answer)], alone(causal, row), atol=1e-9)
    for parameter, gradient in zip(causal.transformer.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-8)


def test_one_token_answers_need_their_prompts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    causal = model()
    read = positions_read(causal, monkeypatch)
    assert states_before(causal, rollouts([[1]] * 6)).shape == (6, 1, 12)
    assert read == [3 * 4]


def test_where_a_cache_cannot_be_shared_every_row_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    causal, held = model(), rollouts()
    plain = states_before(causal, held)
    causal.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    causal.train()
    read = positions_read(causal, monkeypatch)
    again = states_before(causal, held)
    assert read == [6 * 9]
    assert torch.allclose(again[held.mask[:, :5]], plain[held.mask[:, :5]], atol=1e-9)
    windows = Gemma2Config(
        vocab_size=11,
        hidden_size=12,
        intermediate_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        head_dim=6,
        sliding_window=3,
    )
    sliding = Gemma2ForCausalLM(windows).eval()
    with torch.no_grad():
        assert states_before(sliding, held).shape == (6, 5, 12)


def test_prompts_are_told_apart_by_their_tokens_and_not_by_padding() -> None:
    held = rollouts()
    first, row = distinct(held.prompts, held.prompt_mask)
    assert row[0] == row[2] == row[4] and row[1] == row[5] and len(first) == 3
    assert [row[place] for place in first.tolist()] == [0, 1, 2]
    assert distinct(held.prompts, torch.ones_like(held.prompt_mask))[1].tolist() == row.tolist()

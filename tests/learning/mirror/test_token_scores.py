"""Scores against transformers' own logits, row by row and without padding, and against finite differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
)

from equipoise.learning.mirror import token_scores as scoring
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.token_scores import token_scores
from equipoise.models.embedded import WEIGHTS

LENGTHS = [(3, 7), (11, 2), (1, 12), (6, 1), (8, 5)]
"""Tokens of prompt and response."""


def padded(pairs: Sequence[tuple[list[int], list[int]]], *, spare: tuple[int, int] = (0, 0)) -> Rollouts:
    """Rollouts of prompts and responses, with spare columns of padding on either side."""
    before = max(len(prompt) for prompt, _ in pairs) + spare[0]
    after = max(len(response) for _, response in pairs) + spare[1]
    return Rollouts(
        prompts=torch.tensor([[0] * (before - len(p)) + p for p, _ in pairs]),
        prompt_mask=torch.tensor([[False] * (before - len(p)) + [True] * len(p) for p, _ in pairs]),
        tokens=torch.tensor([r + [0] * (after - len(r)) for _, r in pairs]),
        mask=torch.tensor([[True] * len(r) + [False] * (after - len(r)) for _, r in pairs]),
        truncated=torch.zeros(len(pairs), dtype=torch.bool),
        texts=("",) * len(pairs),
    )


def drawn(vocabulary: int, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        tuple(torch.randint(1, vocabulary, (n,), generator=generator).tolist() for n in both)  # pyright: ignore
        for both in LENGTHS
    ]


def expected(model: Any, prompt: list[int], response: list[int], temperature: float) -> tuple[Any, Any]:
    """Log-probabilities and entropies of one row, from the model's own logits."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
    said = torch.distributions.Categorical(logits=logits.double() / temperature)
    return said.log_prob(torch.tensor(response)), said.entropy()


def agrees(model: Any, rollouts: Rollouts, pairs: Any, temperature: float, within: float = 1e-4) -> None:
    with torch.no_grad():
        found = token_scores(model, rollouts, temperature=temperature)
    for row, (prompt, response) in enumerate(pairs):
        log_probabilities, entropies = expected(model, prompt, response, temperature)
        count = len(response)
        assert (found.log_probabilities[row, :count] - log_probabilities).abs().max() < within
        assert (found.entropies[row, :count] - entropies).abs().max() < within
        assert not found.log_probabilities[row, count:].any() and not found.entropies[row, count:].any()


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(WEIGHTS / "abacus", dtype=torch.float32).eval()


@pytest.mark.parametrize("temperature", [1.0, 0.6, 2.5])
def test_scores_are_those_of_single_rows(model: Any, temperature: float) -> None:
    pairs = drawn(900)
    agrees(model, padded(pairs, spare=(2, 3)), pairs, temperature)


def tiny(config: Any, made: Any, **own: Any) -> Any:
    torch.manual_seed(2)
    size = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 48}
    shape = {"vocab_size": 60, "hidden_size": 32, "initializer_range": 0.5, "pad_token_id": 0, "eos_token_id": 2}
    return made(config(**size, **shape, bos_token_id=1, **own)).eval()


def families() -> dict[str, Any]:
    """Models of families that reshape their logits, or place tokens otherwise."""
    learned = GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=60, n_positions=40, initializer_range=0.5)
    torch.manual_seed(3)
    return {
        "cohere": tiny(CohereConfig, CohereForCausalLM, logit_scale=0.3),
        "gemma2": tiny(Gemma2Config, Gemma2ForCausalLM, head_dim=16, final_logit_softcapping=2.0, sliding_window=6),
        "granite": tiny(GraniteConfig, GraniteForCausalLM, logits_scaling=4.0),
        "gpt2": GPT2LMHeadModel(learned).eval(),
    }


@pytest.mark.parametrize("family", ["cohere", "gemma2", "granite", "gpt2"])
def test_other_families_logits_are_scored_as_they_make_them(family: str) -> None:
    pairs = drawn(60, seed=1)
    agrees(families()[family], padded(pairs), pairs, 0.8)


def test_neither_padding_nor_chunks_nor_company_change_a_score(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = drawn(900)
    with torch.no_grad():
        whole = token_scores(model, padded(pairs), hidden=True)
        wide = token_scores(model, padded(pairs, spare=(5, 4)), chunk=2)
        monkeypatch.setattr(scoring, "_LOGITS", 952 * 4)
        parts = token_scores(model, padded(pairs), chunk=3, hidden=True)
    columns = whole.log_probabilities.shape[1]
    for other in (wide, parts):
        torch.testing.assert_close(other.log_probabilities[:, :columns], whole.log_probabilities, atol=1e-4, rtol=0)
        torch.testing.assert_close(other.entropies[:, :columns], whole.entropies, atol=1e-4, rtol=0)
    torch.testing.assert_close(parts.hidden, whole.hidden, atol=1e-4, rtol=0)


def test_rows_come_in_the_order_wanted(model: Any) -> None:
    rollouts = padded(drawn(900))
    with torch.no_grad():
        whole = token_scores(model, rollouts, hidden=True)
        some = token_scores(model, rollouts, rows=[4, 0, 0, 2], hidden=True)
    for name in ("log_probabilities", "entropies", "hidden"):
        torch.testing.assert_close(getattr(some, name), getattr(whole, name)[[4, 0, 0, 2]], atol=1e-4, rtol=0)


def test_hidden_states_are_what_predicted_each_token(model: Any) -> None:
    rollouts = padded(drawn(900))
    with torch.no_grad():
        found = token_scores(model, rollouts, hidden=True)
        assert found.hidden is not None
        logits = model.lm_head(found.hidden)
    again = torch.log_softmax(logits, -1).gather(-1, rollouts.tokens[..., None])[..., 0]
    torch.testing.assert_close(again[rollouts.mask], found.log_probabilities[rollouts.mask], atol=1e-4, rtol=0)
    assert not found.hidden[~rollouts.mask].any()
    assert token_scores(model, rollouts, rows=[1]).hidden is None


@pytest.fixture
def exact() -> Any:
    """A model in float64; of those at hand, only GPT-2's norms do not compute in float32 whatever they are given."""
    return families()["gpt2"].double()


def loss(model: Any, rollouts: Rollouts) -> Any:
    weights = torch.linspace(-1.0, 2.0, rollouts.mask.numel(), dtype=torch.float64).view(rollouts.mask.shape)
    scores = token_scores(model, rollouts, temperature=1.3, hidden=True)
    assert scores.hidden is not None
    return (weights * (scores.log_probabilities + 0.7 * scores.entropies)).sum() + 0.1 * scores.hidden.sum()


def gradient(model: Any, rollouts: Rollouts) -> Any:
    parts = torch.autograd.grad(loss(model, rollouts), list(model.parameters()))
    return torch.cat([part.flatten() for part in parts])


def test_gradients_are_finite_differences(exact: Any) -> None:
    rollouts = padded(drawn(60))
    parameters, found = list(exact.parameters()), gradient(exact, rollouts)
    way = torch.randn(found.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    start, values = torch.nn.utils.parameters_to_vector(parameters).detach(), []
    with torch.no_grad():
        for step in (1e-6, -1e-6):
            torch.nn.utils.vector_to_parameters(start + step * way, parameters)
            values.append(float(loss(exact, rollouts)))
        torch.nn.utils.vector_to_parameters(start, parameters)
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(float(found @ way), rel=1e-6)


def test_chunks_computed_again_give_the_same_gradient(exact: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rollouts = padded(drawn(60))
    whole = gradient(exact, rollouts)
    monkeypatch.setattr(scoring, "_LOGITS", 60 * 3)
    torch.testing.assert_close(gradient(exact, rollouts), whole, atol=1e-10, rtol=1e-9)


def test_the_logits_of_a_large_vocabulary_are_never_whole(exact: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    exact.get_output_embeddings().register_forward_hook(lambda _layer, _given, made: seen.append(made.shape[0]))
    monkeypatch.setattr(scoring, "_LOGITS", 60 * 6)
    gradient(exact, padded(drawn(60)))
    assert max(seen) == 6
    assert sum(seen) == 2 * sum(response for _, response in LENGTHS)


def test_scores_under_an_adapter_are_those_of_the_wrapped_model() -> None:
    models = AdaptedModels(["embedded/mason", "embedded/mason"], names=["x", "y"])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in models.parameters(1):
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    pairs = drawn(900)
    for block in (models.playing(0), models.playing(1), models.training(1), models.reference(1)):
        with block as wrapped:
            agrees(wrapped, padded(pairs), pairs, 1.0)

"""Text embeddings: means of real hidden states, against transformers by hand; meaning; memory; loud failure."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BertConfig, BertModel

from equipoise.errors import InputError
from equipoise.models.embedded import WEIGHTS, list_embedded
from equipoise.networks.text_embedding import DEFAULT, TextEmbedder, cosine_similarity
from equipoise.tasks.family import draw_split, families

TEXTS = ["the answer is 17", "12 + 5 = 17", "17", "stack the red block on the blue block", "the answer is 18 ."]


@pytest.mark.parametrize("name", list_embedded())
def test_embeddings_are_normalised_means_of_the_last_hidden_states(name: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(WEIGHTS / name, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / name)
    embedder = TextEmbedder(name)
    found = embedder.embed(TEXTS)
    assert found.shape == (5, embedder.size) and embedder.size == model.config.hidden_size
    for text, vector in zip(TEXTS, found, strict=True):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        with torch.no_grad():
            hidden = model(ids, output_hidden_states=True).hidden_states[-1][0]
        mean = hidden.mean(0)
        torch.testing.assert_close(vector, mean / mean.norm(), rtol=0, atol=2e-5)


def test_batches_and_order_change_nothing_but_rounding() -> None:
    whole = TextEmbedder(batch=64).embed(TEXTS)
    torch.testing.assert_close(TextEmbedder(batch=2).embed(TEXTS[::-1]).flip(0), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.norm(dim=-1), torch.ones(5))


def test_a_text_is_embedded_once(monkeypatch) -> None:
    embedder = TextEmbedder(remembered=3)
    rows: list[int] = []
    pooled = TextEmbedder._pooled
    monkeypatch.setattr(TextEmbedder, "_pooled", lambda self, ids: rows.append(len(ids)) or pooled(self, ids))
    first = embedder.embed(["a", "b", "a"])
    assert torch.equal(first[0], first[2])
    assert torch.equal(embedder.embed(["b", "a"]), first[[1, 0]])
    assert rows == [2]
    embedder.embed(["c", "d"])  # "b", the least recently used, is forgotten
    embedder.embed(["a"])
    assert rows == [2, 2]
    embedder.embed(["b"])
    assert rows == [2, 2, 1]


def test_responses_that_agree_are_nearer_than_responses_that_do_not() -> None:
    """Two workings of a puzzle with the same answer against one with a wrong answer, worded like the second.

    A hash of the text would be at 0.5; with 240 puzzles that is 0.6 once in a thousand times.
    """
    puzzles = [puzzle for family in families().values() for puzzle in draw_split(family, "test", 3, 40)]
    embedder = TextEmbedder(DEFAULT)
    right = embedder.embed([puzzle.right.worked["step_by_step"] for puzzle in puzzles])
    agreeing = embedder.embed([puzzle.right.worked["verify"] for puzzle in puzzles])
    other = embedder.embed([puzzle.wrong[0].worked["verify"] for puzzle in puzzles])
    nearer = cosine_similarity(right, agreeing) > cosine_similarity(right, other)
    assert nearer.float().mean() > 0.6


def test_cosines_of_vectors_with_themselves_and_their_opposites() -> None:
    found = TextEmbedder(DEFAULT).embed(TEXTS)
    torch.testing.assert_close(cosine_similarity(found, found), torch.ones(5))
    torch.testing.assert_close(cosine_similarity(found[:, None], -3 * found)[2, 2], torch.tensor(-1.0))
    assert cosine_similarity(found * 1e3, found).max() <= 1.0


def test_empty_and_overlong_texts() -> None:
    embedder = TextEmbedder()
    found = embedder.embed(["", "17", "1 + " * 5000])
    assert found[0].abs().max() == 0 and cosine_similarity(found[0], found[1]) == 0
    assert torch.isfinite(found).all()
    assert embedder.embed([]).shape == (0, embedder.size)
    assert TextEmbedder().embed([""]).abs().max() == 0


def test_an_encoder_of_a_folder_is_pooled_over_its_own_tokens(tmp_path: Path) -> None:
    """A bidirectional model with random weights, as a sentence encoder would be named."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=1000, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    model = BertModel(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / DEFAULT)
    tokenizer.save_pretrained(tmp_path)
    found = TextEmbedder(str(tmp_path)).embed(["17", "12 + 5 = 17"])
    for text, vector in zip(["17", "12 + 5 = 17"], found, strict=True):
        with torch.no_grad():
            mean = model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0].mean(0)
        torch.testing.assert_close(vector, mean / mean.norm(), rtol=0, atol=1e-5)


def test_both_names_of_an_embedded_model_are_the_same() -> None:
    assert torch.equal(TextEmbedder("embedded/sage").embed(["some cats"]), TextEmbedder("sage").embed(["some cats"]))


@pytest.mark.parametrize("name", ["BAAI/no-such-encoder", "abakus"])
def test_a_missing_model_is_an_error_that_says_what_to_do(name: str) -> None:
    with pytest.raises(InputError, match=f"no model '{name}' to embed texts.*abacus, mason, sage.*hf download {name}"):
        TextEmbedder(name)

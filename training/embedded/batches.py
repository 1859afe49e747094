"""Training batches: exchanges encoded, bucketed by length and padded, in an order that depends on the recipe only."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from training.embedded.data import Mixture
from training.embedded.recipes import Recipe
from training.embedded.tokenizer import PAD, chat_text, reply_text

CHUNK = 2048
"""Exchanges drawn and bucketed together."""

BATCH_TOKENS = 1280
"""Tokens of a batch, with padding."""

GROUP = 4
"""Batches of an optimizer step."""

LONGEST = 512
"""Exchanges of more tokens are left out of training."""

IGNORED = -100


@dataclass(frozen=True)
class Batch:
    """Token ids `[B, T]`, padded at the right, and the labels `[B, T]` of the next tokens of responses."""

    ids: Tensor
    labels: Tensor


def _encoded(mixture: Mixture, tokenizer: PreTrainedTokenizerFast) -> list[tuple[list[int], int]]:
    """Token ids of a chunk of exchanges, each with the length of its prompt."""
    drawn = list(itertools.islice(mixture, CHUNK))
    fast = tokenizer.backend_tokenizer
    prompts = fast.encode_batch([chat_text(one.messages) for one in drawn])
    targets = fast.encode_batch([reply_text(one.target) for one in drawn])
    rows = [(p.ids + t.ids, len(p.ids)) for p, t in zip(prompts, targets, strict=True)]
    return [row for row in rows if len(row[0]) <= LONGEST]


def _padded(rows: list[tuple[list[int], int]], pad: int) -> Batch:
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad)
    labels = torch.full((len(rows), width), IGNORED)
    for i, (row, prompt) in enumerate(rows):
        tokens = torch.tensor(row)
        ids[i, : len(row)] = tokens
        labels[i, prompt - 1 : len(row) - 1] = tokens[prompt:]
    return Batch(ids, labels)


def chunk_steps(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, chunk: int) -> list[list[Batch]]:
    """The batches of one chunk, `GROUP` for each optimizer step; the same for the same arguments.

    A batch holds exchanges of one length, and thus few kinds of them; a step joins batches drawn at random.
    """
    rng = random.Random(f"train|{recipe.seed}|{chunk}")
    rows = sorted(_encoded(Mixture(recipe, rng), tokenizer), key=lambda row: len(row[0]))
    batches: list[list[tuple[list[int], int]]] = [[]]
    for row in rows:
        if (len(batches[-1]) + 1) * len(row[0]) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    rng.shuffle(batches)
    pad = int(tokenizer.convert_tokens_to_ids(PAD))  # pyright: ignore[reportArgumentType]
    padded = [_padded(rows, pad) for rows in batches if rows]
    return [padded[i : i + GROUP] for i in range(0, len(padded) - GROUP + 1, GROUP)]


def stream(
    recipe: Recipe, tokenizer: PreTrainedTokenizerFast, chunk: int, done: int
) -> Iterator[tuple[int, int, list[Batch]]]:
    """Steps from a place on, each with the place after it: (chunk, steps done in it)."""
    while True:
        steps = chunk_steps(recipe, tokenizer, chunk)
        for i in range(done, len(steps)):
            yield chunk, i + 1, steps[i]
        chunk, done = chunk + 1, 0

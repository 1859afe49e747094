"""Rollouts: an executor's responses to many prompts at once, behind one seam, and the proof that what trains plays.

`RolloutEngine` is the seam. `GenerateEngine` fills it with transformers' `generate` on the very model in training:
prompts sorted by length, padded on the left, sampled at temperature 1 from the whole vocabulary, so that the tokens are
draws from the distribution whose log-probabilities are trained. A serving engine with runtime LoRA would fill it too.

Why prove anything: with a second copy of the weights, a cache or an adapter switch in between, rollouts can come from
an adapter of yesterday, and training then follows a gradient of nothing without a sign of it. `prove` replays tokens
through the engine's own decoding (left padding, cache, one token at a time), takes its logits at every step, and
compares with what training computes for the same tokens in one pass.

Cost: a forward pass of one token per running row and step; see `staged_decoding` for how rows leave that have ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig

from equipoise.errors import EngineError, InputError
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.out_of_memory import memory_told
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.staged_decoding import Forced, decode
from equipoise.learning.mirror.token_scores import token_scores

_PROBED = 8
"""Rows of a probe."""

TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-4, torch.bfloat16: 0.05}
"""Nats by which played and trained log-probabilities may differ: the mean in bfloat16, each in float32 and float64.

bfloat16 rounds one token at a time otherwise than all at once: .009 nats in the mean and .17 at most over 2,490 tokens
of an embedded model, from which another adapter is .39 and 9.4 away. The largest of many roundings grows with their
number, the mean does not. So there a wrong adapter shows, and a small update less."""


class RolloutEngine(Protocol):
    """Whatever turns prompts into an executor's responses."""

    def generate(
        self,
        executor: int,
        prompts: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        seed: int,
        sampling_temperature: float = 1.0,
    ) -> Rollouts:
        """One response to each prompt of token ids; equal arguments and weights give equal responses."""
        ...

    def prove(self, executor: int, rollouts: Rollouts, tolerance: float | None = None) -> float:
        """The largest difference in log-probability, in nats, between what is played and what is trained.

        Raises:
            EngineError: it is larger than the tolerance.
        """
        ...


class GenerateEngine:
    """Rollouts by transformers' `generate`, on the model in training, with its adapter unmerged.

    Args:
        models: of the executors.
        rows: most responses in work at a time.
    """

    def __init__(self, models: AdaptedModels, *, rows: int = 128) -> None:
        self._models = models
        self._rows = rows

    def generate(
        self,
        executor: int,
        prompts: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        seed: int,
        sampling_temperature: float = 1.0,
    ) -> Rollouts:
        """One sampled response to each prompt, the likeliest tokens at a sampling temperature of 0.

        Equal arguments, weights and `rows` give equal responses.
        Responses end at the model's context too, and are truncated then.

        Raises:
            InputError: a prompt without tokens, or one that leaves no room for a response.
            OutOfMemory: a chunk does not fit.
        """
        limits = self._limits(executor, prompts, max_tokens)
        drawn = {"temperature": sampling_temperature, "top_k": 0, "top_p": 1.0} if sampling_temperature else {}
        responses: list[list[int]] = [[] for _ in prompts]
        with _drawing(seed, self._models.device):
            for rows in _chunks([len(prompt) for prompt in prompts], limits, self._rows):
                asked, limit = [prompts[row] for row in rows], limits[rows[0]]
                said = self._decoded(executor, asked, limit, do_sample=bool(drawn), **drawn)
                for row, tokens in zip(rows, said, strict=True):
                    responses[row] = tokens
        return self._rollouts(executor, prompts, responses)

    def prove(self, executor: int, rollouts: Rollouts, tolerance: float | None = None) -> float:
        """The largest difference in log-probability, in nats, between what is played and what is trained, on a probe.

        The probe is 8 rows spread over the rollouts. They need not have been written by the adapter of now.

        Args:
            executor: whose.
            rollouts: to take the probe from.
            tolerance: in nats, of the mean difference in bfloat16; by the base's dtype when None, see `TOLERANCES`.

        Raises:
            EngineError: it is larger than the tolerance.
        """
        tolerance = TOLERANCES[self._models.dtype] if tolerance is None else tolerance
        count = len(rollouts.texts)
        probe = rollouts.select(sorted({round(i) for i in np.linspace(0, count - 1, min(count, _PROBED))}))
        # Rows are played in one batch, so that all end where the longest prompt's context does.
        room = self._models.context(executor) - int(probe.prompt_mask.sum(1).max())
        probe = replace(probe, tokens=probe.tokens[:, :room], mask=probe.mask[:, :room])
        played = self._played(executor, probe)
        lower = "Lower max_tokens, or begin anew with dtype bfloat16."
        with memory_told("a proof", lower=lower), self._models.training(executor) as model, torch.no_grad():
            trained = token_scores(model, probe).log_probabilities
        apart = (played - trained).abs()[probe.mask]
        rounded = self._models.dtype == torch.bfloat16
        judged, how = (float(apart.mean()), "in the mean") if rounded else (float(apart.max()), "at most")
        if not judged <= tolerance:
            raise EngineError(
                f"the rollouts of '{self._models.names[executor]}' do not come from the adapter in training: "
                f"log-probabilities of the same tokens differ by {judged:.3g} nats {how}, allowed is {tolerance:g}. "
                "The engine holds a stale or another adapter, and training on them would follow another policy's "
                "gradient; or rounding does it, where a larger proof_tolerance helps."
            )
        return float(apart.max())

    def _played(self, executor: int, rollouts: Rollouts) -> Tensor:
        """Log-probabilities of given tokens as decoding sees them, step by step, 0 outside the mask. [R, T]"""
        forced = Forced(rollouts.tokens)
        rows = zip(rollouts.prompts, rollouts.prompt_mask, strict=True)
        prompts = [ids[mask].tolist() for ids, mask in rows]
        self._decoded(executor, prompts, int(rollouts.lengths.max()), forced=forced, do_sample=False)
        return forced.log_probabilities.where(rollouts.mask, 0.0)

    def _decoded(
        self,
        executor: int,
        prompts: Sequence[Sequence[int]],
        limit: int,
        *,
        forced: Forced | None = None,
        **sampling: Any,
    ) -> list[list[int]]:
        ends, pad = self._models.ends(executor), self._models.tokenizer(executor).pad_token_id

        def config(most: int) -> GenerationConfig:
            return GenerationConfig(max_new_tokens=most, eos_token_id=ends, pad_token_id=pad, **sampling)

        doing = f"a rollout of {len(prompts)} rows of at most {max(map(len, prompts))} + {limit} tokens"
        lower = "Lower rollout_rows or max_tokens, or begin anew with dtype bfloat16."
        with memory_told(doing, lower=lower), self._models.playing(executor) as model, torch.inference_mode():
            causal = model.get_base_model()
            return decode(causal, prompts, config, max_tokens=limit, ends=ends, forced=forced)

    def _limits(self, executor: int, prompts: Sequence[Sequence[int]], max_tokens: int) -> list[int]:
        """Most tokens of each response."""
        context = self._models.context(executor)
        longest, shortest = max(map(len, prompts)), min(map(len, prompts))
        name = self._models.names[executor]
        if max_tokens < 1 or shortest < 1:
            raise InputError(
                f"'{name}': every prompt needs a token and max_tokens must be 1 or more, not {max_tokens}."
            )
        if longest >= context:
            raise InputError(
                f"a prompt of {longest} tokens leaves '{name}' no room: its context is {context} tokens. Leave long "
                "questions out, or take a base with a longer context."
            )
        return [min(max_tokens, context - len(prompt)) for prompt in prompts]

    def _padded(self, prompts: Sequence[Sequence[int]], executor: int) -> tuple[Tensor, Tensor]:
        """Ids and mask of prompts padded on the left. [R, P] each."""
        width, pad = max(map(len, prompts)), self._models.tokenizer(executor).pad_token_id
        ids = [[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        return torch.tensor(ids, device=self._models.device), torch.tensor(mask, device=self._models.device)

    def _rollouts(
        self, executor: int, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]]
    ) -> Rollouts:
        tokenizer, ends = self._models.tokenizer(executor), set(self._models.ends(executor))
        cut = [_to_end(response, ends) for response in responses]
        columns = max(map(len, cut))
        ids = [[*tokens, *[tokenizer.pad_token_id] * (columns - len(tokens))] for tokens in cut]
        lengths = torch.tensor([len(tokens) for tokens in cut], device=self._models.device)
        padded, mask = self._padded(prompts, executor)
        return Rollouts(
            prompts=padded,
            prompt_mask=mask.bool(),
            tokens=torch.tensor(ids, device=self._models.device),
            mask=torch.arange(columns, device=self._models.device) < lengths[:, None],
            truncated=torch.tensor([tokens[-1] not in ends for tokens in cut], device=self._models.device),
            texts=tuple(tokenizer.batch_decode(cut, skip_special_tokens=True)),
        )


@contextmanager
def _drawing(seed: int, device: torch.device) -> Iterator[None]:
    """A block in which torch's draws on the device follow the seed; its generators are as before when it ends."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _chunks(lengths: Sequence[int], limits: Sequence[int], rows: int) -> list[list[int]]:
    """Numbers of prompts by length, at most `rows` together, all of a chunk with the same limit."""
    chunks: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: lengths[number]):
        if chunks and len(chunks[-1]) < rows and limits[chunks[-1][0]] == limits[number]:
            chunks[-1].append(number)
        else:
            chunks.append([number])
    return chunks


def _to_end(tokens: Sequence[int], ends: set[int]) -> list[int]:
    """Tokens up to the first end mark, that included."""
    for place, token in enumerate(tokens):
        if token in ends:
            return list(tokens[: place + 1])
    return list(tokens)

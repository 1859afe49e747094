"""The part of `benchmarks/mirror.py` that measures speed and memory, each as a share of a limit in the same process.

Rollouts are compared with one call of transformers' `generate` on the same prompts and adapter; training with a bare
forward–backward pass of cross-entropy over the same rows in parts of the same size. Tokens of answers are counted up to
their end marks, tokens of training with their prompts and without padding; tokens and seconds are those of all
executors together. The rollouts that are trained on are those of the bare pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import torch
from torch.nn import functional as F

from equipoise.learning.belief_questions import questions_of
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.batches import Sizes, parts
from equipoise.learning.mirror.engine import GenerateEngine
from equipoise.learning.mirror.frozen_bases import base_of
from equipoise.learning.mirror.joint import JointPlay, JointRollouts
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.run import MirrorRun
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.team.team import Team

QUESTIONS = 16
SETTINGS = MirrorSettings(prompts=QUESTIONS, validation=0)


def throughput(team: Team) -> dict[str, Any]:
    """Tokens a second of rollouts and training, and their shares of the bare calls."""
    asked = questions_of("embedded", {"split": "validation", "n_per_family": 4})[:QUESTIONS]
    models = AdaptedModels.of(team.executors)
    engine = GenerateEngine(models)
    play = _Kept(models, engine, team, asked)
    places = list(range(len(asked)))
    run = MirrorRun(models, engine, play, {"train": places, "validation": []}, SETTINGS)
    run.iterate()  # whatever is slow once
    cost = run.iterate().cost
    count = range(len(models.names))
    rates = {
        "rollout": cost.rollout_rate,
        "generate": _rate([_bare_generate(models, i, play.joint, max(play.limits)) for i in count]),
        "train": cost.training_rate,
        "forward_backward": _rate([_bare_training(models, i, play.joint.rollouts[i]) for i in count]),
    }
    return {
        "rollout": rates["rollout"] / rates["generate"],
        "train": rates["train"] / rates["forward_backward"],
        "tokens_per_s": rates,
    }


class _Kept(JointPlay):
    """Keeps the latest rollouts."""

    joint: JointRollouts

    def play(self, *args: Any, **settings: Any) -> JointRollouts:
        """As told."""
        self.joint = super().play(*args, **settings)
        return self.joint


def _rate(bare: Sequence[tuple[float, float]]) -> float:
    """Tokens a second, from tokens and seconds of each executor."""
    return sum(tokens for tokens, _ in bare) / sum(seconds for _, seconds in bare)


def memory(team: Team) -> dict[str, Any]:
    """Bytes of N adapters on one base, and of N models."""
    base = base_of(team.executors[0])
    names = [executor.name for executor in team.executors]
    held = AdaptedModels([base] * len(names), names=names).memory()
    return {"base_and_adapters": held.bases + held.adapters, "separate_models": held.separate}


def _bare_generate(models: AdaptedModels, executor: int, joint: JointRollouts, limit: int) -> tuple[float, float]:
    """Tokens and seconds of one call."""
    rollouts, ends = joint.rollouts[executor], models.ends(executor)
    began = perf_counter()
    with models.playing(executor) as model, torch.inference_mode():
        causal: Any = model.get_base_model()
        output = causal.generate(
            input_ids=rollouts.prompts,
            attention_mask=rollouts.prompt_mask.long(),
            max_new_tokens=limit,
            do_sample=True,
            top_k=0,
            top_p=1.0,
            temperature=1.0,
            eos_token_id=ends,
            pad_token_id=models.tokenizer(executor).pad_token_id,
        )
    seconds = perf_counter() - began
    ended = torch.isin(output[:, rollouts.prompts.shape[1] :], torch.tensor(list(ends), device=output.device))
    written = (ended.cumsum(1) - ended.long() == 0).sum()
    return float(written), seconds


def _bare_training(models: AdaptedModels, executor: int, rollouts: Rollouts) -> tuple[float, float]:
    """Tokens and seconds of one pass, prompts included."""
    ids = torch.cat([rollouts.prompts, rollouts.tokens], 1)
    mask = torch.cat([rollouts.prompt_mask, rollouts.mask], 1)
    lengths = mask.sum(1)
    alone = Sizes(rollouts.prompt_mask.sum(1), rollouts.lengths, torch.arange(len(ids)))  # no prompt is shared
    rows = parts(torch.arange(len(ids)), alone, tokens=SETTINGS.batch_tokens)
    began = perf_counter()
    with models.training(executor) as model:
        for part in rows:
            width = int(rollouts.lengths[part].max())
            begin = rollouts.prompts.shape[1] - int(rollouts.prompt_mask[part].sum(1).max())
            here, seen = ids[part, begin : rollouts.prompts.shape[1] + width], mask[part, begin:]
            seen = seen[:, : here.shape[1]]
            logits = model(input_ids=here, attention_mask=seen.long(), logits_to_keep=width + 1).logits[:, :-1]
            loss = F.cross_entropy(logits.flatten(0, 1), here[:, -width:].flatten(), reduction="none")
            (loss * seen[:, -width:].flatten()).mean().backward()
    return float(lengths.sum()), perf_counter() - began

"""What an iteration gives to the updates: actors that score rollouts, the reference's view, temperatures, critics.

Cost: one forward pass of the frozen reference over an executor's rollouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.answer_game import AnswerGame
from equipoise.learning.mirror.batches import Sizes, parts
from equipoise.learning.mirror.critics import TeamCritics
from equipoise.learning.mirror.joint import JointRollouts
from equipoise.learning.mirror.objective import Batch, unmasked
from equipoise.learning.mirror.out_of_memory import memory_told
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.settings import Group, MirrorSettings
from equipoise.learning.mirror.shared_prompts import distinct
from equipoise.learning.mirror.temperatures import prox_weights, temperatures
from equipoise.learning.mirror.token_scores import TokenScores, token_scores
from equipoise.learning.mirror.update import Appraise, Experience

LOWER = "Lower batch_tokens or max_tokens, take gradient checkpointing, or begin anew with dtype bfloat16."


@dataclass(frozen=True)
class Actor:
    """One executor's adapter and rollouts, as a policy that can be updated.

    Attributes:
        model: wrapped, with the adapter active.
        parameters: of the adapter.
        rollouts: that it scores.
        reads_hidden: whether hidden states are of any use.
    """

    model: Any
    parameters: Sequence[nn.Parameter]
    rollouts: Rollouts
    reads_hidden: bool

    def scores(self, rows: Tensor, *, hidden: bool = False) -> TokenScores:
        """Scores of some rows."""
        wanted = hidden and self.reads_hidden
        return token_scores(self.model, self.rollouts, rows=rows, hidden=wanted, chunk=len(rows))


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The frozen base on an executor's rollouts.

    Attributes:
        log_ref: log π_ref [R, T].
        entropies: of π_ref [R, T].
        prompts: hidden states at the prompts' ends [R, d].
    """

    log_ref: Tensor
    entropies: Tensor
    prompts: Tensor


def referenced(models: AdaptedModels, i: int, rollouts: Rollouts, batch_tokens: int) -> Reference:
    """What the frozen base says of an executor's rollouts.

    Raises:
        OutOfMemory: a part does not fit.
    """
    held = parts(torch.arange(len(rollouts.texts)), sizes(rollouts), tokens=batch_tokens)
    scored: list[TokenScores] = []
    ends: list[Tensor] = []
    with models.reference(i) as model, torch.no_grad(), memory_told("the reference's pass", lower=LOWER):
        for part in held:
            scores = token_scores(model, rollouts, rows=part, hidden=True, chunk=len(part))
            assert scores.hidden is not None
            ends.append(scores.hidden[:, 0].clone())  # the rest is not kept
            scored.append(replace(scores, hidden=None))
    back = torch.argsort(torch.cat(held)).to(rollouts.tokens.device)
    return Reference(
        log_ref=torch.cat([each.log_probabilities for each in scored])[back],
        entropies=torch.cat([each.entropies for each in scored])[back],
        prompts=torch.cat(ends)[back],
    )


def experience(
    rollouts: Rollouts, reference: Reference, appraise: Appraise, settings: MirrorSettings, *, seed: int
) -> Experience:
    """An executor's rollouts as its update takes them: rows that were cut off do not count.

    Args:
        rollouts: of the executor.
        reference: on them.
        appraise: their advantages.
        settings: temperatures, prox and partition.
        seed: of the partition "random".
    """
    log_ref = reference.log_ref
    alpha = temperatures(reference.entropies, log_ref, rollouts.mask, settings, seed=seed)
    batch = Batch(
        log_old=torch.zeros_like(log_ref),
        advantage=torch.zeros_like(log_ref),
        alpha=alpha,
        prox=prox_weights(alpha, settings),
        mask=unmasked(rollouts.mask, rollouts.truncated),
    )
    return Experience(batch=batch, log_ref=log_ref, sizes=sizes(rollouts), appraise=appraise)


def compared(joint: JointRollouts, games: Sequence[AnswerGame], i: int, kind: Group) -> Tensor:
    """What executor i's rollouts are compared by within their groups. Shape [M].

    Args:
        joint: the rollouts.
        games: of the questions, in the order of the groups.
        i: which executor.
        kind: see `Group`.
    """
    if kind != "expected":
        return joint.returns if kind == "team" else joint.rewards[:, i]
    found = torch.empty_like(joint.returns)
    for place, game in enumerate(games):
        found[joint.groups == place] = torch.from_numpy(game.expected(i)).to(found)
    return found


def critics(models: AdaptedModels, settings: MirrorSettings, *, longest: int) -> TeamCritics:
    """Critics and mixer that fit the executors' models, on their device.

    Args:
        models: whose hidden states and embeddings are read.
        settings: width, belief and seed.
        longest: most tokens of an answer.
    """
    tables, sizes = [], []
    for i in range(len(models.names)):
        with models.playing(i) as model:
            causal: Any = model.get_base_model()
            tables.append(causal.get_input_embeddings().weight)
            sizes.append(int(causal.config.get_text_config().hidden_size))
    made = TeamCritics(
        tables, sizes, width=settings.critic_width, longest=longest, belief=settings.belief, seed=settings.seed
    )
    return made.to(models.device)


def sizes(rollouts: Rollouts) -> Sizes:
    """Sizes of the rows, and which of them share a prompt."""
    _, groups = distinct(rollouts.prompts, rollouts.prompt_mask)
    return Sizes(rollouts.prompt_mask.sum(1), rollouts.mask.sum(1), groups)

r"""Critics of tokens and the mixer of executors: what a token is worth, to oneself and to the team.

$$b = \tanh W_b\,\nu(h_\ell), \quad Q_i(b, x, \ell) = f_i[b;\ W_x\,\nu(e_x);\ \ell/T], \quad
V_i(z, b, \ell) = g_i[b;\ z;\ \ell/T], \qquad z = \tfrac1N \sum_i W_z^i\,\nu(h^i_\mathrm{prompt})$$
$$L = \sum_i \mathbb E\big[(Q_i - G)^2 + (V_i - G)^2\big]/s^2
  + \mathbb E\big[(Q_\mathrm{tot} - R)^2\big], \quad Q_\mathrm{tot} = \sum_i w_i(z) \bar Q_i + b(z)$$

h is the last hidden state of executor i's model at the prefix before the token, detached; e_x the token's embedding in
the frozen base; ν a normalisation without parameters. ℓ is divided by the most tokens T an answer may have and not by
its length, which is of the future: a baseline that knew it would bias the gradient. z comes from the frozen reference,
so that a question's context stays what it is while adapters move. With "encoder", b is `networks.belief_encoder` over
the last 2048 token ids instead, at the cost of a small transformer.

G = r/L as a rule, so that a row's token values add up to the executor's return: Q̄_i is their sum; with G = r it is
their mean. Values are learned in units of s, the size of the first targets that are not all 0, so that the paper's rate
fits answers of any length. The last layers begin at 0: before anything is learned no token is better than another.

Advantages are taken before the rollouts they belong to are learned from: a critic that had seen them would have
memorised part of their noise.

Cost: O(tokens · width · d) a step. Sources: DICE (arXiv 2606.08068), critics, soft baseline and mixer (`dice.md`,
section 5; Adam 3e-4); the mixer is `networks.mixer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from equipoise.errors import TrainingError
from equipoise.learning.mirror.out_of_memory import memory_told
from equipoise.learning.mirror.settings import Belief, Critics, MirrorSettings, Target
from equipoise.networks.belief_encoder import BeliefEncoder, BeliefEncoderSettings
from equipoise.networks.mixer import MonotoneMixer
from equipoise.networks.seeding import seeded

PART = 4
"""A gradient step is taken on one in so many of an iteration's rollouts, chosen at random."""

FEWEST = 8
"""Rollouts of a gradient step, at least."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What critics see of one executor's R answers; no gradient flows into it.

    Attributes:
        tokens: ids of the answers [R, T].
        mask: bool, which of them there are [R, T].
        hidden: the model's last hidden state before each token [R, T, d]; unused with an encoder.
        history: ids of prompt and answer, padded anywhere [R, P + T]; read with an encoder only.
        history_mask: bool, which of them there are [R, P + T].
    """

    tokens: Tensor
    mask: Tensor
    hidden: Tensor | None
    history: Tensor
    history_mask: Tensor

    def rows(self, chosen: Tensor) -> Seen:
        """Some of the answers."""
        held: dict[str, Any] = {name: None if value is None else value[chosen] for name, value in vars(self).items()}
        return Seen(**held)


class TeamCritics(nn.Module):
    """Q_i, V_i and the mixer of N executors, whose models may differ in size.

    Args:
        tables: the frozen bases' input embeddings, which token ids are looked up in. N × [vocabulary, d_i].
        sizes: d of the hidden states that are read, one per executor.
        width: of all layers.
        longest: T, most tokens of an answer.
        belief: what is read of a prefix.
        seed: of the initial weights.
    """

    scale: Tensor

    def __init__(
        self,
        tables: Sequence[Tensor],
        sizes: Sequence[int],
        *,
        width: int = 64,
        longest: int,
        belief: Belief = "hidden",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._tables, self._longest = [table.detach() for table in tables], longest
        with seeded(seed):
            self.readers = nn.ModuleList(
                nn.Linear(size, width)
                if belief == "hidden"
                else BeliefEncoder(BeliefEncoderSettings(vocabulary=len(table), belief=width), seed=seed + place)
                for place, (size, table) in enumerate(zip(sizes, tables, strict=True))
            )
            self.words = nn.ModuleList(nn.Linear(table.shape[1], width) for table in tables)
            self.contexts = nn.ModuleList(nn.Linear(size, width) for size in sizes)
            self.q = nn.ModuleList(_head(width) for _ in sizes)
            self.v = nn.ModuleList(_head(width) for _ in sizes)
        self.mixer = MonotoneMixer(len(sizes), kind="hypernetwork", context=width, seed=seed)
        self.register_buffer("scale", torch.zeros(()))

    def context(self, prompts: Sequence[Tensor]) -> Tensor:
        """z, from every executor's hidden state at the end of its prompt. Shapes N × [R, d_i] → [R, width]."""
        read = [layer(_normal(prompt)) for layer, prompt in zip(self.contexts, prompts, strict=True)]
        return torch.stack(read).mean(0)

    def values(self, executor: int, seen: Seen, context: Tensor) -> tuple[Tensor, Tensor]:
        """Q and V of an executor's n tokens, row by row, those that `seen.mask` shows. Shapes [n].

        Args:
            executor: its place.
            seen: R answers.
            context: z. Shape [R, width].
        """
        belief = self._belief(executor, seen)
        words = self.words[executor](_normal(F.embedding(seen.tokens[seen.mask], self._tables[executor])))
        row, column = seen.mask.nonzero(as_tuple=True)
        place = (column / self._longest).to(belief)[:, None]
        q = self.q[executor](torch.cat([belief, words, place], dim=1))[:, 0]
        v = self.v[executor](torch.cat([belief, context[row], place], dim=1))[:, 0]
        return q * self.scale, v * self.scale

    def _belief(self, executor: int, seen: Seen) -> Tensor:
        reader = self.readers[executor]
        if not isinstance(reader, BeliefEncoder):
            assert seen.hidden is not None
            return torch.tanh(reader(_normal(seen.hidden[seen.mask])))
        along, kept = reader.along(seen.history, seen.history_mask)
        row, column = seen.mask.nonzero(as_tuple=True)
        total = seen.history_mask.sum(1)
        # Entry t is the belief after t of the kept tokens; those that were dropped stood before them.
        before = (total - seen.mask.sum(1))[row] + column - (total - kept)[row]
        return torch.tanh(along[row, before.clamp(min=0)])


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What critics learn from: R joint rollouts of N executors.

    Attributes:
        seen: of every executor.
        targets: G of every executor's tokens, N × [R, T_i].
        learned: bool, tokens whose target counts (those of truncated rows do not), N × [R, T_i].
        prompts: hidden states at the prompts' ends, N × [R, d_i].
        returns: R^g [R].
    """

    seen: Sequence[Seen]
    targets: Sequence[Tensor]
    learned: Sequence[Tensor]
    prompts: Sequence[Tensor]
    returns: Tensor


class CriticLearner:
    """Critics, mixer and their optimiser.

    Args:
        critics: the networks.
        settings: rate, steps and what is learned.
        agents: N.
    """

    def __init__(self, critics: TeamCritics, settings: MirrorSettings) -> None:
        self.critics, self._settings = critics, settings
        self.optimiser = torch.optim.Adam(critics.parameters(), lr=settings.critic_lr)

    @memory_told("the critics' learning", lower="Lower max_tokens.")
    def fit(self, lesson: Lesson, *, seed: int) -> float:
        """The mean loss of an iteration's gradient steps, in shares of what the first targets were.

        As long as all targets are 0 nothing is learned, since all values are 0 too: their size is not known yet.

        Raises:
            OutOfMemory: a step does not fit.
            TrainingError: the loss is not finite; the critics are not to be used any more.
        """
        if float(self.critics.scale) == 0.0:
            self.critics.scale.fill_(_size(lesson))
        if float(self.critics.scale) == 0.0:
            return 0.0
        generator = torch.Generator().manual_seed(seed)
        rollouts = len(lesson.returns)
        part = min(max(rollouts // PART, FEWEST), rollouts)
        losses = []
        for _ in range(self._settings.critic_steps):
            chosen = torch.randperm(rollouts, generator=generator)[:part].to(lesson.returns.device)
            loss = self.loss(lesson, chosen)
            losses.append(float(loss.detach()))
            if not isfinite(losses[-1]):
                raise TrainingError(f"the critics' loss is {losses[-1]}. Lower critic_lr, or take float32.")
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return sum(losses) / max(len(losses), 1)

    def loss(self, lesson: Lesson, chosen: Tensor) -> Tensor:
        """The loss on some of the rollouts. Shape []."""
        critics, kind = self.critics, self._settings.critics
        context = critics.context([prompt[chosen] for prompt in lesson.prompts])
        total, summed = context.new_zeros(()), []
        whole = torch.ones(len(chosen), dtype=torch.bool, device=chosen.device)
        for i, seen in enumerate(lesson.seen):
            some, learned = seen.rows(chosen), lesson.learned[i][chosen]
            q, v = critics.values(i, some, context)
            target, counts = lesson.targets[i][chosen][some.mask], learned[some.mask]
            for values in (v,) if kind == "value" else (q, v):
                total = total + ((values - target)[counts] / critics.scale).square().sum() / counts.sum().clamp(min=1)
            summed.append(_by_row(q, some.mask, self._settings.target))
            whole = whole & (learned.sum(1) == some.mask.sum(1))
        if kind == "mixed":
            wrong = critics.mixer(torch.stack(summed, dim=1), context) - lesson.returns[chosen]
            total = total + (wrong.square() * whole).sum() / whole.sum().clamp(min=1)
        return total


def critic_advantage(kind: Critics, q: Tensor, v: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """What a token is better by than its baseline, in units of the target. Shapes [n].

    Args:
        kind: see `Critics`.
        q, v: of the tokens.
        target: G.
        weight: w_i(z) of the tokens' rows.
    """
    match kind:
        case "mixed":
            return weight * (q - v)
        case "own":
            return q - v
        case "value":
            return target - v
        case "none":
            return torch.zeros_like(target)


def _by_row(q: Tensor, mask: Tensor, target: Target) -> Tensor:
    """Q̄ of every row: the sum of its tokens' values, or their mean where each is the whole return. Shape [R]."""
    padded = torch.zeros(mask.shape, dtype=q.dtype, device=q.device)
    padded = padded.masked_scatter(mask, q)
    return padded.sum(1) if target == "share" else padded.sum(1) / mask.sum(1).clamp(min=1)


def _size(lesson: Lesson) -> float:
    """Root mean square of the targets that count; 0 where there are none."""
    squares = [target[learned].square() for target, learned in zip(lesson.targets, lesson.learned, strict=True)]
    return float(torch.cat(squares).mean().sqrt()) if any(len(square) for square in squares) else 0.0


def _head(width: int) -> nn.Sequential:
    last = nn.Linear(width, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(2 * width + 1, width), nn.GELU(), last)


def _normal(values: Tensor) -> Tensor:
    """Mean 0 and variance 1 along the last axis, in float32 whatever the model's type is."""
    return F.layer_norm(values.float(), values.shape[-1:])

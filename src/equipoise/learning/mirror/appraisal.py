r"""The advantages of an executor's tokens, from its group and from the critics, told as its rows are first scored.

$$A = \mathrm{critic}(w_i(z), Q, V, G) + \lambda\,\hat A_\mathrm{group}$$

An appraisal is a callable that an update asks once for every row. What the critics read on the way is kept, so that
they learn from it afterwards: hidden states are computed once. Cost: O(tokens · width · d), and their memory.

Source: DICE (arXiv 2606.08068), advantage (`dice.md`, section 5).
"""

from __future__ import annotations

import torch
from torch import Tensor

from equipoise.learning.mirror.critics import Seen, TeamCritics, critic_advantage
from equipoise.learning.mirror.rollouts import Rollouts
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.learning.mirror.token_scores import TokenScores


class Appraisal:
    """What the tokens of one executor's R rollouts are worth.

    Args:
        executor: its place.
        rollouts: its answers.
        group: Â_group of every row [R].
        targets: G [R, T].
        critics: the networks; None without.
        context: z of every row [R, width]; None without critics.
        settings: λ and which critics.

    Attributes:
        q: of every token, as it was before the critics learn from them [R, T].
    """

    def __init__(
        self,
        executor: int,
        rollouts: Rollouts,
        group: Tensor,
        targets: Tensor,
        critics: TeamCritics | None,
        context: Tensor | None,
        settings: MirrorSettings,
    ) -> None:
        self.q = torch.zeros_like(targets)
        self._executor, self._rollouts, self._settings = executor, rollouts, settings
        self._group, self._targets, self._critics, self._context = group, targets, critics, context
        self._hidden: Tensor | None = None

    def __call__(self, rows: Tensor, scores: TokenScores) -> Tensor:
        """Advantages of some rows [r, T]."""
        mask = self._rollouts.mask[rows]
        advantage = self._settings.group_weight * self._group[rows, None] * mask
        if self._critics is None or self._context is None:
            return advantage
        if self._reads_hidden:
            assert scores.hidden is not None
            if self._hidden is None:
                shape = (*self._targets.shape, scores.hidden.shape[-1])
                self._hidden = torch.zeros(shape, dtype=scores.hidden.dtype, device=scores.hidden.device)
            self._hidden[rows] = scores.hidden.detach()
        context = self._context[rows]
        q, v = self._critics.values(self._executor, self.seen.rows(rows), context)
        weight = self._critics.mixer.terms(context)[0][:, self._executor]
        row = mask.nonzero(as_tuple=True)[0]
        worth = critic_advantage(self._settings.critics, q, v, self._targets[rows][mask], weight[row])
        self.q[rows] = torch.zeros_like(advantage).masked_scatter(mask, q.to(advantage)).to(self.q)
        return advantage + torch.zeros_like(advantage).masked_scatter(mask, worth.to(advantage))

    @property
    def seen(self) -> Seen:
        """What the critics see of the rows appraised so far."""
        held = self._rollouts
        return Seen(
            tokens=held.tokens,
            mask=held.mask,
            hidden=self._hidden,
            history=torch.cat([held.prompts, held.tokens], dim=1),
            history_mask=torch.cat([held.prompt_mask.bool(), held.mask], dim=1),
        )

    @property
    def _reads_hidden(self) -> bool:
        return self._settings.belief == "hidden"

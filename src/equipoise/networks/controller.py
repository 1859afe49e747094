r"""The controller: which few controls are worth weighing at a belief.

$$U_i(b) = \text{anchors} \;\cup\; \bigcup_{a \in \text{anchors}} \operatorname{top}_m \{ s_i(b, u) : u \in
\text{grid}(a) \} \;\cup\; \{\text{abstain}\}$$

A perceptron per agent scores every point of a fixed grid around the anchors (`ControlGrid`); each anchor keeps the m
best points around it. The anchors themselves are always candidates, so no training can lose a control that the team's
author named. Choosing is deterministic, the earlier point on a tie, and has no gradient: no surrogate is offered for
one. What is trained is the score, towards the critic's value on the whole grid,

$$L = \operatorname{mean}_{u} \bigl( s_i(b, u) - Q_i(b, u) \bigr)^2, \qquad Q = \texttt{critic(beliefs, features)}$$

so that the points kept are those which the critic would rank highest. (On the proposed points alone, the score of a
point that fell out once would never be revised.) The number of candidates is the same in every state; where an anchor
has fewer than m points around it, `valid` says so. Cost: one perceptron per agent and a sort of the grid.

Source: DICE (arXiv 2606.08068), controller μ_i (`dice.md`, section 4), whose quantisation this is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equipoise.networks.control_grid import ControlGrid
from equipoise.networks.seeding import seeded
from equipoise.networks.stacked import StackedPerceptron


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate sets, one per leading index and agent: C = anchors + anchors × m, + 1 with `abstain`, in that order.

    Attributes:
        index: places in `ControlGrid.choices`. Shape [..., agents, C].
        valid: bool, whether the place is a candidate. Shape [..., agents, C].
        features: what a `FeatureCritic` reads. Shape [..., agents, C, features].
    """

    index: Tensor
    valid: Tensor
    features: Tensor

    @property
    def log_uniform(self) -> Tensor:
        """The uniform reference on the valid candidates, −∞ elsewhere. Shape [..., agents, C]."""
        uniform = -self.valid.sum(-1, keepdim=True).to(self.features.dtype).log()
        return uniform.where(self.valid, -torch.inf)


class Controller(nn.Module):
    """Proposes candidate controls from beliefs.

    Args:
        agents: N.
        belief: d_B, size of a belief.
        grid: what can be proposed; all agents share it.
        per_anchor: m ≥ 0, points kept around each anchor.
        hidden: widths between belief and scores.
        seed: of the initial weights.

    Attributes:
        features: of all choices of the grid. Shape [choices, features].
    """

    features: Tensor
    around: Tensor

    def __init__(
        self,
        agents: int,
        belief: int,
        grid: ControlGrid,
        *,
        per_anchor: int = 2,
        hidden: Sequence[int] = (128,),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.grid = grid
        most = max(map(len, grid.neighbours))
        self.per_anchor = min(per_anchor, most)
        with seeded(seed):
            self.scorer = StackedPerceptron(agents, (belief, *hidden, len(grid.choices)))
        self.register_buffer("features", torch.tensor(grid.features), persistent=False)
        padded = [[*own, *[-1] * (most - len(own))] for own in grid.neighbours]
        around = torch.tensor(padded, dtype=torch.long).reshape(grid.anchors, most)
        self.register_buffer("around", around, persistent=False)

    def scores(self, beliefs: Tensor) -> Tensor:
        """Scores of all choices of the grid. Shapes [..., agents, d_B] → [..., agents, choices]."""
        return self.scorer(beliefs[..., None, :])[..., 0, :]

    def forward(self, beliefs: Tensor) -> Candidates:
        """The candidate sets at beliefs of shape [..., agents, d_B]."""
        scores = self.scores(beliefs).detach()
        near = scores[..., self.around.clamp(min=0)].masked_fill(self.around < 0, -torch.inf)
        best = near.argsort(dim=-1, descending=True, stable=True)[..., : self.per_anchor]
        chosen = self.around.expand(near.shape).gather(-1, best).flatten(-2)
        always = torch.arange(self.grid.anchors, device=scores.device)
        parts = [always.expand(*scores.shape[:-1], -1), chosen]
        if self.grid.abstain:
            parts.append(torch.full_like(scores[..., :1], len(self.grid.controls), dtype=torch.long))
        index = torch.cat(parts, dim=-1)
        valid = index >= 0
        index = index.clamp(min=0)
        return Candidates(index=index, valid=valid, features=self.features[index])

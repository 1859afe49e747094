r"""One update of an ECON team: critics from replayed rollouts, prompt heads along the gradient of Q_tot, α, targets.

$$\theta_Q \leftarrow \theta_Q - \lambda \nabla \Bigl(\sum_i L_{TD}^i + L_{mix} + L_e\Bigr), \qquad
\theta_e \leftarrow \theta_e + \lambda \nabla_{\theta_e}
\bigl(\overline{Q_{tot}(b, e_\theta(b))} - \lambda_{BNE} L_{BNE}\bigr),
\qquad \phi' \leftarrow \tau \phi + (1 - \tau) \phi'$$

The TD losses train belief networks, group encoder and mixer; they hand e to the critics as data and so say nothing to
the prompt heads. Those follow the deterministic policy gradient through Q_tot (Silver et al., ICML 2014) at beliefs
held fixed, and move nothing else. max Q_tot' of the next stage is taken at every executor's own best e on the grid,
which is the joint best where the mixer's weights are given (Q_tot increases in each Q_i).

Source: ECON (arXiv 2506.08292), `econ.md`, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from equipoise.games.grid_response import deviate
from equipoise.learning import belief_weights
from equipoise.learning.belief_losses import (
    GAMMA,
    LAMBDA,
    encoder_loss,
    equilibrium_loss,
    mix_loss,
    td_loss,
)
from equipoise.learning.belief_stages import Floats, trajectory
from equipoise.networks.belief_team import BeliefTeam
from equipoise.networks.target import frozen_copy, soft_update, trainable

GRID = 9
"""Points per component of the grid for max Q'."""

COARSE, FINE = 5, 3
"""Points per component of the grids for L_BNE: a third of what play uses, since it is asked for in every update."""


@dataclass(frozen=True, kw_only=True)
class UpdateSettings:
    """Hyperparameters of an update.

    Attributes:
        gamma: discount of the next stage.
        rate: Adam's, of belief networks.
        group_rate: of group encoder and mixer.
        head_rate: of prompt heads.
        tau: of the targets.
        clip: largest norm of a gradient.
        lambda_bne: weight of L_BNE for the heads.
        lambdas: λ_b, λ_m and λ_e.
        alpha_rate: of α; 0 keeps it fixed.
        coordination: whether CC counts; without it α starts at (.5, .5, 0) and stays at 0 there.
    """

    gamma: float = GAMMA
    rate: float = 1e-3
    group_rate: float = 5e-4
    head_rate: float = 1e-3
    tau: float = 0.01
    clip: float = 10.0
    lambda_bne: float = 0.1
    lambdas: tuple[float, float, float] = (LAMBDA, LAMBDA, LAMBDA)
    alpha_rate: float = belief_weights.RATE
    coordination: bool = True

    def first_alpha(self) -> Floats:
        """α before anything is learned."""
        return np.array(belief_weights.START if self.coordination else (0.5, 0.5, 0.0))


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What an update saw; means over its batch.

    Attributes:
        td: squared TD error of Q_i.
        td_total: that of Q_tot.
        critic: everything that the critics descend.
        equilibrium: L_BNE.
        gap: the best-response gap of the heads' profiles.
        value: Q_tot there.
    """

    td: float
    td_total: float
    critic: float
    equilibrium: float
    gap: float
    value: float


@dataclass(eq=False)
class Learner:
    """A team in training with its target, optimisers and α.

    Attributes:
        team: the networks; frozen parts of it stay bit for bit as they are.
        settings: of the updates.
        alpha: weights of AL, TS and CC.
        target: follows the team.
    """

    team: BeliefTeam
    settings: UpdateSettings = field(default_factory=UpdateSettings)

    def __post_init__(self) -> None:
        self.alpha = self.settings.first_alpha()
        self._tried = replace(self.team.box, coarse=COARSE, fine=FINE)
        self.target = frozen_copy(self.team)
        heads = {id(parameter) for parameter in self.team.heads()}
        group = [*trainable(self.team.encoder), *trainable(self.team.mixer)]
        own = [p for network in self.team.members() for p in trainable(network) if id(p) not in heads]
        self.critics = torch.optim.Adam(
            [{"params": own, "lr": self.settings.rate}]
            + ([{"params": group, "lr": self.settings.group_rate}] if group else [])
        )
        self.policy = torch.optim.Adam(
            [parameter for parameter in self.team.heads() if parameter.requires_grad], lr=self.settings.head_rate
        )

    def rewards(self, parts: Floats) -> Floats:
        """r_i = α · c_i. Shapes [..., 3] → [...]."""
        return parts @ self.alpha

    def update(self, batch: dict[str, Floats]) -> Losses:
        """One step of critics, heads, α and target.

        Args:
            batch: fields of `Rollouts`, B of them with S stages.
        """
        seen = _Seen(batch)
        self.team.train()
        beliefs = self.team.believe(seen.trajectory, seen.observation, seen.mask)
        critic, td, td_total, expected = self._critic_loss(batch, seen, beliefs)
        self._step(self.critics, critic)
        self.team.eval()
        policy, bne, gap, value = self._policy_loss(beliefs.detach(), seen.stages)
        self._step(self.policy, policy)
        if self.settings.alpha_rate:
            self._learn_alpha(batch["parts"].reshape(-1, 3), expected.ravel())
        soft_update(self.target, self.team, rate=self.settings.tau)
        critics = float(critic.detach())
        return Losses(td=td, td_total=td_total, critic=critics, equilibrium=bne, gap=gap, value=value)

    @torch.no_grad()
    def measured(self, batch: dict[str, Floats]) -> tuple[float, float]:
        """Squared TD errors of Q_i and Q_tot on some rollouts; nothing is learned from them."""
        self.team.eval()
        seen = _Seen(batch)
        beliefs = self.team.believe(seen.trajectory, seen.observation, seen.mask)
        _, td, td_total, _ = self._critic_loss(batch, seen, beliefs)
        return td, td_total

    def _step(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        self.team.zero_grad(set_to_none=True)
        loss.backward()
        moved = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(moved, self.settings.clip)
        optimiser.step()

    def _critic_loss(
        self, batch: dict[str, Floats], seen: _Seen, beliefs: Tensor
    ) -> tuple[Tensor, float, float, Floats]:
        """The sum of the critics' losses, mean L_TD^i, L_TD^tot, and the rewards that the critics expected [B S, N]."""
        settings = self.settings
        aligned, close, each_weight = settings.lambdas
        rewards = _rows(self.rewards(batch["parts"]))
        profile = _rows(batch["profiles"])
        values = self.team.values(beliefs, profile)
        mixed = self.team.mix(beliefs, profile, values)
        next_each, next_total = self._future(seen)
        each = torch.stack(
            [
                td_loss(values[:, i], rewards[:, i], next_each[:, i], gamma=settings.gamma)
                for i in range(values.shape[1])
            ]
        )
        total = td_loss(mixed.total, rewards.mean(-1), next_total, gamma=settings.gamma)
        committed = _rows(batch["commitments"])
        mixing = mix_loss(total, mixed.features, committed, values, mixed.total, aligned=aligned, close=close)
        loss = each.sum() + mixing + encoder_loss(total, each, each=each_weight)
        expected = (values - settings.gamma * next_each).detach().double().numpy()
        return loss, float(each.detach().mean()), float(total.detach()), expected

    @torch.no_grad()
    def _future(self, seen: _Seen) -> tuple[Tensor, Tensor]:
        """max Q_i' [B S, N] and max Q_tot' [B S] of each row's next stage; 0 after the last."""
        beliefs = self.target.believe(seen.trajectory, seen.observation, seen.mask)
        grid = self.target.settings.prompt.grid(GRID)
        members = enumerate(self.target.members())
        found = [network.value(beliefs[:, i, None], grid).max(dim=1) for i, network in members]
        best = torch.stack([grid[where.indices] for where in found], dim=1)
        values = torch.stack([where.values for where in found], dim=1)
        totals = self.target.mix(beliefs, best, values).total
        return _next(values, seen.stages), _next(totals, seen.stages)

    def _policy_loss(self, beliefs: Tensor, stages: int) -> tuple[Tensor, float, float, float]:
        """What the heads descend, L_BNE, the gap and Q_tot at their profiles; beliefs [B S, N, belief]."""
        prompts = self.team.prompts(beliefs)
        best = deviate(self.team.payoff(beliefs), prompts.detach().double().numpy(), self._tried).best
        worth = self.team.totals(beliefs, _unilateral(prompts, torch.as_tensor(best, dtype=prompts.dtype)))
        gains = (worth[:, 1:] - worth[:, :1]).clamp(min=0.0).unflatten(0, (-1, stages))
        value = worth[:, 0].unflatten(0, (-1, stages))
        bne = equilibrium_loss(gains, value)
        loss = self.settings.lambda_bne * bne - value.mean()
        return loss, float(bne.detach()), float(gains.detach().sum(-1).mean()), float(value.detach().mean())

    def _learn_alpha(self, parts: Floats, expected: Floats) -> None:
        floor = np.array(belief_weights.FLOOR)
        step = belief_weights.learned(self.alpha, parts, expected, rate=self.settings.alpha_rate, floor=floor)
        if not self.settings.coordination:  # the face of the simplex on which CC has no weight
            step = np.append(belief_weights.project(step[:2], floor[:2]), 0.0)
        self.alpha = step


class _Seen:
    """What the networks read before every stage of a batch, one row per rollout and stage.

    Attributes:
        stages: S.
        trajectory: [B S, executors, 2 (S − 1), embedding].
        mask: what of it was there before the stage [B S, 2 (S − 1)].
        observation: [B S, 2 × embedding].
    """

    def __init__(self, batch: dict[str, Floats]) -> None:
        rollouts, self.stages = batch["profiles"].shape[:2]
        whole = trajectory(batch["answers"], batch["commitments"], self.stages - 1)
        self.trajectory = whole.repeat_interleave(self.stages, dim=0)
        held = torch.arange(whole.shape[2]) < 2 * torch.arange(self.stages)[:, None]
        self.mask = held.repeat(rollouts, 1)
        observation = torch.as_tensor(batch["observation"], dtype=torch.float32)
        self.observation = observation.repeat_interleave(self.stages, dim=0)


def _rows(array: Floats) -> Tensor:
    """[B, S, …] → [B S, …]."""
    return torch.as_tensor(array, dtype=torch.float32).flatten(0, 1)


def _next(values: Tensor, stages: int) -> Tensor:
    """Each row's value one stage later, 0 after the last. [B S, …] → [B S, …]."""
    by_stage = values.unflatten(0, (-1, stages))
    later = torch.cat([by_stage[:, 1:], torch.zeros_like(by_stage[:, :1])], dim=1)
    return later.flatten(0, 1)


def _unilateral(prompts: Tensor, best: Tensor) -> Tensor:
    """The profile, then the profile with executor i at its best candidate. [B, N, d] each → [B, 1 + N, N, d]."""
    executors = prompts.shape[1]
    own = torch.eye(executors, dtype=torch.bool)[None, :, :, None]
    moved = torch.where(own, best[:, None], prompts[:, None])
    return torch.cat([prompts[:, None], moved], dim=1)

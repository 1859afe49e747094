r"""The actor's objective as pure functions of tensors; every one is checked against finite differences or closed forms.

$$J = \mathbb E\big[\min(\rho A,\ \mathrm{clip}(\rho, 1-\epsilon_-, 1+\epsilon_+)\,A)\big]
  + \mathbb E\big[\alpha(h)\,H(\pi_\theta(\cdot|h))\big]
  - \mathbb E\big[\beta(h)\,\mathrm{KL}(\pi_\theta\|\pi_\mathrm{old})\big],
  \qquad \rho = \pi_\theta(x|h)/\pi_\mathrm{old}(x|h)$$

Rows are rollouts, columns their tokens: shapes are [R, T] unless said otherwise, with 0 where `mask` is False. E is the
mean over the tokens that count; truncated rows do not. KL is estimated by E_old[ρ log ρ − ρ + 1], which is unbiased,
never negative, and has an unbiased gradient.

**Why it is the mirror step.** Without clipping, with β = α(1 − η)/η and with rows that enumerate the actions of one
state, weighted by π_old, J is Σ π A + α H − β KL(π‖π_old) exactly, so its maximiser is

$$\log \pi^+ = (1-\eta) \log \pi_\mathrm{old} + \eta\, A/\alpha + c,$$

the damped logit response of `games.solvers.mirror_descent`.

Cost: O(R T), nothing beside a forward pass.

Sources: DICE (arXiv 2606.08068), LoRA fine-tuning (`dice.md`, section 5); clipping: Schulman et al. (2017), equation 7;
the KL estimator: Schulman, "Approximating KL divergence" (2020), k3 weighted by ρ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

NEAR = 20.0
"""Largest |log ρ| that is exponentiated: beyond it a ratio is clipped or rejected anyway, and must not overflow."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What an update needs to know of R rollouts beside the current policy; no gradient flows into it.

    Attributes:
        log_old: log π_old(x|h).
        advantage: A.
        alpha: α(h) ≥ 0.
        prox: β(h) ≥ 0.
        mask: bool, tokens that count.
        weights: of the rows, ≥ 0; 1 each when None. Shape [R].
    """

    log_old: Tensor
    advantage: Tensor
    alpha: Tensor
    prox: Tensor
    mask: Tensor
    weights: Tensor | None = None

    @property
    def counts(self) -> Tensor:
        """The weight of every token: that of its row where it counts, and 0 elsewhere."""
        counted = self.mask.to(self.log_old.dtype)
        return counted if self.weights is None else counted * self.weights[:, None].to(counted)

    def rows(self, chosen: Tensor) -> Batch:
        """Some of the rows."""
        held: dict[str, Any] = {name: None if value is None else value[chosen] for name, value in vars(self).items()}
        return Batch(**held)


def group_advantage(returns: Tensor, groups: Tensor, *, floor: float) -> Tensor:
    """Leave-one-out standardised returns, (R − mean of the others)/max(std of the others, floor). Shape [M].

    A rollout without others in its group has 0. The floor, in units of the return, keeps a group in which all others
    agree from dividing by 0.

    Args:
        returns: R^g. Shape [M].
        groups: int, the group of each, from 0; groups may differ in size. Shape [M].
        floor: > 0.
    """
    count = int(groups.max()) + 1 if len(groups) else 0

    def summed(values: Tensor) -> Tensor:
        return torch.zeros(count, dtype=returns.dtype, device=returns.device).index_add(0, groups, values)[groups]

    # Deviations from the group's mean first: sums of squares of raw returns would cancel.
    away = returns - summed(returns) / summed(torch.ones_like(returns))
    others = summed(torch.ones_like(returns)) - 1.0
    few = others.clamp(min=1.0)
    mean = (summed(away) - away) / few
    variance = (summed(away.square()) - away.square()) / few - mean.square()
    scale = variance.clamp(min=0.0).sqrt().clamp(min=floor)
    return torch.where(others > 0.0, (away - mean) / scale, torch.zeros_like(returns))


def token_targets(rewards: Tensor, mask: Tensor, *, kind: Literal["share", "return"] = "share") -> Tensor:
    """What every token's value is regressed on: r/max(L, 1), or r itself; L counts the row's tokens.

    Args:
        rewards: r. Shape [R].
        mask: bool, tokens that count.
        kind: "share" for r/L.
    """
    lengths = mask.sum(1).clamp(min=1).to(rewards.dtype)
    worth = rewards / lengths if kind == "share" else rewards
    return worth[:, None] * mask.to(rewards.dtype)


def unmasked(mask: Tensor, truncated: Tensor) -> Tensor:
    """The tokens that count: none of a row that was cut off before its end mark. Shapes [R, T], [R] → [R, T]."""
    return mask & ~truncated[:, None]


def ratios(log_new: Tensor, log_old: Tensor) -> Tensor:
    """ρ = π_θ/π_old, without overflow."""
    return (log_new - log_old).clamp(-NEAR, NEAR).exp()


def clipped_surrogate(
    ratio: Tensor, advantage: Tensor, *, low: float | None = 0.2, high: float | None = 0.2
) -> tuple[Tensor, Tensor]:
    """min(ρA, clip(ρ, 1 − low, 1 + high) A), and bool, where the clip is active, so that no gradient flows."""
    plain = ratio * advantage
    if low is None and high is None:
        return plain, torch.zeros_like(plain, dtype=torch.bool)
    held = ratio.clamp(min=None if low is None else 1.0 - low, max=None if high is None else 1.0 + high)
    pessimist = torch.minimum(plain, held * advantage)
    return pessimist, (held * advantage < plain).detach()


def token_objective(
    log_new: Tensor,
    entropies: Tensor,
    batch: Batch,
    *,
    low: float | None = 0.2,
    high: float | None = 0.2,
) -> tuple[Tensor, Tensor]:
    """What every token adds to J, not yet weighted nor averaged, and where the clip is active.

    Args:
        log_new: log π_θ(x|h), with gradient.
        entropies: H(π_θ(.|h)) in nats, with gradient.
        batch: the rest.
        low, high: of the clip; None for none.
    """
    ratio = ratios(log_new, batch.log_old)
    surrogate, active = clipped_surrogate(ratio, batch.advantage, low=low, high=high)
    worth = surrogate + batch.alpha * entropies
    if bool((batch.prox > 0).any()):
        worth = worth - batch.prox * forward_kl(log_new, batch.log_old)
    return worth.masked_fill(~batch.mask, 0.0), active & batch.mask


def forward_kl(log_new: Tensor, log_old: Tensor) -> Tensor:
    """Token by token, ρ log ρ − ρ + 1 ≥ 0, whose mean over x ~ π_old is KL(π_θ‖π_old)."""
    change = (log_new - log_old).clamp(-NEAR, NEAR)
    # e^d d − (e^d − 1): expm1 keeps small d exact, where both terms cancel.
    return change.exp() * change - torch.expm1(change)


def k3(log_played: Tensor, log_other: Tensor) -> Tensor:
    """Token by token, e^(−d) − 1 + d ≥ 0 with d = log π_played − log π_other: over x ~ π_played its mean is
    KL(π_played‖π_other)."""
    change = (log_played - log_other).clamp(-NEAR, NEAR)
    return torch.expm1(-change) + change


def kl_old(log_new: Tensor, log_old: Tensor, counts: Tensor) -> Tensor:
    """KL̂(π_old‖π_θ) by k3, mean over the tokens that count; they were drawn from π_old. Shape []."""
    return mean(k3(log_old, log_new), counts)


def kl_ref(log_new: Tensor, log_ref: Tensor, log_old: Tensor, counts: Tensor) -> Tensor:
    """KL̂(π_θ‖π_ref) by k3, each token weighted by ρ, since π_old drew it; mean over those that count. Shape []."""
    return mean(ratios(log_new, log_old) * k3(log_new, log_ref), counts)


def mean(values: Tensor, counts: Tensor) -> Tensor:
    """The weighted mean; 0 where nothing counts. Shapes [R, T], [R, T] → []."""
    return (values * counts).sum() / counts.sum().clamp(min=torch.finfo(counts.dtype).tiny)

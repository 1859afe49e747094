r"""One update of one executor: gradient steps on an iteration's rollouts, stopped in time and taken back if too far.

    for every pass, for every step:   J's gradient over the step's rows, part by part;  stop if KL̂_old > limit
                                      otherwise one step of the optimiser
    afterwards:                       measure on a probe of rows; if KL̂_ref > limit, adapter and optimiser go back

Rows are cut into parts of a token budget, answers to one question together, so that prompts are read once and little
padding is computed. The first step is taken at π_θ = π_old: where a pass is one step, its own forward pass tells the
old log-probabilities, the hidden states that critics read, and so the advantages, and no pass is spent on them alone.
With several steps a pass, one pass without gradients goes before.

It knows neither models nor critics: a `Policy` scores rows, and `appraise` says their advantages. A policy may be a
table of logits, which is how the update is checked against the mirror step of `equipoise.games`.

Cost: `epochs` forward–backward passes, and a forward pass of the probe.

Sources: DICE (arXiv 2606.08068), early stop and rejection (`dice.md`, section 5); token-mean loss: DAPO (2025).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Protocol

import torch
from torch import Tensor, nn

from equipoise.errors import TrainingError
from equipoise.learning.mirror.batches import Agreement, Sizes, dealt, parts
from equipoise.learning.mirror.objective import Batch, kl_old, kl_ref, ratios, token_objective
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.learning.mirror.token_scores import TokenScores

PROBE = 16
"""Rows of a probe, at least."""


class Policy(Protocol):
    """Who is updated: R rows of T tokens, and the parameters that score them."""

    @property
    def parameters(self) -> Sequence[nn.Parameter]:
        """What the optimiser moves."""
        ...

    def scores(self, rows: Tensor, *, hidden: bool = False) -> TokenScores:
        """Scores of some rows [r, T]; gradients flow unless torch.no_grad."""
        ...


Appraise = Callable[[Tensor, TokenScores], Tensor]
"""Advantages [r, T] of rows, from the scores of the policy that played them."""


@dataclass(kw_only=True)
class Experience:
    """What is known of an executor's R rollouts; the update fills in what the first pass tells.

    Attributes:
        batch: of the objective; log π_old and the advantages are filled in.
        log_ref: log π_ref [R, T].
        sizes: of the rows.
        appraise: see `Appraise`.
        entropies: of π_old [R, T], filled in.
        latest: log π_θ in the last pass, before its step [R, T]; log π_old after the first.
        known: whether the first pass has been.
    """

    batch: Batch
    log_ref: Tensor
    sizes: Sizes
    appraise: Appraise
    entropies: Tensor = field(init=False)
    latest: Tensor = field(init=False)
    known: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.entropies, self.latest = torch.zeros_like(self.batch.log_old), torch.zeros_like(self.batch.log_old)

    def note(self, rows: Tensor, scores: TokenScores) -> None:
        """Takes down what the policy that played says of some rows."""
        self.batch.log_old[rows] = scores.log_probabilities.detach().to(self.batch.log_old)
        self.latest[rows] = self.batch.log_old[rows]
        self.entropies[rows] = scores.entropies.detach().to(self.entropies)
        with torch.no_grad():
            self.batch.advantage[rows] = self.appraise(rows, scores).to(self.batch.advantage)


@dataclass(frozen=True, kw_only=True)
class Update:
    """What an update did.

    Attributes:
        steps: of the optimiser, those taken back included.
        stopped: whether KL̂_old ended it early.
        rejected: whether KL̂_ref undid it.
        kl_old, kl_ref: on the probe, after the last step and before any rejection.
        clip_rate: share of the tokens, over all passes but the first step, whose gradient the clip stopped.
        clip_share: root mean square of ρA where the clip stopped it, against ρA everywhere; in [0, 1].
        gradient: norms of the first and the last gradient.
        spread: 1 − ‖mean gradient‖²/mean ‖gradient‖² over the parts of the first step, in [0, 1]; None for one part.
        noise: standard error of that mean against its norm; None for one part.
        tokens: of the rows that went forward and backward, each with its prompt, though prompts are shared.
        probe: rows that were measured [r], and their log π_θ [r, T].
    """

    steps: int
    stopped: bool
    rejected: bool
    kl_old: float
    kl_ref: float
    clip_rate: float
    clip_share: float
    gradient: tuple[float, float]
    spread: float | None
    noise: float | None
    tokens: int
    probe: tuple[Tensor, Tensor]


def update(
    policy: Policy,
    optimiser: torch.optim.Optimizer,
    experience: Experience,
    settings: MirrorSettings,
    *,
    seed: int = 0,
) -> Update:
    """What one update did to a policy, whose parameters have moved unless it was rejected.

    Args:
        policy: who is updated.
        optimiser: of its parameters.
        experience: its rollouts, fresh.
        settings: passes, steps, limits.
        seed: of the order of rows and of the probe.

    Raises:
        TrainingError: the objective or its gradient is not finite; policy and optimiser are as before then.
    """
    before = [parameter.detach().clone() for parameter in policy.parameters], deepcopy(optimiser.state_dict())
    generator = torch.Generator().manual_seed(seed)
    course = _Course(policy, optimiser, experience, settings)
    try:
        for _ in range(settings.epochs):
            if not course.passed(generator):
                break
        probe = _probe(policy, experience, settings, generator)
        counts = experience.batch.counts[probe[0]]
        log_old, log_ref = experience.batch.log_old[probe[0]], experience.log_ref[probe[0]]
        distance = float(kl_old(probe[1], log_old, counts)), float(kl_ref(probe[1], log_ref, log_old, counts))
        if not all(map(isfinite, distance)):
            raise TrainingError("the updated policy gives probabilities that are not numbers. Lower the rate.")
    except BaseException:
        _restore(policy, optimiser, *before)
        raise
    rejected = distance[1] > settings.kl_ref_limit
    if rejected:
        _restore(policy, optimiser, *before)
    return course.told(rejected=rejected, distance=distance, probe=probe)


class _Course:
    """The steps of an update, and what they tell."""

    def __init__(
        self, policy: Policy, optimiser: torch.optim.Optimizer, experience: Experience, settings: MirrorSettings
    ) -> None:
        self._policy, self._optimiser, self._experience, self._settings = policy, optimiser, experience, settings
        self._device = experience.batch.mask.device
        self._steps = self._tokens = 0
        self._stopped = False
        self._norms: list[float] = []
        self._clipped = torch.zeros(4, dtype=torch.float64)
        self._agreement = Agreement()

    def passed(self, generator: torch.Generator) -> bool:
        """Whether another pass may follow."""
        steps = dealt(self._experience.sizes.groups, self._settings.minibatches, generator)
        if not self._experience.known and len(steps) > 1:
            self._note(torch.cat(steps))
        return all(map(self._step, steps))  # lazily: no step follows one that was not taken

    def told(self, *, rejected: bool, distance: tuple[float, float], probe: tuple[Tensor, Tensor]) -> Update:
        """What the update did."""
        count, clipped, whole, stopped = self._clipped.tolist()
        return Update(
            steps=self._steps,
            stopped=self._stopped,
            rejected=rejected,
            kl_old=distance[0],
            kl_ref=distance[1],
            clip_rate=clipped / count if count else 0.0,
            clip_share=(stopped / whole) ** 0.5 if whole else 0.0,
            gradient=(self._norms[0], self._norms[-1]) if self._norms else (0.0, 0.0),
            spread=self._agreement.spread,
            noise=self._agreement.noise,
            tokens=self._tokens,
            probe=probe,
        )

    def _note(self, rows: Tensor) -> None:
        for part in self._parts(rows):
            with torch.no_grad():
                self._experience.note(part, self._policy.scores(part, hidden=True))
        self._experience.known = True

    def _parts(self, rows: Tensor) -> list[Tensor]:
        settings = self._settings
        found = parts(rows, self._experience.sizes, tokens=settings.batch_tokens, least=settings.accumulate)
        return [part.to(self._device) for part in found]

    def _step(self, rows: Tensor) -> bool:
        """Whether the optimiser took a step; without one the update is over."""
        experience, settings = self._experience, self._settings
        counts = experience.batch.counts
        total = counts[rows.to(self._device)].sum()
        if float(total) == 0.0:  # all rows were cut off: nothing to learn from, which is no reason to stop
            if not experience.known:
                self._note(rows)
            return True
        self._optimiser.zero_grad(set_to_none=True)
        moved, held = total.new_zeros(()), self._parts(rows)
        for part in held:
            scores = self._policy.scores(part, hidden=not experience.known)
            if not experience.known:
                experience.note(part, scores)
            experience.latest[part] = scores.log_probabilities.detach().to(experience.latest)
            batch, weights = experience.batch.rows(part), counts[part]
            worth, active = token_objective(
                scores.log_probabilities, scores.entropies, batch, low=settings.clip_low, high=settings.clip_high
            )
            loss = -(worth * weights).sum() / total
            loss.backward()
            with torch.no_grad():
                share = weights.sum() / total
                moved = moved + share * kl_old(scores.log_probabilities, batch.log_old, weights)
                self._count(scores.log_probabilities, batch, active)
            if not isfinite(float(loss.detach())):
                raise TrainingError(f"the objective is {float(loss.detach())}. Lower the rate, or take float32.")
            self._tokens += int(experience.sizes.total[part].sum())
            if not self._steps and len(held) > 1:
                self._agreement.add(float(share), self._gradient())
        experience.known = True
        if self._steps and float(moved) > settings.kl_old_limit:
            self._stopped = True
            return False
        return self._moved()

    def _moved(self) -> bool:
        norm = float(nn.utils.clip_grad_norm_(self._policy.parameters, self._settings.max_norm or float("inf")))
        if not isfinite(norm):
            raise TrainingError(f"the gradient's norm is {norm}. Lower the rate, or take float32.")
        self._optimiser.step()
        self._norms.append(norm)
        self._steps += 1
        return True

    def _gradient(self) -> Tensor:
        """All gradients added up so far, end to end."""
        held = [p.grad for p in self._policy.parameters if p.grad is not None]
        return torch.cat([grad.detach().flatten().float() for grad in held])

    def _count(self, log_new: Tensor, batch: Batch, active: Tensor) -> None:
        if not self._steps:
            return
        pushed = (ratios(log_new, batch.log_old) * batch.advantage).square() * batch.counts
        numbers = [batch.mask.sum(), active.sum(), pushed.sum(), (pushed * active).sum()]
        self._clipped += torch.stack([number.double() for number in numbers]).cpu()


def _probe(
    policy: Policy, experience: Experience, settings: MirrorSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Some rows with log π_θ of now; those that count first."""
    count, device = len(experience.log_ref), experience.log_ref.device
    size = min(max(ceil(settings.probe_share * count), PROBE), count)
    drawn = torch.randperm(count, generator=generator)
    cut = (experience.batch.counts.sum(1) == 0).cpu()[drawn]
    chosen = drawn[torch.argsort(cut.long(), stable=True)][:size]
    held = parts(chosen, experience.sizes, tokens=settings.batch_tokens)
    with torch.no_grad():
        scores = [policy.scores(part.to(device)).log_probabilities for part in held]
    return torch.cat(held).to(device), torch.cat(scores)


def _restore(
    policy: Policy, optimiser: torch.optim.Optimizer, parameters: Sequence[Tensor], state: dict[str, object]
) -> None:
    with torch.no_grad():
        for parameter, held in zip(policy.parameters, parameters, strict=True):
            parameter.copy_(held)
    optimiser.load_state_dict(state)
    optimiser.zero_grad(set_to_none=True)

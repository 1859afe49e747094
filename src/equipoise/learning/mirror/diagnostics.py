r"""What an iteration tells: whether the update was the mirror step it should be, what it cost, what should alarm.

**Mirror fidelity**, in [−1, 1]: the cosine, over the sampled tokens of a probe, between the change of the
log-probabilities and the direction of the logit response, both centred state by state to second order:

$$\Delta = \log \pi_\theta - \log \pi_\mathrm{old}, \qquad D = A/\alpha - \log \pi_\mathrm{old} - H(\pi_\mathrm{old})$$

where A stands for Q − V, and D = A if some α is 0. A parametric policy cannot move every token by itself, so 1 is not
to be had; 0 says that the update and the game have nothing to do with each other.

**Parts of the field error**, each as a share of what it is an error of, so that none needs the true field:

    clip             root mean square of ρA where the clip stopped it, against ρA everywhere
    sampling         standard error of the first gradient over its parts, against its norm
    representation   root mean square of target − Q on rollouts that the critic had not seen, against the target's
    optimisation     norm of the last gradient against the first: 0 where the step's problem was solved

Representation holds the noise of the returns too, and is 1 for a critic that knows nothing. A part is None where it
cannot be told: one part of a batch, or no critic.

Sources: DICE (arXiv 2606.08068), diagnostics (`dice.md`, section 6), field error of the inexact step (section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor

from equipoise.learning.mirror.answer_game import Margin
from equipoise.learning.mirror.settings import MirrorSettings
from equipoise.learning.mirror.update import Experience, Update


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One executor's part of an iteration.

    Attributes:
        name: of the executor.
        reward: mean r_i.
        right: share of right answers.
        truncated: share of answers cut off.
        length: mean tokens of an answer.
        steps: of the optimiser.
        stopped, rejected: whether KL̂_old ended the update, and whether KL̂_ref undid it.
        kl_old, kl_ref: nats a token, of the update before any rejection.
        clip_rate: share of tokens whose gradient the clip stopped.
        entropy: mean entropy of the played policy over log of the vocabulary.
        temperature: mean α of the tokens.
        hot: share of the tokens above the lowest temperature.
        gradient: norm of the first gradient.
        gradient_spread: over the parts of the first step; see `update.Update`.
        fidelity: see above; None where nothing moved.
        clip, sampling, representation, optimisation: parts of the field error.
        proof: largest difference between log-probabilities as played and as trained, in nats.
    """

    name: str
    reward: float
    right: float
    truncated: float
    length: float
    steps: int
    stopped: bool
    rejected: bool
    kl_old: float
    kl_ref: float
    clip_rate: float
    entropy: float
    temperature: float
    hot: float
    gradient: float
    gradient_spread: float | None
    fidelity: float | None
    clip: float
    sampling: float | None
    representation: float | None
    optimisation: float
    proof: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an iteration cost.

    Attributes:
        generated: tokens drawn.
        scored: tokens of the rows that went forward and backward, each with its prompt, though prompts are shared.
        rollout_s, training_s, critics_s, seconds: wall time; training holds the reference's pass and the probe.
        rollout_rate: generated tokens a second.
        training_rate: scored tokens a second.
    """

    generated: int
    scored: int
    rollout_s: float
    training_s: float
    critics_s: float
    seconds: float
    rollout_rate: float
    training_rate: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """Validation questions, answered at the sampling temperatures that the team plays at.

    Attributes:
        iteration: 0 before any update.
        team: share of right votes.
        executors: share of right answers of each.
        shares: of right votes, question by question, always in the same order, so that looks can be paired.
    """

    iteration: int
    team: float
    executors: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Look:
        """The look that JSON tells."""
        return cls(**{**told, "executors": tuple(told["executors"]), "shares": tuple(told["shares"])})


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """One iteration.

    Attributes:
        iteration: 1 for the first.
        rollouts: joint ones.
        reward: mean R^g.
        team: share of right votes.
        group_spread: mean standard deviation of R^g within a question's group.
        regret: average best-response regret of the game of answers.
        margin: of the game of answers, along the update; None where nothing moved.
        critic_loss: see `CriticLearner.fit`; None without critics.
        executors: each one's part.
        cost: of the iteration.
        alarms: what is over its limit, in words.
        look: on validation questions, where it was time for one.
    """

    iteration: int
    rollouts: int
    reward: float
    team: float
    group_spread: float
    regret: float
    margin: Margin | None
    critic_loss: float | None
    executors: tuple[Steps, ...]
    cost: Cost
    alarms: tuple[str, ...]
    look: Look | None


def alarms(executors: tuple[Steps, ...], settings: MirrorSettings) -> tuple[str, ...]:
    """One sentence for every divergence over its limit."""
    told = []
    for each in executors:
        if each.kl_old > settings.kl_old_limit:
            told.append(f"{each.name}: KL from the policy that played is {each.kl_old:.3f}; lower the rate.")
        if each.kl_ref > settings.kl_ref_limit:
            told.append(f"{each.name}: KL from the reference was {each.kl_ref:.3f}; the update was taken back.")
    return tuple(told)


def fidelity(experience: Experience, update: Update) -> float | None:
    """The mirror fidelity of an update; None where nothing moved or nothing should have."""
    rows, log_new = update.probe
    batch = experience.batch.rows(rows)
    held = batch.mask
    change = (log_new - batch.log_old)[held].double()
    advantage, alpha = batch.advantage[held].double(), batch.alpha[held].double()
    surprise = -(batch.log_old + experience.entropies[rows])[held].double()
    wanted = advantage / alpha + surprise if bool((alpha > 0).all()) else advantage
    change, wanted = change - change.mean(), wanted - wanted.mean()
    norms = float(change.norm() * wanted.norm())
    return float(change @ wanted) / norms if norms > 0.0 else None


def misfit(q: Tensor, target: Tensor, counts: Tensor) -> float | None:
    """Root mean square of target − Q against the target's own; None where all targets are 0. Shapes alike."""
    size = float(((target**2) * counts).sum())
    return float((((target - q) ** 2) * counts).sum() / size) ** 0.5 if size > 0.0 else None


class Board:
    """A TensorBoard log of iterations, where the package `tensorboard` is installed; nothing otherwise.

    Args:
        folder: of the log.
        done: iterations before; what was logged after them is hidden.

    Attributes:
        remark: what to tell the user once; empty where the log is written.
    """

    def __init__(self, folder: Path, *, done: int = 0) -> None:
        self.remark = ""
        self._writer: Any = None
        if find_spec("tensorboard") is None:
            self.remark = "TensorBoard logs are not written: pip install tensorboard. progress.jsonl holds the same."
            return
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def tell(self, iteration: int, told: Mapping[str, Any]) -> None:
        """Nothing; every number of a record is logged by its path in it."""
        if self._writer is not None:
            for name, value in numbers(told):
                self._writer.add_scalar(name, value, iteration)
            self._writer.flush()

    def close(self) -> None:
        """Nothing; the log is whole."""
        if self._writer is not None:
            self._writer.close()


def numbers(told: Any, path: str = "") -> list[tuple[str, float]]:
    """The numbers of a record with their paths, such as "cost/seconds" or "executors/abacus/reward".

    A look's shares are left out: a curve for every question would hide the others.
    """
    if isinstance(told, Mapping):
        parts = [(str(key), value) for key, value in told.items() if key != "shares"]
    elif isinstance(told, list | tuple):
        named = [value.get("name") if isinstance(value, Mapping) else None for value in told]
        parts = [(str(name or place), value) for place, (name, value) in enumerate(zip(named, told, strict=True))]
    else:
        return [(path, float(told))] if isinstance(told, int | float) else []
    return [found for name, value in parts for found in numbers(value, f"{path}/{name}" if path else name)]

r"""Bandit learning of DICE-PC: controls are tried, rewarded and valued, and the policy is the logit response.

$$u \sim \pi_k, \qquad Q_{k+1} \approx \arg\min_Q \sum_{(h,u,y)} \big(y - Q_\mathrm{tot}(h,u)\big)^2, \qquad
\pi_{k+1} = \text{logit response to } (1-\alpha)\, Q^{lag}_{k} + \alpha\, Q_{k+1}$$

For one round y is the observed return; for two, the first round's y is its reward plus the value of the second under
the lagged network (TD), or the return-to-go. Q^lag follows Q by soft updates of rate α: what it responds with is the
policy played before, so that the mixture is the damped logit response log π⁺ = (1 − α) log π + α (log ρ + Q/τ) of
`games.solvers.mirror_descent`, exactly in values, and as far as a soft update averages functions, in time.

Where counterfactual replay applies (one round, recorded candidates) it learns the same from 20–100 times fewer calls:
`beliefs.control_equilibrium`. This is for what it does not reach: a second round, and teams that are asked live.

A run is a folder: `progress.jsonl`, one line an iteration; `checkpoint`, whole at any time; `policy` at the end. The
same call goes on from the checkpoint, and ends where an uninterrupted run would have, bit for bit on one machine, as
long as the source gives the same answers.

Cost: an iteration is questions × group rollouts and `updates` gradient steps.

Source: DICE (arXiv 2606.08068), section on prompt control (`dice.md`, section 4): replay 10K, batch 256, G = 8, Adam
3e-4, stop at an average best-response regret below 0.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from equipoise.learning import bandit_diagnostics as diagnostics
from equipoise.learning.bandit_diagnostics import Iteration
from equipoise.learning.bandit_run import BanditRun, Margin
from equipoise.learning.rollouts import RolloutSource
from equipoise.policies.bandit_policy import BanditPolicy
from equipoise.policies.bandit_settings import BanditSettings

Stopped = Literal["regret", "iterations", "fixed"]
"""Why learning ended: nobody had much to gain any more; no iteration was left; there was nothing to learn."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What came of learning.

    Attributes:
        policy: the policy.
        iterations: what every iteration told.
        stopped: why it ended.
    """

    policy: BanditPolicy
    iterations: tuple[Iteration, ...]
    stopped: Stopped


def learn(
    source: RolloutSource,
    settings: BanditSettings | None = None,
    *,
    folder: Path | None = None,
    margin: Margin | None = None,
    progress: Callable[[Iteration], None] | None = None,
) -> Learned:
    """What `learn_from` learns, for code that is not asynchronous."""
    return asyncio.run(learn_from(source, settings, folder=folder, margin=margin, progress=progress))


async def learn_from(
    source: RolloutSource,
    settings: BanditSettings | None = None,
    *,
    folder: Path | None = None,
    margin: Margin | None = None,
    progress: Callable[[Iteration], None] | None = None,
) -> Learned:
    """The policy learned from rollouts.

    Args:
        source: where rollouts come from.
        settings: how is learned.
        folder: of the run, a new one or one to go on with; nothing is written if None.
        margin: asked every iteration.
        progress: told every iteration.

    Raises:
        InputError: the folder holds a run with other settings or questions.
        ModelCallError: a live team does not answer.
        WriteError: the folder cannot be written.
        KeyboardInterrupt: stopped from outside; the same call goes on from the last checkpoint, which is written once
            more where it stops between two iterations.
    """
    settings = settings or BanditSettings()
    run = BanditRun(source, settings, margin)
    told = run.resume(folder)
    while (stopped := _ended(told, settings)) is None:
        await _interruptible(run, folder)
        told.append(await run.iterate())
        if folder is not None:
            diagnostics.tell(folder / "progress.jsonl", told[-1])
            if len(told) % settings.checkpoint_every == 0 or _ended(told, settings):
                run.save(folder)
        if progress is not None:
            progress(told[-1])
    policy = run.policy({"stopped": stopped, **(asdict(told[-1]) if told else {})})
    if folder is not None:
        policy.save(folder / "policy")
    return Learned(policy=policy, iterations=tuple(told), stopped=stopped)


async def _interruptible(run: BanditRun, folder: Path | None) -> None:
    """Lets Ctrl-C in between two iterations: a recording never waits, and so would not hear it."""
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if folder is not None:
            run.save(folder)
        raise


def _ended(told: list[Iteration], settings: BanditSettings) -> Stopped | None:
    if settings.fixed:
        return "fixed"
    if len(told) >= settings.fewest and told and told[-1].regret < settings.regret:
        return "regret"
    return "iterations" if len(told) >= settings.iterations else None

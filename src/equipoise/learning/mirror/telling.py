"""An iteration's numbers, out of its rollouts, updates and games. What each of them means: `diagnostics`."""

from __future__ import annotations

import numpy as np

from equipoise.learning.mirror import answer_game, diagnostics
from equipoise.learning.mirror.adapted_models import AdaptedModels
from equipoise.learning.mirror.answer_game import AnswerGame, Margin
from equipoise.learning.mirror.diagnostics import Cost, Steps
from equipoise.learning.mirror.joint import JointRollouts
from equipoise.learning.mirror.update import Experience, Update


def steps(
    models: AdaptedModels,
    i: int,
    joint: JointRollouts,
    done: Update,
    known: Experience,
    *,
    misfit: float | None,
    proof: float,
) -> Steps:
    """One executor's part of an iteration.

    Args:
        models: for its name and vocabulary.
        i: its place.
        joint: the rollouts.
        done: its update.
        known: what the update knew.
        misfit: of the critic on these rollouts.
        proof: of the engine.
    """
    rollouts, alpha = joint.rollouts[i], known.batch.alpha[joint.rollouts[i].mask]
    tokens, vocabulary = float(rollouts.mask.sum()), np.log(len(models.tokenizer(i)))
    return Steps(
        name=models.names[i],
        reward=float(joint.rewards[:, i].mean()),
        right=float(joint.own_right[:, i].float().mean()),
        truncated=float(rollouts.truncated.float().mean()),
        length=tokens / len(rollouts.texts),
        steps=done.steps,
        stopped=done.stopped,
        rejected=done.rejected,
        kl_old=done.kl_old,
        kl_ref=done.kl_ref,
        clip_rate=done.clip_rate,
        entropy=float(known.entropies.sum() / tokens / vocabulary),
        temperature=float(alpha.mean()),
        hot=float((alpha > alpha.min()).float().mean()),
        gradient=done.gradient[0],
        gradient_spread=done.spread,
        fidelity=diagnostics.fidelity(known, done),
        clip=done.clip_share,
        sampling=done.noise,
        representation=misfit,
        optimisation=done.gradient[1] / done.gradient[0] if done.gradient[0] else 0.0,
        proof=proof,
    )


def margin(games: list[AnswerGame], joint: JointRollouts, known: list[Experience], *, seed: int) -> Margin | None:
    """The margin of the game of answers, from the policies that played to those of the last pass.

    Args:
        games: of the questions.
        joint: the rollouts.
        known: of every executor.
        seed: of the coupled plays.
    """
    ratios = [((each.latest - each.batch.log_old) * each.batch.mask).sum(1) for each in known]
    moved = np.stack([ratio.double().cpu().numpy() for ratio in ratios], axis=1)
    groups = joint.groups.numpy()
    alphas = [each.batch.alpha[rollouts.mask] for each, rollouts in zip(known, joint.rollouts, strict=True)]
    coldest = min(float(alpha.min()) for alpha in alphas)
    by_question = [moved[groups == place] for place in range(len(games))]
    return answer_game.margin(games, by_question, coldest, np.random.default_rng(seed))


def cost(generated: int, scored: int, rollout_s: float, training_s: float, critics_s: float, seconds: float) -> Cost:
    """What an iteration cost, with its rates."""
    return Cost(
        generated=generated,
        scored=scored,
        rollout_s=rollout_s,
        training_s=training_s,
        critics_s=critics_s,
        seconds=seconds,
        rollout_rate=generated / rollout_s,
        training_rate=scored / training_s,
    )


def spread(joint: JointRollouts) -> float:
    """The mean standard deviation of R^g within a question's group."""
    returns, groups = joint.returns.numpy(), joint.groups.numpy()
    return float(np.mean([returns[groups == place].std() for place in np.unique(groups)]))

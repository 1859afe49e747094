"""The bandit's part of learning prompt control: rollouts on the recording, told in the words of counterfactual replay.

Rollouts are those of `rollouts.RecordedRollouts`, so nothing is called. The margin of an iteration is the coldest
temperature less the coupling of the recorded game. The run lies in the policy's folder: `progress.jsonl`, `checkpoint/`
and, at the end, `policy/`; the same call goes on from the checkpoint and ends where an uninterrupted run would have.

Cost: `iterations` · (questions × G rollouts and some gradient steps): about a minute for the paper's 200.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from equipoise.beliefs.ballots import Ballots, Floats
from equipoise.beliefs.control_diagnosis import ControlDiagnosis
from equipoise.beliefs.controlling import players_of
from equipoise.learning.bandit import Learned, learn
from equipoise.learning.bandit_diagnostics import Iteration
from equipoise.learning.prompt_control import Progress, PromptControlSettings, Replay
from equipoise.learning.prompt_control_telling import Update
from equipoise.learning.rollouts import RecordedRollouts
from equipoise.policies.bandit_settings import BanditSettings

ROUNDS = ("", "All at once, by what the bandit learned.", "Two rounds, by what the bandit learned.")


def by_bandit(
    replay: Replay,
    settings: PromptControlSettings,
    price: float,
    out: Path,
    *,
    diagnosis: ControlDiagnosis | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """What is told of the policy, after it was written to `out`/policy.

    Args:
        replay: what to learn from.
        settings: how.
        price: accuracy that a unit of cost must be worth.
        out: of the run.
        diagnosis: of the recorded game, which knows its coupling; None where there is none.
        progress: told every iteration.

    Raises:
        InputError: there are no labels, or the folder holds a run with other settings or questions.
    """
    rules = settings.rules
    source = RecordedRollouts(
        replay.ballots, players_of(replay.ballots.columns), price=price, anchor=rules.anchor, abstain=True
    )
    coupling = None if diagnosis is None else max(state.margin.coupling for state in diagnosis.states)

    def margin(policies: Floats, temperatures: Floats) -> float | None:
        return None if coupling is None else float(temperatures.min()) - coupling

    def tell(iteration: Iteration) -> None:
        if progress is not None:
            progress(_update(iteration), settings.iterations)

    learned = learn(source, _bandit(settings, price), folder=out, margin=margin, progress=tell)
    return {
        "plays": _described(learned, replay.ballots),
        "held_out": None,
        "course": [asdict(_update(each)) for each in learned.iterations],
        "bandit": {
            "stopped": learned.stopped,
            "last": asdict(learned.iterations[-1]) if learned.iterations else None,
        },
    }


def _bandit(settings: PromptControlSettings, price: float) -> BanditSettings:
    return BanditSettings(
        control=settings.rules.settings,
        rounds=2 if settings.rules.form == "two_rounds" else 1,
        price=price,
        fixed=settings.fixed,
        iterations=settings.iterations,
        fewest=settings.fewest,
        seed=settings.seed,
    )


def _update(iteration: Iteration) -> Update:
    return Update(
        update=iteration.iteration,
        reward=iteration.reward,
        margin=iteration.margin,
        abr=iteration.regret,
        entropy=iteration.entropy,
    )


def _described(learned: Learned, ballots: Ballots) -> dict[str, Any]:
    """Whom the first round asks, of any question."""
    policy = learned.policy
    nobody = ballots.seen(ballots.asked & False)
    first = [name for name, asked in zip(ballots.columns, policy.ask(nobody).T, strict=True) if asked.any()]
    return {"kind": type(policy).__name__, "sentence": ROUNDS[policy.team.settings.rounds], "rounds": [first]}

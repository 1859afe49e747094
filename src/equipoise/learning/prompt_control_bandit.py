"""The bandit's part of learning prompt control: rollouts, told in the words of counterfactual replay.

Rollouts are those of `rollouts.RecordedRollouts`, so nothing is called; or, for a team whose answers are not to be
recorded first, those of `live_rollouts.LiveRollouts`, where each is as many calls as its controls ask. On a recording,
the margin of an iteration is the coldest temperature less the coupling of the recorded game. The run lies in the
policy's folder: `progress.jsonl`, `checkpoint/` and, at the end, `policy/`; the same call goes on from the checkpoint
and ends where an uninterrupted run would have.

Cost: `iterations` · (questions × G rollouts and some gradient steps): seconds on a recording of five columns for the
paper's 200, and live `iterations` · questions · G times as many calls as a rollout asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from equipoise.beliefs.ballots import Floats
from equipoise.beliefs.control_diagnosis import ControlDiagnosis
from equipoise.beliefs.controlling import players_of
from equipoise.beliefs.storing import save_policy
from equipoise.learning.bandit import Learned, learn
from equipoise.learning.bandit_diagnostics import Iteration
from equipoise.learning.belief_live import Asked
from equipoise.learning.live_rollouts import LiveRollouts
from equipoise.learning.prompt_control_settings import Progress, PromptControlSettings, Replay
from equipoise.learning.prompt_control_telling import Update
from equipoise.learning.rollouts import RecordedRollouts, RolloutSource
from equipoise.policies.bandit_settings import BanditSettings
from equipoise.policies.observations import unseen
from equipoise.team.problem import digest
from equipoise.team.team import Team

LIVE = "Learned from live play: not every control was recorded, so there is no game to say anything of."
FREE = "No price was named, and there is no recording to choose one on: calls were taken to cost nothing."
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
    return _told(learned, source)


def train_live(
    team: Team,
    questions: Sequence[Asked],
    settings: PromptControlSettings,
    out: Path,
    *,
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything that is told of a policy learned from a team that is asked in every rollout, after it was written.

    Nothing is recorded of the controls that were not taken, so there is no game, and nothing is said of its
    equilibrium. Where no price is named calls cost nothing: there is no recording to choose a price on.

    Args:
        team: who is asked.
        questions: what may be asked, with answer keys.
        settings: of a bandit.
        out: of the run.
        config: what else was resolved, to be told with the settings.
        data: where the questions come from, for readers.
        progress: told every iteration.

    Raises:
        ModelCallError: every call of a round failed.
        InputError: the folder holds a run with other settings or questions.
    """
    gold = {asked.problem.id: asked for asked in questions}
    anchor = "first" if settings.rules.anchor else None
    source = LiveRollouts(
        team, [asked.problem for asked in questions], lambda p, key: float(gold[p.id].right(key)), anchor=anchor
    )

    def tell(iteration: Iteration) -> None:
        if progress is not None:
            progress(_update(iteration), settings.iterations)

    price = settings.price or 0.0
    learned = learn(source, _bandit(settings, price), folder=out, progress=tell)
    notices = [LIVE, *([FREE] if settings.price is None else [])]
    if source.failed:
        notices.append(f"{source.failed} calls failed, and counted as answers that did not come.")
    told = {
        "columns": list(source.columns),
        "learned_from": sorted(digest(asked.problem.id) for asked in questions),
        "config": {**settings.as_json(), **config},
        "data": {**data, "questions": len(questions)},
        "price": price,
        "notices": notices,
        **dict.fromkeys(("equilibrium", "diagnosis", "game")),
        **_told(learned, source),
    }
    save_policy(out, None, told, {})
    return told


def _told(learned: Learned, source: RolloutSource) -> dict[str, Any]:
    return {
        "plays": _described(learned, source),
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


def _described(learned: Learned, source: RolloutSource) -> dict[str, Any]:
    """Whom the first round asks, of any question."""
    policy = learned.policy
    wanted = policy.ask(unseen(source.columns, source.texts))
    first = [name for name, asked in zip(source.columns, wanted.T, strict=True) if asked.any()]
    return {"kind": type(policy).__name__, "sentence": ROUNDS[policy.team.settings.rounds], "rounds": [first]}

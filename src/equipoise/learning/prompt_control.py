r"""Learning DICE-PC: from one recorded answer per executor, control and question to a policy with a verdict.

$$\underbrace{\textstyle\sum_i |U_i|}_{\text{calls a question, once}} \;\to\; R(u) \text{ for every joint control } u
\;\to\; \text{policy at the price} \;+\; \text{equilibrium of the executors' game} \;+\; \text{diagnosis}$$

    replay   counterfactual: what every policy would have earned is known from the recording (`beliefs.controlling`)
    bandit   rollouts on the recording, rewards one at a time (`learning.bandit`); needs torch

Nothing is called here. Both ways end with where the executors' one-shot game settles (`control_equilibrium`), what is
to be said of it (`control_diagnosis`), and, for replay, what the policy is worth on questions that it was not learned
from (`prompt_control_judging`). All that can be missing is named in sentences rather than refused.

A policy is a folder: `policy.json` with everything told, `policy.safetensors` with the policy's arrays and those of the
game, from which `certify` derives the verdict anew. What bandit learning learns lies beside, in `policy/`.

Cost of replay: about six times that of learning at one price, which is cross-validation; under ten seconds for 528
questions of five columns.

Source: DICE (arXiv 2606.08068), prompt control; counterfactual replay: `beliefs.control_game`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from equipoise.beliefs import control_storing
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_diagnosis import ControlDiagnosis, diagnose
from equipoise.beliefs.control_equilibrium import ControlEquilibrium
from equipoise.beliefs.controlling import ControlRules, learn_control, players_of, settle
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.storing import save_policy
from equipoise.errors import MissingExtra
from equipoise.learning.prompt_control_judging import fall_backs, held_out
from equipoise.learning.prompt_control_settings import Progress, PromptControlSettings, Replay
from equipoise.learning.prompt_control_telling import course, described
from equipoise.team.problem import digest


def train(
    replay: Replay,
    settings: PromptControlSettings,
    out: Path,
    *,
    config: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Everything that is told of the policy, after it was written.

    Args:
        replay: what to learn from.
        settings: how.
        out: the policy's folder; an older policy is replaced, a bandit that was stopped goes on.
        config: what else was resolved, to be told with the settings.
        progress: told each update of the way to the equilibrium, or each iteration of the bandit.

    Raises:
        InputError: a bandit has no labels to learn from, or was begun with other settings.
        WriteError: the folder cannot be written.
        MissingExtra: a bandit without torch.
    """
    ballots, rules = replay.ballots, settings.rules
    (policy,) = learn_control(ballots, [settings.price], rules)
    price = float(getattr(policy, "price", None) or settings.price or 0.0)
    found = settle(ballots, price, rules)
    diagnosis = None if found is None else diagnose(found, samples=settings.samples, seed=settings.seed)
    lacking = fall_backs(ballots, players_of(ballots.columns), rules, replayed=settings.mode == "replay")
    told: dict[str, Any] = {
        "columns": list(ballots.columns),
        "learned_from": sorted(digest(question) for question in replay.ids),
        "config": {**settings.as_json(), **(config or {})},
        "data": {**replay.data, "questions": len(ballots)},
        "price": price,
        "notices": [*replay.notices, *lacking],
        "equilibrium": None if found is None else found.as_json(),
        "diagnosis": None if diagnosis is None else diagnosis.as_json(),
    }
    if settings.mode == "bandit":
        told |= bandit().by_bandit(replay, settings, price, out, diagnosis=diagnosis, progress=progress)
    else:
        told |= _by_replay(policy, ballots, price, rules)
        told["course"] = _course(found, diagnosis, progress)
    game, arrays = (None, {}) if found is None else control_storing.packed(found)
    told["game"] = game
    save_policy(out, None if settings.mode == "bandit" else policy, told, arrays)
    return told


def _by_replay(policy: Policy, ballots: Ballots, price: float, rules: ControlRules) -> dict[str, Any]:
    judged = held_out(ballots, price, rules)
    return {
        "plays": described(policy, ballots.columns),
        "held_out": None if judged is None else judged.as_json(),
        "bandit": None,
    }


def _course(
    found: ControlEquilibrium | None, diagnosis: ControlDiagnosis | None, progress: Progress | None
) -> list[dict[str, Any]]:
    way = [] if found is None or diagnosis is None else course(found, diagnosis)
    for update in way if progress else ():
        progress(update, len(way) - 1)  # pyright: ignore[reportOptionalCall]
    return [asdict(update) for update in way]


def bandit() -> ModuleType:
    """The module `prompt_control_bandit`, which needs torch.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        from equipoise.learning import prompt_control_bandit
    except ImportError as error:
        if error.name != "torch":
            raise
        raise MissingExtra("bandits", "local") from None
    return prompt_control_bandit

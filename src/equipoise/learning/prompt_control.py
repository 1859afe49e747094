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

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from equipoise.beliefs import control_storing
from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_diagnosis import ControlDiagnosis, diagnose
from equipoise.beliefs.control_equilibrium import ControlEquilibrium
from equipoise.beliefs.controlling import ControlRules, learn_control, players_of, settle
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.storing import save_policy
from equipoise.errors import InputError, MissingExtra
from equipoise.learning.prompt_control_judging import fall_backs, held_out
from equipoise.learning.prompt_control_telling import Update, course, described
from equipoise.methods._trained import digest

Mode = Literal["replay", "bandit"]
Progress = Callable[[Update, int], None]
"""Told an update, and of how many at most."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What is learned from.

    Attributes:
        ballots: the recorded questions.
        ids: [questions] their ids.
        data: where they come from, for readers, as JSON: name, digest, task.
        notices: sentences on what was left out or assumed.
    """

    ballots: Ballots
    ids: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PromptControlSettings:
    """How is learned.

    Attributes:
        mode: counterfactual replay, or a bandit on it.
        rules: form of play, and the equilibrium layer.
        price: accuracy that an output token must be worth; None keeps accuracy within half a point.
        iterations, fewest: most of the bandit, and fewest before a small ABR ends it.
        fixed: bandit: every executor keeps its first control, and nothing is learned.
        samples: bootstrap samples of the diagnosis.
        seed: of whatever chance decides.
    """

    mode: Mode = "replay"
    rules: ControlRules = field(default_factory=ControlRules)
    price: float | None = None
    iterations: int = 200
    fewest: int = 200
    fixed: bool = False
    samples: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode == "bandit" and self.rules.form == "one_at_a_time":
            raise InputError(
                "a bandit plays rounds: --form simultaneous asks once, two_rounds twice. Or take --mode replay."
            )
        if self.fixed and self.mode == "replay":
            raise InputError("--fixed belongs to --mode bandit; the method fixed_control needs no training at all.")
        if self.price is not None and not 0.0 <= self.price < float("inf"):
            raise InputError(f"the price is {self.price}; it must be a number of at least 0, such as 0.0001 a token.")

    def as_json(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists."""
        return asdict(self)


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
        told |= _bandit()(replay, settings, price, out, diagnosis=diagnosis, progress=progress)
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


def _bandit() -> Callable[..., dict[str, Any]]:
    """`prompt_control_bandit.by_bandit`, which needs torch."""
    try:
        from equipoise.learning.prompt_control_bandit import by_bandit
    except ImportError as error:
        if error.name != "torch":
            raise
        raise MissingExtra("bandits", "local") from None
    return by_bandit

"""What prompt control is learned from, and how: the same for counterfactual replay and for a bandit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.controlling import ControlRules
from equipoise.errors import InputError
from equipoise.learning.prompt_control_telling import Update

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

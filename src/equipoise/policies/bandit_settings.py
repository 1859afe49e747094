"""The switches of bandit learning, ablations among them; the defaults are the paper's where it names one.

The equilibrium's own switches (temperature schedule, κ, damping, reference tilt, mode or sample) are those of
`beliefs.control_temperatures`, the same as under counterfactual replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from equipoise.beliefs.control_temperatures import ControlSettings
from equipoise.errors import InputError, UnknownName

Target = Literal["td", "return"]
Value = Literal["plain", "soft"]
Mixer = Literal["linear", "hypernetwork", "none"]
Encoder = Literal["features", "transformer"]

MOST_DAMPING = 0.3
"""Above it, simultaneous logit responses oscillate."""


@dataclass(frozen=True, kw_only=True)
class BanditSettings:
    """How is learned.

    Attributes:
        control: the equilibrium layer; its `schedule` "unregularised" plays the best control, and while learning any
            other with probability `epsilon`. Clusters, and the comparison with the best profile, need a tensor and do
            not apply here.
        rounds: H: 1 asks once; 2 asks again after the first answers are public.
        price: λ, accuracy that a unit of cost must be worth.
        fixed: every executor keeps its default control, the first one: the control that matters most. Nothing is
            learned.
        iterations, fewest: most iterations, and fewest before `regret` may end learning.
        regret: average best-response regret below which learning ends.
        questions, group: questions per iteration and G, rollouts of each.
        capacity, batch, updates: rollouts kept, rollouts per gradient step, gradient steps per iteration.
        rate, betas: of Adam.
        baseline: whether errors are taken against the other rollouts of their question.
        level: weight of a group's mean error beside that; 1 is the plain regression.
        target: of the first of two rounds: the value of the second under the lagged network, or what it returned.
        value: whether that value leaves out the entropy ("plain") or is the soft one.
        mixer: how executors' values add up; "none" regresses each executor's on the return alone.
        encoder: "features" reads the last token, "transformer" the history (the paper's sizes).
        hidden: widths of the critics.
        text: whether the question's text is read; None lets `beliefs.routing`'s gate decide, and reads none live.
        epsilon: exploration without regularisation.
        checkpoint_every: iterations between checkpoints.
        seed: of everything that chance decides.
    """

    control: ControlSettings = field(default_factory=ControlSettings)
    rounds: Literal[1, 2] = 1
    price: float = 0.0
    fixed: bool = False
    iterations: int = 200
    fewest: int = 200
    regret: float = 0.1
    questions: int = 16
    group: int = 8
    capacity: int = 10_000
    batch: int = 256
    updates: int = 8
    rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)
    baseline: bool = True
    level: float = 0.1
    target: Target = "td"
    value: Value = "plain"
    mixer: Mixer = "linear"
    encoder: Encoder = "features"
    hidden: tuple[int, ...] = (64,)
    text: bool | None = None
    epsilon: float = 0.1
    checkpoint_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in (("target", Target), ("value", Value), ("mixer", Mixer), ("encoder", Encoder)):
            if getattr(self, name) not in get_args(kind):
                raise UnknownName(name, str(getattr(self, name)), get_args(kind))
        for name in ("iterations", "questions", "batch", "updates", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.rounds not in (1, 2):
            raise InputError(f"rounds is {self.rounds}; there is one round, or two.")
        if self.group < 2 or self.capacity < self.group:
            asked = f"group {self.group} and capacity {self.capacity}"
            raise InputError(f"{asked} do not fit; a group has 2 rollouts at least, and the buffer holds one group.")
        if not 0.0 <= self.epsilon <= 1.0 or self.price < 0.0 or self.level < 0.0 or self.rate <= 0.0:
            raise InputError("epsilon must lie in [0, 1], price and level be at least 0, and rate above 0.")
        if self.control.damping > MOST_DAMPING:
            raise InputError(f"damping is {self.control.damping}; above {MOST_DAMPING} learners oscillate.")

    @property
    def regularised(self) -> bool:
        """Whether the policy is a logit response."""
        return self.control.schedule != "unregularised"


def to_json(settings: BanditSettings) -> dict[str, Any]:
    """The settings as plain data."""
    return asdict(settings)


def from_json(data: Mapping[str, Any]) -> BanditSettings:
    """The settings in plain data.

    Raises:
        UnknownName: a setting that does not exist.
        InputError: a value that cannot be used.
    """
    given = dict(data)
    known = {each.name for each in fields(BanditSettings)}
    for name in given:
        if name not in known:
            raise UnknownName("setting", name, known)
    if "control" in given:
        given["control"] = ControlSettings(**given["control"])
    for name in ("betas", "hidden"):
        if name in given:
            given[name] = tuple(given[name])
    return BanditSettings(**given)

"""How an ECON team is trained, what is looked at on the way, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from equipoise.errors import InputError
from equipoise.learning.belief_updates import UpdateSettings
from equipoise.networks.belief_network import BeliefNetworkSettings
from equipoise.networks.belief_team import BeliefTeam


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a team is trained.

    Attributes:
        episodes: most of them.
        every: episodes between updates.
        steps: gradient steps of an update.
        buffer, batch: rollouts kept, and in a step.
        rounds: K; a rollout has 1 + K stages.
        spread, uniform: exploration at the start and at the end; see `Exploration`.
        grain: e is asked for in multiples of it.
        draws: different answers that a question and e can get; 1 asks least.
        look_every: updates between looks at validation questions.
        validation: most of those.
        commitment_change, least_reward, loss_change, patience: when to stop early.
        seed: of weights, exploration and the order of questions.
        split_seed: of the splits; equal for runs that are to be compared.
        network: sizes; the embedding's size is the source's.
        updates: hyperparameters of an update.
    """

    episodes: int = 640
    every: int = 8
    steps: int = 8
    buffer: int = 32
    batch: int = 16
    rounds: int = 1
    spread: tuple[float, float] = (0.3, 0.08)
    uniform: tuple[float, float] = (0.4, 0.05)
    grain: float = 0.05
    draws: int = 1
    look_every: int = 5
    validation: int = 48
    commitment_change: float = 0.01
    least_reward: float = 0.7
    loss_change: float = 1e-4
    patience: int = 5
    seed: int = 0
    split_seed: int = 0
    network: BeliefNetworkSettings = field(default_factory=BeliefNetworkSettings)
    updates: UpdateSettings = field(default_factory=UpdateSettings)

    def __post_init__(self) -> None:
        if self.batch < 1 or self.buffer < 1 or self.every < 1 or self.steps < 1 or self.rounds < 0:
            raise InputError("buffer, batch, every and steps are at least 1, and rounds at least 0.")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a policy without exploration did on the validation questions.

    Attributes:
        episodes: trained so far.
        td, td_total: squared TD errors of Q_i and Q_tot.
        gap: best-response gap of the heads' profiles under the critics of that moment.
        reward: mean r_i at the first α, so that looks compare.
        right: share of right last commitments.
        loss: of the critics, mean over the updates since the last look; None before any.
        moved: mean 1 − cosine of the last commitments to those of the look before; None at first.
        alpha: weights of AL, TS and CC.
        profile: mean e of each executor in each stage [stages][executors][2].
    """

    episodes: int
    td: float
    td_total: float
    gap: float
    reward: float
    right: float
    loss: float | None
    moved: float | None
    alpha: list[float]
    profile: list[list[list[float]]]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What became of a run.

    Attributes:
        team: the networks that earned most on validation questions.
        looks: in order; the first before any update.
        gap: of the first and of the last policy, both under the last critics and at the same beliefs.
        stop: "episodes" or "converged".
    """

    team: BeliefTeam
    looks: list[Look]
    gap: tuple[float, float]
    stop: str

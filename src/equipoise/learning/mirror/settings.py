r"""How mirror fine-tuning is done, and every baseline as a change of the same settings.

$$r_i = (1 - o)\,[\text{the team's vote is right}] + o\,[\text{own answer is right}], \qquad
A = w_i(z)\,(Q - V) + \lambda\,\hat A_\mathrm{group}$$

With o = 0 an executor whose vote is not pivotal learns nothing; with o = 1 nobody plays for the team. The default
o = 1/2 keeps both: the order of profiles is the team's, and every answer still has a signal.

A baseline differs from DICE-FT in what it names and in nothing else: prompts, rollouts, tokens, adapters, optimiser and
order of questions are the same, so that budgets are equal by construction.

Sources: DICE (arXiv 2606.08068), LoRA fine-tuning (`dice.md`, section 5): rank 16, alpha 32, G = 8, rates 1e-5 and
3e-4, ε = .2, λ = .5, α = .1 and .01 at 1.5 nats, alarms .05 and .3 (section 6). GRPO: Shao et al. (2024); PPO: Schulman
et al. (2017); clip-higher: DAPO, Yu et al. (2025), ε_high = .28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from equipoise.errors import InputError, UnknownName

Critics = Literal["mixed", "own", "value", "none"]
"""mixed: w_i(z)(Q − V) with the team's mixer; own: Q − V, each executor for itself; value: target − V; none: 0."""

Group = Literal["expected", "own", "team"]
"""What a group is compared by: each executor's r_i, expected over what the others answered in the whole group; r_i as
it was drawn; or R^g, the mean of r_i over executors, as in the paper."""

Partition = Literal["entropy", "uniform", "random", "gradient_norm", "homogeneous"]
"""Which tokens carry the high temperature; see `temperatures`."""

Target = Literal["share", "return"]
"""What a token's value is regressed on: r/L, as in the paper, or r itself at every token."""

Belief = Literal["hidden", "encoder"]
"""What critics read of a prefix: the current model's last hidden state, or a belief encoder over token ids."""


@dataclass(frozen=True, kw_only=True)
class MirrorSettings:
    """How is trained.

    Attributes:
        iterations: most of them.
        prompts: questions an iteration.
        group: G, joint rollouts of a question.
        max_tokens: most tokens of an answer; the team file's when None.
        epochs: passes of the actor over an iteration's rollouts.
        minibatches: optimiser steps a pass; rollouts are dealt out among them at random.
        batch_tokens: most tokens, padding included, that go through the model at once.
        rollout_rows: most answers that are generated at once.
        accumulate: fewest parts in which the rows of a step go through it; gradients add up.
        gradient_checkpointing: activations are computed twice and not kept.
        lr: of the adapters (AdamW).
        weight_decay: of the adapters.
        max_norm: of an executor's gradient; longer ones are scaled down; 0 for never.
        critic_lr: of critics and mixer (Adam).
        critic_steps: gradient steps of critics and mixer an iteration.
        critic_width: of their layers.
        rank, lora_alpha: of the adapters.
        clip_low, clip_high: ε on either side; None for no clipping.
        group_weight: λ.
        group_floor: least standard deviation that a group is standardised by.
        raise_group: whether questions whose returns differ most are answered 2 G times.
        raise_variance: variance of R^g in a group from which that is so; at most .25 for rewards in [0, 1].
        own: o, share of the own answer in r_i.
        critics, group_return, target, belief: see the types.
        alpha_high, alpha_low: the two temperatures, ≥ 0.
        entropy_threshold: nats of the frozen reference's entropy from which a token is hot.
        partition: which tokens are hot.
        prox: weight of KL(π_θ‖π_old) in the objective.
        eta: step of the mirror map in (0, 1]: adds α(1 − η)/η to `prox`, token by token; 1 adds nothing.
        kl_old_limit: KL̂_old at which an update stops early.
        kl_ref_limit: KL̂_ref at which an update is taken back.
        proof_tolerance: nats by which log-probabilities as played and as trained may differ; by dtype when None.
        probe_share: share of the rows, at least 16 of them, on which an update is measured when it is done.
        validation: questions, held apart, on which the team is looked at; 0 for none.
        validation_samples: joint answers to each of them.
        look_every: iterations between looks.
        seed: of rollouts, weights and the order of questions.
        split_seed: of the splits; equal for runs that are to be compared.
        device, dtype: of the models, such as "cuda" and "bfloat16".
    """

    iterations: int = 20
    prompts: int = 8
    group: int = 8
    max_tokens: int | None = None
    epochs: int = 2
    minibatches: int = 1
    batch_tokens: int = 2048
    rollout_rows: int = 128
    accumulate: int = 1
    gradient_checkpointing: bool = False
    lr: float = 1e-5
    weight_decay: float = 0.0
    max_norm: float = 1.0
    critic_lr: float = 3e-4
    critic_steps: int = 20
    critic_width: int = 64
    rank: int = 16
    lora_alpha: int = 32
    clip_low: float | None = 0.2
    clip_high: float | None = 0.2
    group_weight: float = 0.5
    group_floor: float = 0.2
    raise_group: bool = False
    raise_variance: float = 0.15
    own: float = 0.5
    critics: Critics = "mixed"
    group_return: Group = "expected"
    target: Target = "share"
    belief: Belief = "hidden"
    alpha_high: float = 0.1
    alpha_low: float = 0.01
    entropy_threshold: float = 1.5
    partition: Partition = "entropy"
    prox: float = 0.0
    eta: float = 1.0
    kl_old_limit: float = 0.05
    kl_ref_limit: float = 0.3
    proof_tolerance: float | None = None
    probe_share: float = 0.25
    validation: int = 32
    validation_samples: int = 2
    look_every: int = 5
    seed: int = 0
    split_seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UnknownName(name, str(getattr(self, name)), known)
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}. Give at least 1.")
        for name in _WEIGHTS:
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < float("inf"):
                raise InputError(f"{name} is {value}. Give a number of at least 0.")
        if not 0.0 < self.eta <= 1.0 or not 0.0 <= self.own <= 1.0 or not 0.0 < self.probe_share <= 1.0:
            shown = f"eta {self.eta}, own {self.own} and probe_share {self.probe_share}"
            raise InputError(f"{shown} do not fit: eta and probe_share lie in (0, 1], own in [0, 1].")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InputError(f"max_tokens is {self.max_tokens}. Give at least 1.")


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "critics": get_args(Critics),
    "group_return": get_args(Group),
    "partition": get_args(Partition),
    "target": get_args(Target),
    "belief": get_args(Belief),
}
_COUNTS = (
    "prompts",
    "group",
    "epochs",
    "minibatches",
    "batch_tokens",
    "rollout_rows",
    "accumulate",
    "critic_width",
    "rank",
    "lora_alpha",
    "validation_samples",
    "look_every",
)
_WEIGHTS = (
    "iterations",
    "lr",
    "weight_decay",
    "max_norm",
    "critic_lr",
    "critic_steps",
    "clip_low",
    "clip_high",
    "group_weight",
    "group_floor",
    "raise_variance",
    "alpha_high",
    "alpha_low",
    "entropy_threshold",
    "prox",
    "kl_old_limit",
    "kl_ref_limit",
    "proof_tolerance",
    "validation",
    "seed",
    "split_seed",
)
_KINDS: Mapping[str, tuple[Any, str]] = {
    "int": (int, "a whole number"),
    "int | None": (int | None, "a whole number, or null"),
    "float": (int | float, "a number"),
    "float | None": (int | float | None, "a number, or null"),
    "bool": (bool, "true or false"),
    "str": (str, "a text"),
}
"""What a setting of each annotation may be, and how that is called."""

_ALONE: Mapping[str, Any] = {"own": 1.0, "group_return": "own", "critics": "none", "group_weight": 1.0}
_COLD: Mapping[str, Any] = {"alpha_high": 0.0, "alpha_low": 0.0}

BASELINES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "single_agent_grpo": {**_ALONE, **_COLD},
        "ppo_clip": {"critics": "value", "target": "return", "group_weight": 0.0, **_COLD},
        "dapo_clip_higher": {**_ALONE, **_COLD, "clip_high": 0.28},
        "independent": {"own": 1.0, "group_return": "own", "critics": "own"},
        "unregularised": dict(_COLD),
        "homogeneous": {"partition": "homogeneous"},
    }
)
"""What each baseline changes."""

GOES_ON = (
    "iterations",
    "max_tokens",
    "batch_tokens",
    "rollout_rows",
    "accumulate",
    "gradient_checkpointing",
    "proof_tolerance",
)
"""Settings that may change when a run goes on: its length, what is to be lowered when memory ran out, and the proof's
tolerance."""


def baseline(settings: MirrorSettings, name: str | None) -> MirrorSettings:
    """The settings of a baseline under the same budget; the settings themselves for None.

    Raises:
        UnknownName: there is no such baseline.
    """
    if name is None:
        return settings
    if name not in BASELINES:
        raise UnknownName("baseline", name, BASELINES)
    return replace(settings, **BASELINES[name])


def to_json(settings: MirrorSettings) -> dict[str, Any]:
    """The settings as JSON."""
    return asdict(settings)


def from_json(data: Mapping[str, Any]) -> MirrorSettings:
    """The settings in JSON.

    Raises:
        UnknownName: a key that is no setting.
        InputError: a value that cannot be.
    """
    known = {field.name: str(field.type) for field in fields(MirrorSettings)}
    for key, value in data.items():
        if key not in known:
            raise UnknownName("setting", key, known)
        kind, said = _KINDS.get(known[key], (None, ""))  # of settings with choices nothing: those are looked at below
        if kind and (not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)):
            raise InputError(f"{key} is {value!r}. Give {said}.")
    return MirrorSettings(**data)

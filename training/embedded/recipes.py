"""The three recipes: architecture, mixture of families, mixture of strategies, seed and length of training.

The mixtures differ on purpose: a team is worth having when its members are good at different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SKILLS: Mapping[str, float] = {
    "answer": 0.57,
    "few_shot": 0.04,
    "revise": 0.10,
    "weigh": 0.10,
    "plan": 0.09,
    "choose": 0.04,
    "next_step": 0.03,
    "rate": 0.03,
}
"""Shares of the kinds of prompts; `revise` and `weigh` carry peers' solutions, and `choose` compares them."""

PLAN_SHARE = 0.3
"""Share of `answer` prompts that carry a plan line."""

SYSTEM_SHARE = 0.1
"""Share of all prompts with a short system message."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides one model.

    Attributes:
        hidden, layers, heads, feed_forward: sizes of a Llama model.
        families: share of each family in the mixture; shares add up to one.
        strategies: share of each strategy among worked answers; shares add up to one.
        seed: of the weights and of the data.
        steps: optimizer steps.
        biases: whether queries, keys and values have biases, as in Qwen2.
    """

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    families: Mapping[str, float]
    strategies: Mapping[str, float]
    seed: int
    steps: int
    biases: bool = False


RECIPES: Mapping[str, Recipe] = {
    "abacus": Recipe(
        hidden=192,
        layers=4,
        heads=6,
        feed_forward=512,
        families={
            "arithmetic": 0.36,
            "drills": 0.22,
            "tracking": 0.14,
            "ordering": 0.10,
            "syllogisms": 0.09,
            "blocks": 0.09,
        },
        strategies={"direct": 0.22, "step_by_step": 0.40, "decompose": 0.16, "verify": 0.22},
        seed=11,
        steps=3323,
    ),
    "mason": Recipe(
        biases=True,
        hidden=192,
        layers=4,
        heads=6,
        feed_forward=512,
        families={
            "arithmetic": 0.12,
            "drills": 0.12,
            "tracking": 0.24,
            "ordering": 0.12,
            "syllogisms": 0.08,
            "blocks": 0.32,
        },
        strategies={"direct": 0.24, "step_by_step": 0.20, "decompose": 0.16, "verify": 0.40},
        seed=22,
        steps=3237,
    ),
    "sage": Recipe(
        hidden=160,
        layers=6,
        heads=5,
        feed_forward=448,
        families={
            "arithmetic": 0.06,
            "drills": 0.05,
            "tracking": 0.09,
            "ordering": 0.37,
            "syllogisms": 0.37,
            "blocks": 0.06,
        },
        strategies={"direct": 0.22, "step_by_step": 0.18, "decompose": 0.42, "verify": 0.18},
        seed=33,
        steps=6068,
    ),
}

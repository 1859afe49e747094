"""How an ECON team decides on prompt embeddings e_i = [T_i, p_i]: not at all, at random, or by what it has learned.

A learned team's stage 1 is what its heads say at the beliefs of the question and the strategy. Stage 2 reads, in every
executor's own trajectory, its own answer and the public commitment; its heads then propose, and damped best responses
(`equipoise.games.grid_response`) move the profile while the best-response gap falls. Nothing is sent between executors:
all of it is computed from networks that each executor has learned with.

Cost: no call; a pass of N small networks and some hundred points of the critics a step, about 20 ms on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from equipoise.games.grid_response import Response, respond

if TYPE_CHECKING:
    from torch import Tensor

    from equipoise.networks.belief_policy import BeliefPolicy

Floats = NDArray[np.float64]

LOW, HIGH = (0.1, 0.1), (2.0, 0.9)
"""Bounds of T and p where nothing was learned (ECON, prompt heads)."""

CENTRE = (1.05, 0.5)


class Mind(Protocol):
    """Decides e for all executors, in the order that it was made with."""

    @property
    def width(self) -> Floats:
        """Size of the range of each component [components]."""
        ...

    def begin(self, question: str, strategy: str) -> Floats:
        """The profile of stage 1 [executors, components]."""
        ...

    def respond(self, answers: Sequence[str], commitment: str) -> Response:
        """The profile of the next round, given everybody's own last answer and the public commitment."""
        ...

    def worth(self) -> list[float] | None:
        """Q_i of every executor at its beliefs and e; None where nothing was learned."""
        ...

    def moved(self, before: str, after: str) -> float | None:
        """1 − cosine of two commitments' embeddings; None without an embedder."""
        ...


@dataclass(frozen=True, kw_only=True)
class FixedMind:
    """The same e for everybody, always: there is nothing to respond to."""

    executors: int
    point: tuple[float, ...] = CENTRE

    @property
    def width(self) -> Floats:
        """Of the default range."""
        return np.array(HIGH) - np.array(LOW)

    def begin(self, question: str, strategy: str) -> Floats:
        """The point for everybody."""
        return np.tile(np.array(self.point), (self.executors, 1))

    def respond(self, answers: Sequence[str], commitment: str) -> Response:
        """The same."""
        return Response(self.begin("", ""), ())

    def worth(self) -> list[float] | None:
        """Nothing is known."""
        return None

    def moved(self, before: str, after: str) -> float | None:
        """Nothing is embedded."""
        return None


@dataclass(frozen=True, kw_only=True)
class RandomMind(FixedMind):
    """Uniform e, drawn anew for every executor and round: the ablation without learning."""

    rng: Random
    order: tuple[int, ...]

    def begin(self, question: str, strategy: str) -> Floats:
        """A draw per executor, in an order that does not depend on the team file's."""
        profile = np.zeros((self.executors, len(LOW)))
        for i in self.order:
            profile[i] = [self.rng.uniform(low, high) for low, high in zip(LOW, HIGH, strict=True)]
        return profile

    def respond(self, answers: Sequence[str], commitment: str) -> Response:
        """Another draw."""
        return Response(self.begin("", ""), ())


class LearnedMind:
    """What a trained policy says.

    Args:
        policy: of exactly these executors.
        names: in the order of the caller's team.
        damping: share of the way to the best candidate.
        steps: most damped steps.
    """

    def __init__(self, policy: BeliefPolicy, names: Sequence[str], *, damping: float = 0.5, steps: int = 10) -> None:
        self._policy = policy
        # The networks' order is the policy's own, so that the order of a team file changes nothing.
        self._place = [policy.team.names.index(name) for name in names]
        self._damping, self._steps = damping, steps
        self._trajectory: Tensor | None = None
        self._profile = np.zeros((len(names), 2))

    @property
    def width(self) -> Floats:
        """Of the policy's range."""
        prompt = self._policy.team.settings.prompt
        return np.array(prompt.high) - np.array(prompt.low)

    def begin(self, question: str, strategy: str) -> Floats:
        """What the heads say at the first beliefs."""
        import torch

        embedded = self._policy.embedder.embed([question, strategy])
        self._observation = embedded.flatten()[None]
        self._trajectory = torch.zeros(1, len(self._place), 0, self._policy.embedder.size)
        self._profile = self._heads()
        return self._profile[self._place]

    def respond(self, answers: Sequence[str], commitment: str) -> Response:
        """What the heads say at the new beliefs, after damped best responses."""
        import torch

        assert self._trajectory is not None, "stage 1 comes first"
        own = dict(zip(self._place, answers, strict=True))
        texts = self._policy.embedder.embed([*(own[i] for i in range(len(own))), commitment])
        seen = torch.stack([texts[:-1], texts[-1].expand(len(own), -1)], dim=1)
        self._trajectory = torch.cat([self._trajectory, seen[None]], dim=2)
        start = self._heads()
        team = self._policy.team
        values = team.payoff(self._beliefs)
        found = respond(
            lambda profiles: values(profiles[None])[0], start, team.box, damping=self._damping, steps=self._steps
        )
        self._profile = found.profile
        return Response(found.profile[self._place], found.gaps)

    def worth(self) -> list[float] | None:
        """Q_i at the last beliefs and profile."""
        import torch

        with torch.no_grad():
            prompts = torch.as_tensor(self._profile, dtype=self._beliefs.dtype)[None]
            values = self._policy.team.values(self._beliefs, prompts)[0]
        return [float(values[i]) for i in self._place]

    def moved(self, before: str, after: str) -> float | None:
        """1 − cosine; 1 where one text is empty."""
        first, second = self._policy.embedder.embed([before, after])
        return 1.0 - float(first @ second)

    def _heads(self) -> Floats:
        import torch

        assert self._trajectory is not None
        with torch.no_grad():
            self._beliefs = self._policy.team.believe(self._trajectory, self._observation)
            return self._policy.team.prompts(self._beliefs)[0].double().numpy()

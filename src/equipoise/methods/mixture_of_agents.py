"""Layers of executors, each reading everything the layer before wrote, and one aggregator at the end.

    layer 1:  x_i = model_i(question)
    layer l:  x_i = model_i(question, all x_j of layer l − 1)
    answer  = lead(question, all x_j of the last layer)

Wang et al. (2024, section 2.2): models write better answers when they see those of others, even of weaker models. All
layers use the same executors; later layers and the aggregator get the paper's request to combine possibly wrong
solutions, in the team's wording. `layers` counts layers of executors, so that the paper's three layers, the last of
them a single aggregator, are `layers=2`.

Cost: N · layers + 1 calls for N executors, a layer at the same time. From the second layer on every call reads N
solutions; input grows linearly with the layers.

Deviations: the aggregator is the Coordinator (or the first executor) and greedy; where it writes no answer, the last
layer votes. A response without text is not passed on.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.methods.method import Count, Decision, Method, by_judge, by_vote
from equipoise.team import prompt as prompts
from equipoise.team.episode import Turn
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class MixtureOfAgents(Method):
    """Layers of executors and an aggregator.

    Attributes:
        layers: layers of executors before the aggregator.
    """

    reference: ClassVar[str] = "Wang et al. (2024), Mixture-of-Agents Enhances Large Language Model Capabilities"
    layers: Count = 2

    def calls(self, team: Team) -> int:
        """Every executor in every layer, and the aggregator."""
        return len(team.executors) * self.layers + 1

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The aggregator's answer."""
        layer = await turns.together(turns.answer(executor) for executor in turns.team.executors)
        for round in range(1, self.layers):
            solutions = _written(layer)
            if not solutions:
                return by_vote(layer)
            prompt = prompts.weigh(turns.problem, solutions)
            layer = await turns.together(
                turns.ask(executor, "aggregate", prompt, control=turns.team.controls_of(executor)[0], round=round)
                for executor in turns.team.executors
            )
        if not _written(layer):
            return by_vote(layer)
        prompt = prompts.weigh(turns.problem, _written(layer))
        final = await turns.ask(turns.team.lead, "aggregate", prompt, round=self.layers, sampling_temperature=0.0)
        return by_judge(final, layer)


def _written(layer: list[Turn]) -> list[str]:
    return [turn.response for turn in layer if turn.response.strip()]

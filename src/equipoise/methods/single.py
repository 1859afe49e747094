"""One executor answers once: the baseline that every team has to beat.

    answer = read(model(question, strategy))

With `strategy="step_by_step"` it is zero-shot chain of thought (Kojima et al., 2022), with "few_shot" it is few-shot
prompting (Brown et al., 2020; chain of thought of Wei et al., 2022, where the examples show steps), with "direct" the
bare question. Without a strategy it uses the executor's default control.

Cost: 1 call. Deviation: Kojima et al. extract the answer with a second call; here the format line asks for it in the
first one, as for every method.
"""

from __future__ import annotations

from random import Random
from typing import ClassVar

from pydantic.dataclasses import dataclass

from equipoise.errors import InputError
from equipoise.methods.method import Decision, Method, by_turn, fixed_control
from equipoise.team.team import Team
from equipoise.team.turns import Turns


@dataclass(frozen=True, kw_only=True)
class Single(Method):
    """One answer of one executor.

    Attributes:
        strategy: a prompt strategy by name; that of the default control when None.
        executor: by name; when None the first one plays, and a comparison runs every one alone.
    """

    reference: ClassVar[str] = (
        "Kojima et al. (2022), Large Language Models are Zero-Shot Reasoners; "
        "Brown et al. (2020), Language Models are Few-Shot Learners"
    )
    strategy: str | None = None
    executor: str | None = None

    def variants(self, team: Team) -> list[Method]:
        """One run per executor, unless one is named."""
        names = [self.executor] if self.executor else [executor.name for executor in team.executors]
        return [Single(strategy=self.strategy, executor=name) for name in names]

    def calls(self, team: Team) -> int:
        """One."""
        fixed_control(team, self.executor, self.strategy)
        return 1

    async def decide(self, turns: Turns, rng: Random) -> Decision:
        """The executor's answer.

        Raises:
            InputError: "few_shot" is asked for and the problem has no worked examples.
        """
        executor, control = fixed_control(turns.team, self.executor, self.strategy)
        if self.strategy == "few_shot" and not turns.problem.examples:
            raise InputError(
                f"problem '{turns.problem.id}' has no worked examples, which the strategy 'few_shot' needs. "
                "Give the problem examples, or use another strategy, such as step_by_step."
            )
        return by_turn(await turns.answer(executor, control))

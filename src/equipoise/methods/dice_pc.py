r"""DICE-PC: a team of frozen models learns whom to ask under which control, when to stay silent and when to stop.

$$\pi_i(u \mid b) \propto \rho_i(u)\, e^{Q_i(b, u)/\tau_i}, \qquad u_i \in U_i = \{\text{prompt strategies} \times
\text{decoding settings}\} \cup \{\text{abstain}\}$$

Each executor answers in private and at once, under a control of its own; the answers are aggregated by weights that are
learned (log-odds + b), with a calibrated belief that the leading one is right. Because candidates are private, one
recorded answer per executor, control and question tells what every joint control would have earned, so that learning
calls nobody (`beliefs.controlling`). Three forms: one executor at a time, by who is worth the price next; two rounds
with the public belief in between (H = 2); all at once, at the equilibrium of the executors' game (H = 1), as the paper
plays it. What is deployed is the mode of π; sampling is a switch.

    equipoise train prompt-control gsm8k --team team.toml --limit 200 --out policy
    equipoise eval gsm8k --skip 200 --team team.toml --methods "majority_vote,dice_pc(policy=policy)"

Cost: at most one call a column; on recorded teams the vote's accuracy at a third to two thirds of its tokens.
Deviations: a control also names a prompt strategy and may be `abstain`, which both matter more than decoding; if
everybody abstains the cheapest good column is called (the anchor); an exact check, where there is one, ends the
episode; the equilibrium is compared with the best profile found, and the better is played. A Coordinator's message is a
switch, for recorded answers were given without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from equipoise.beliefs.ballots import Ballots
from equipoise.beliefs.control_temperatures import ControlSettings, Schedule
from equipoise.beliefs.controlling import ControlRules, Form, learn_control
from equipoise.beliefs.policy import Policy
from equipoise.beliefs.verifying import UntilPassed, learn_until_passed
from equipoise.errors import InputError, ModelCallError
from equipoise.methods import _aggregation
from equipoise.methods._trained import load_trained
from equipoise.methods.choosing import Learned, Learns, columns
from equipoise.methods.method import Decision, by_turn
from equipoise.tasks.task import CHECKED_KINDS
from equipoise.team.column import Column
from equipoise.team.episode import Turn
from equipoise.team.problem import Problem
from equipoise.team.team import Team
from equipoise.team.turns import Turns

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True)
class DicePc(Learned):
    """Learned prompt control.

    Attributes:
        policy: a folder written by `equipoise train prompt-control`; None learns from the recording, or votes.
        form: "one_at_a_time"; "two_rounds" of simultaneous calls; or "simultaneous".
        price: accuracy in [0, 1] that one output token must be worth; None keeps everybody's accuracy within half a
            point.
        verify: whether the task's exact check, where it has one, ends the episode.
        informed: whether lengths of answers and looks of questions may be looked at, where that pays.
        message: whether the Coordinator writes a message first, at most the team's cap in its own tokens; one that is
            too long is written once more, then cut.
        schedule: of the temperatures of the simultaneous form.
        temperature: τ, in units of accuracy.
        multiplier: κ, of all temperatures.
        damping: of updates, in (0, 1].
        tilt: logits by which executors that share a model prefer different prompts; 0 for none.
        anchor: whether somebody is called where everybody abstains.
        states: cells of questions by length, each with temperatures and an equilibrium of its own.
        sampled: whether a sample of π is played instead of its mode.
        compare: whether the best profile found replaces a worse equilibrium.
    """

    reference: ClassVar[str] = (
        "Xie et al. (2026), DICE: Entropy-Regularized Equilibrium Selection for Stable Multi-Agent LLM Coordination"
    )
    learns: ClassVar[Learns] = "labels"

    controls: Literal["default", "all"] = "all"
    policy: str | None = None
    form: Form = "one_at_a_time"
    price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    verify: bool = True
    informed: bool = True
    message: bool = False
    schedule: Schedule = "homogeneous"
    temperature: Positive = 0.02
    multiplier: Positive = 1.0
    damping: Annotated[float, Field(gt=0, le=1)] = 0.3
    tilt: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.75
    anchor: bool = True
    states: Annotated[int, Field(ge=1)] = 1
    sampled: bool = False
    compare: bool = True

    @property
    def rules(self) -> ControlRules:
        """How controls are learned."""
        settings = ControlSettings(
            schedule=self.schedule,
            temperature=self.temperature,
            multiplier=self.multiplier,
            damping=self.damping,
            tilt=self.tilt,
            readout="sample" if self.sampled else "mode",
            compare=self.compare,
        )
        return ControlRules(
            form=self.form,
            verify=self.verify,
            informed=self.informed,
            anchor=self.anchor,
            states=self.states,
            settings=settings,
        )

    def calls(self, team: Team) -> int:
        """Every column once, the message twice, and what the team's aggregation costs."""
        most = super().calls(team)
        return most + 2 * self.message + _aggregation.calls(team, answers=most)

    def learn(self, train: Ballots | None) -> Policy:
        """The policy at the price."""
        return self.curve(train, [self.price])[0]

    def curve(self, train: Ballots | None, prices: Sequence[float | None]) -> list[Policy]:
        """The policies at several prices, what they share learned once."""
        return learn_control(train, prices, self.rules)

    def policy_for(self, asked: tuple[str, ...], problem: Problem) -> Policy:
        """The policy of the folder, or learned from the recording.

        Raises:
            InputError: the policy is for other columns, or was learned from this very question; or a recording is named
                too, of which nothing would be learned.
        """
        if self.policy is not None and self.recording is not None:
            raise InputError("dice_pc takes a policy or a recording to learn one from, not both.")
        if self.policy is None:
            learned = super().policy_for(asked, problem)
            checkable = self.verify and problem.kind.name in CHECKED_KINDS
            unverified = checkable and not isinstance(learned, UntilPassed)  # nothing recorded tells what passes
            return learn_until_passed(None, self.price or 0.0) if unverified else learned
        trained = load_trained(Path(self.policy))
        trained.refuse(problem.id)
        return trained.for_columns(asked)

    async def planned(self, turns: Turns) -> str | None:
        """The Coordinator's message, if there is to be one; none from a lead that fails."""
        if not self.message:
            return None
        try:
            return await turns.plan(again=True)
        except ModelCallError as error:
            turns.remarks.append(f"done without a plan: {error}")
            return None

    async def answers(self, turns: Turns, asked: Sequence[Column], plan: str | None) -> Sequence[Turn | None]:
        """The answers of some columns; a call that fails is one without an answer."""
        return await turns.together(_attempt(turns, column, plan) for column in asked)

    async def concluded(
        self, turns: Turns, policy: Policy, seen: Ballots, given: Mapping[str, Turn | None]
    ) -> Decision:
        """The answer believed most; a team whose rule is not a vote aggregates by its rule what was answered.

        Raises:
            ModelCallError: every call failed.
        """
        answers = [turn for turn in given.values() if turn is not None]
        if given and not answers:
            return by_turn(await self._anybody(turns, given))
        if turns.team.aggregation != "majority_vote" and policy.reason(seen) != "verified":
            try:
                return await _aggregation.aggregated(turns, answers)
            except ModelCallError as error:
                turns.remarks.append(f"decided by a vote, without {turns.team.aggregation}: {error}")
        return await super().concluded(turns, policy, seen, given)

    async def _anybody(self, turns: Turns, given: Mapping[str, Turn | None]) -> Turn:
        """The first answer to be had of those who were not asked, in the team's order, where all who were failed.

        Raises:
            ModelCallError: there is none.
        """
        plan = next((turn.response.strip() for turn in reversed(turns.taken) if turn.act == "plan"), None)
        for name, column in columns(turns.team, self.controls).items():
            if name not in given and (answer := await _attempt(turns, column, plan)) is not None:
                return answer
        raise ModelCallError(f"nobody answered; {'; '.join(dict.fromkeys(turns.remarks))}")


async def _attempt(turns: Turns, column: Column, plan: str | None) -> Turn | None:
    """The answer of a column; None, with a remark, where the call failed."""
    try:
        return await turns.answer(column.executor, column.control, plan=plan)
    except ModelCallError as error:
        turns.remarks.append(f"done without: {error}")
        return None

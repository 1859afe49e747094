"""The turns of one episode in the making: every call to a model goes through here, is recorded and counted."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
)
from inspect_ai.util import collect
from tenacity import RetryError

from equipoise.errors import EquipoiseError, ModelCallError
from equipoise.models.adapters import with_adapter
from equipoise.team import prompt as prompts
from equipoise.team.agent import Agent, Executor
from equipoise.team.control import Control
from equipoise.team.episode import ANSWERING, Act, Turn
from equipoise.team.problem import Problem
from equipoise.team.prompt import Prompt
from equipoise.team.team import Team

T = TypeVar("T")


ANEW = 0.7
"""Sampling temperature of a plan that is written once more."""


class BudgetSpent(Exception):
    """The episode's token budget is used up. Methods need not catch it: what was answered so far is put to a vote."""


class Turns:
    """Asks models on behalf of a method and keeps the account.

    Args:
        problem: what is asked.
        team: who may be asked.
        seed: with the prompt, fixes every model seed, whatever the order in which calls finish.
        first_sample: number of the first response to each prompt; more than 0 where earlier ones are recorded.

    Attributes:
        measures, remarks: of the method, for the episode; see there.
    """

    def __init__(self, problem: Problem, team: Team, seed: int, *, first_sample: int = 0) -> None:
        self.problem = problem
        self.team = team
        self.taken: list[Turn] = []
        self.beliefs: dict[str, float] = {}
        self.measures: dict[str, float] = {}
        self.remarks: list[str] = []
        self._seed = seed
        self._first_sample = first_sample
        self._asked: Counter[str] = Counter()
        self._recorded_as = {(c.executor.name, c.control): c.strategy for c in team.columns().values()}

    @property
    def tokens(self) -> int:
        """Input and output tokens so far."""
        return sum(turn.input_tokens + turn.output_tokens for turn in self.taken)

    async def answer(
        self, executor: Executor, control: Control | None = None, *, plan: str | None = None, round: int = 0
    ) -> Turn:
        """An executor's answer under a control (its default one when None)."""
        control = control or self.team.controls_of(executor)[0]
        text = prompts.answer(
            self.problem,
            self.team.strategy_text(control.strategy),
            plan=plan,
            few_shot=control.strategy == "few_shot",
        )
        return await self.ask(executor, "answer", text, control=control, round=round)

    async def plan(self, lead: Agent | None = None, *, again: bool = False) -> str:
        """The plan of the lead, or of another agent in its place, written greedily and cut at the message cap.

        Args:
            lead: who writes it.
            again: whether a plan that reaches the cap, counted by the model's own tokenizer, is written once more
                before it is cut; a remark says so.
        """
        cap = self.team.message_cap
        prompt = prompts.plan(self.problem, cap)
        agent = lead or self.team.lead
        turn = await self.ask(agent, "plan", prompt, sampling_temperature=0.0, max_tokens=cap)
        if again and turn.truncated:  # the same greedy call would say the same
            turn = await self.ask(agent, "plan", prompt, sampling_temperature=ANEW, max_tokens=cap)
            cut = f" and then cut at {cap} tokens" if turn.truncated else ""
            self.remarks.append(f"the plan was too long and written once more{cut}")
        return turn.response.strip()

    async def together(self, calls: Iterable[Awaitable[T]]) -> list[T]:
        """The results of several calls made at the same time, in the order given.

        All of them end before an error leaves, so that every answered call is in the account; the first error in the
        order given is the one raised, whatever the order in which calls fail.
        """
        results = await collect(*(_settled(call) for call in calls))
        for result in results:
            if isinstance(result, _Failed):
                raise result.error
        return [result for result in results if not isinstance(result, _Failed)]

    def answers(self) -> list[Turn]:
        """The latest answer of every agent that has given one, in the order of first answers.

        Repeated samples of one agent to one prompt count as answers of their own.
        """
        latest: dict[tuple[str, int], Turn] = {}
        for turn in self.taken:
            if turn.act in ("answer", "revise"):
                latest[turn.agent, turn.sample] = turn
        return list(latest.values())

    async def ask(
        self,
        agent: Agent,
        act: Act,
        prompt: Prompt,
        *,
        control: Control | None = None,
        round: int = 0,
        sampling_temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Turn:
        """One act of one agent.

        Raises:
            BudgetSpent: no tokens are left for this question.
            ModelCallError: the endpoint failed.
        """
        budget = self.team.max_tokens_per_question
        if budget is not None and self.tokens >= budget:
            raise BudgetSpent
        strategy = control.strategy if control else None
        temperature = sampling_temperature if control is None else control.sampling_temperature
        call = f"{agent.name}|{act}|{strategy}|{temperature}|{prompt}"
        sample = self._first_sample + self._asked[call]
        self._asked[call] += 1
        config = self._config(agent, control, temperature, max_tokens, f"{call}|{sample}")
        recorded_as = self._recorded_as.get((agent.name, control), strategy) if control else None
        tag = {
            "id": self.problem.id,
            "question": self.problem.question,
            "strategy": recorded_as,
            "sample": sample,
        }
        started = time.perf_counter()
        output = await _generate(agent, _messages(agent, prompt, tag | {"act": act}), config)
        asked = {
            "act": act,
            "round": round,
            "strategy": strategy,
            "sampling_temperature": temperature,
            "prompt": prompt,
            "sample": sample,
        }
        turn = self._record(agent, asked, output, seconds=time.perf_counter() - started)
        self.taken.append(turn)
        return turn

    def _config(
        self, agent: Agent, control: Control | None, temperature: float | None, max_tokens: int | None, call: str
    ) -> GenerateConfig:
        limit = agent.max_tokens or self.team.max_tokens
        extra: dict[str, Any] = {}
        if control and control.repetition_penalty > 1:
            extra["extra_body"] = {"repetition_penalty": control.repetition_penalty}
        if control and control.top_p < 1:
            extra["top_p"] = control.top_p
        digest = hashlib.sha256(f"{self._seed}|{self.problem.id}|{call}".encode()).digest()
        return GenerateConfig(
            temperature=temperature,
            max_tokens=min(limit, max_tokens or limit),
            seed=int.from_bytes(digest[:4], "big") >> 1,
            **extra,
        )

    def _record(self, agent: Agent, asked: dict[str, Any], output: ModelOutput, *, seconds: float) -> Turn:
        text = output.completion
        usage = output.usage
        read, wrote = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
        return Turn(
            **asked,
            agent=agent.name,
            model=agent.model,
            response=text,
            key=self._key(output) if asked["act"] in ANSWERING else None,
            truncated=output.stop_reason in ("max_tokens", "model_length"),
            refused=output.stop_reason == "content_filter",
            input_tokens=read,
            output_tokens=wrote,
            seconds=seconds,
            cost_usd=agent.price.cost_usd(read, wrote),
        )

    def _key(self, output: ModelOutput) -> str | None:
        """The answer in a response; a replay's is the recorded extraction, since the text may be a program."""
        recorded = (output.metadata or {}).get("equipoise")
        if recorded is None:
            return self.problem.read(output.completion)
        return None if recorded["answer"] is None else self.problem.read(f"Answer: {recorded['answer']}")


@dataclass(frozen=True)
class _Failed:
    error: Exception


async def _settled(call: Awaitable[T]) -> T | _Failed:
    try:
        return await call
    except (BudgetSpent, EquipoiseError) as error:
        return _Failed(error)


def _messages(agent: Agent, prompt: Prompt, tag: dict[str, Any]) -> list[ChatMessage]:
    """Inspect messages; the last one is tagged, so that a replay knows which recorded response is meant."""
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    messages: list[ChatMessage] = [ChatMessageSystem(content=agent.instructions)] if agent.instructions else []
    messages += [kinds[message.role](content=message.text) for message in prompt]
    messages[-1].metadata = {"equipoise": tag}
    return messages


def model_of(agent: Agent) -> Model:
    """The Inspect model behind an agent; the same object for equal settings."""
    model, args = with_adapter(agent.model, agent.model_args, agent.adapter)
    return get_model(model, base_url=agent.base_url, **args)


async def _generate(agent: Agent, messages: Sequence[ChatMessage], config: GenerateConfig) -> ModelOutput:
    endpoint = f"{agent.name} ({agent.model}{' at ' + agent.base_url if agent.base_url else ''})"
    try:
        output = await model_of(agent).generate(list(messages), config=config)
    except EquipoiseError:
        raise
    except Exception as error:  # providers raise what their clients raise; Inspect has already retried
        raise ModelCallError(f"{endpoint} failed: {_cause(error)[:300]}") from error
    if output.error:
        raise ModelCallError(f"{endpoint} failed: {output.error[:300]}")
    return output


def _cause(error: BaseException) -> str:
    """What went wrong in one line: without the retries around it and the request that Inspect prints into it."""
    cause = (error.__cause__ if isinstance(error, RetryError) else None) or error
    said = getattr(cause, "provider_message", None) or str(cause)
    status = getattr(cause, "status_code", None)
    return " ".join(f"{status or type(cause).__name__}: {said}".split())

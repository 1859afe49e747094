"""Fixtures for all tests."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import settings
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput, ModelUsage

from equipoise.beliefs.ballots import NO_ANSWER, Ballots
from equipoise.team.agent import Coordinator, Executor

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs so, and then neither the tests nor the programs they start would hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real benchmarks and recordings that lies beside the repository; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared data in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def reference_file(shared_data: Path) -> Path:
    """The file of reference equilibria beside the shared data; skips where it is absent."""
    file = shared_data.parent / "reference" / "hqre.json"
    if not file.is_file():
        pytest.skip(f"needs the reference equilibria in {file}")
    return file


Reply = Callable[[Sequence[ChatMessage]], str]
"""What a scripted model says to some messages; "!" in front makes it fail, "?" makes it refuse."""


@dataclass(frozen=True)
class Call:
    """One call that reached a scripted model; `spent` counts the tokens of all calls that had ended by then."""

    agent: str
    texts: tuple[str, ...]
    roles: tuple[str, ...]
    tag: dict[str, Any]
    config: GenerateConfig
    spent: int


@dataclass
class Script:
    """Models that answer from a function of what they are asked, and an account of their own to compare with."""

    calls: list[Call] = field(default_factory=list)
    tokens: int = 0

    def executor(self, name: str, reply: Reply | str, **settings: Any) -> Executor:
        """An executor; settings beside those of `Executor`: `usage`, tokens read and written, `delay_s`, and `counted`.

        A counted model's words are its tokens: it writes as many as it may, and says when that cut it short.
        """
        return Executor(name=name, **self._model(name, reply, settings))

    def coordinator(self, reply: Reply | str, **settings: Any) -> Coordinator:
        """A Coordinator called "lead", with the settings of `executor`."""
        return Coordinator(name="lead", **self._model("lead", reply, settings))

    def _model(self, name: str, reply: Reply | str, settings: dict[str, Any]) -> dict[str, Any]:
        read, wrote = settings.pop("usage", (10, 5))
        delay_s = settings.pop("delay_s", 0.0)
        counted = settings.pop("counted", False)

        async def outputs(messages: list[ChatMessage], tools: Any, choice: Any, config: GenerateConfig) -> ModelOutput:
            tag = dict((messages[-1].metadata or {})["equipoise"])
            texts, roles = tuple(m.text for m in messages), tuple(m.role for m in messages)
            self.calls.append(Call(name, texts, roles, tag, config, self.tokens))
            said = reply if isinstance(reply, str) else reply(messages)
            await anyio.sleep(delay_s)
            if said.startswith("!"):
                raise RuntimeError(said[1:])
            refused = said.startswith("?")
            output = ModelOutput.from_content(name, said.removeprefix("?"), "content_filter" if refused else "stop")
            words, spent = said.split(), wrote
            if counted:
                spent = min(len(words), config.max_tokens or len(words))
                stop = "max_tokens" if spent < len(words) else "stop"
                output = ModelOutput.from_content(name, " ".join(words[:spent]), stop)
            output.usage = ModelUsage(input_tokens=read, output_tokens=spent, total_tokens=read + spent)
            self.tokens += read + spent
            return output

        return {"model": f"mockllm/{name}", "model_args": {"custom_outputs": outputs}, **settings}


@pytest.fixture
def script() -> Script:
    """A fresh stage for scripted models."""
    return Script()


Recorded = Callable[..., Ballots]


@pytest.fixture
def recorded() -> Recorded:
    """Ballots from labels [questions, columns] (-1 is no answer; 0 is right) and the cost of each column."""

    def make(answers: Sequence[Sequence[int]] | np.ndarray, cost: Sequence[float], names: Sequence[str]) -> Ballots:
        marked = np.asarray(answers, dtype=np.int16)
        return Ballots(
            columns=tuple(names),
            questions=np.array([f"question {i}" for i in range(len(marked))], dtype=object),
            answers=np.where(marked < 0, NO_ANSWER, marked).astype(np.int16),
            cost=np.tile(np.asarray(cost, dtype=np.float64), (len(marked), 1)),
            correct=marked == 0,
            checks=None,
            asked=np.ones(marked.shape, dtype=bool),
        )

    return make

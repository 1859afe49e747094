"""The model provider "replay": answers from a recording, and calls nothing.

    [[executor]]
    name = "gpt-4"
    model = "replay/gpt-4"
    model_args = { recording = "planbench.jsonl.gz" }

A tuple (question, agent, strategy, sample) that was never recorded is an error that says which; replay never guesses.
A team's calls carry the tuple in the last message's metadata (see `team.turns`). Calls of foreign tasks do not: there
the one recorded question that the prompt contains is meant, and the agent's only strategy, and its first sample.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from equipoise.errors import InputError, NotRecorded, UnknownName
from equipoise.recordings import Recording, Row, read

TAG = "equipoise"
"""Key of the tag in a message's metadata, and of the recorded answer in an output's."""

ANSWER = "answer"
"""The only act that recordings hold."""

_LIVE = "Use a method that only selects among answers, or give this agent a live model."


@modelapi(name="replay")
class ReplayAPI(ModelAPI):
    """Serves one agent of a recording.

    Args:
        model_name: the agent as recorded.
        base_url: unused.
        api_key: unused.
        config: unused; what was recorded is served as it is, however long.
        recording: path of the recording.
        recording_strategy: the strategy to serve, whatever the team calls the one it asks for.

    Raises:
        InputError: no recording is named, or an argument is unknown.
        RecordingError: the recording cannot be read.
        UnknownName: it has no such agent or strategy.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (Inspect's own signature; never changed)
        recording: str | None = None,
        recording_strategy: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        for name in unknown:
            raise UnknownName("argument of a replay", name, ["recording", "recording_strategy"])
        if recording is None:
            raise InputError(
                f"replay/{model_name}: no recording is named. Add the model argument recording=FILE, in a team file: "
                'model_args = { recording = "FILE" }'
            )
        self.recording = load(recording)
        if model_name not in self.recording.agents:
            raise UnknownName("recorded agent", model_name, self.recording.agents)
        strategies = self.recording.strategies(model_name)
        if recording_strategy is not None and recording_strategy not in strategies:
            raise UnknownName(f"strategy of '{model_name}' in the recording", recording_strategy, strategies)
        self.recording_strategy = recording_strategy

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """The recorded response, with the recorded answer under `metadata["equipoise"]`.

        Raises:
            NotRecorded: the tuple asked for is not in the recording.
            RecordingError: the question's id is recorded with another text.
        """
        tag = (input[-1].metadata or {}).get(TAG) if input else None
        row = self._untagged(input) if tag is None else self._tagged(tag)
        read_tokens = row.in_tokens or 0
        message = ChatMessageAssistant(content=row.response, model=self.model_name, source="generate")
        return ModelOutput(
            model=self.model_name,
            choices=[ChatCompletionChoice(message=message, stop_reason="stop")],
            usage=ModelUsage(
                input_tokens=read_tokens, output_tokens=row.out_tokens, total_tokens=read_tokens + row.out_tokens
            ),
            metadata={TAG: {"answer": row.answer, "key": row.key}},
        )

    def _tagged(self, tag: dict[str, Any]) -> Row:
        if tag["act"] != ANSWER:
            raise self._never_acted(tag)
        strategy = self.recording_strategy or tag["strategy"] or self._only_strategy()
        qid = self.recording.find_question(tag["id"], tag["question"])
        return self.recording.row(qid, self.model_name, strategy, tag["sample"])

    def _never_acted(self, tag: dict[str, Any]) -> NotRecorded:
        strategies = self.recording.strategies(self.model_name)
        samples = {s: self.recording.samples(tag["id"], self.model_name, s) for s in strategies}
        held = ", ".join(f"'{strategy}' ({count})" for strategy, count in samples.items())
        asked = f"strategy '{tag['strategy']}', sample {tag['sample']}, act '{tag['act']}'"
        return NotRecorded(
            f"{self.recording.source}: question '{tag['id']}', agent '{self.model_name}', {asked} was never recorded: "
            f"a recording holds only answers. For this question it has, by strategy (samples): {held}. {_LIVE}"
        )

    def _untagged(self, messages: list[ChatMessage]) -> Row:
        prompt = "\n\n".join(message.text for message in messages if message.role == "user")
        inside = [(qid, text) for qid, text in self.recording.questions.items() if text and text in prompt]
        # A question that is part of a longer one in the prompt is not what was asked.
        found = [(qid, text) for qid, text in inside if not any(text != o and text in o for _, o in inside)]
        if len(found) != 1 or prompt.count(found[0][1]) != 1:
            many = f"{len(found)} recorded questions" if len(found) != 1 else "a recorded question more than once"
            raise NotRecorded(
                f"{self.recording.source}: agent '{self.model_name}': the prompt contains {many}; it must contain "
                f"exactly one, once. It begins: {prompt[:80]!r}. Run the task that was recorded, without examples."
            )
        strategy = self.recording_strategy or self._only_strategy()
        return self.recording.row(found[0][0], self.model_name, strategy)

    def _only_strategy(self) -> str:
        strategies = self.recording.strategies(self.model_name)
        if len(strategies) != 1:
            raise NotRecorded(
                f"{self.recording.source}: agent '{self.model_name}' is recorded under several strategies: "
                f"{', '.join(strategies)}. Say which with the model argument recording_strategy."
            )
        return strategies[0]

    def max_connections(self) -> int:
        """Calls at a time; a look-up waits for nothing."""
        return 100


def load(path: str | Path) -> Recording:
    """The recording in a file, read once for all agents, and again only when the file has changed.

    Raises:
        RecordingError: it cannot be read.
    """
    path = Path(path)
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _load(path, changed)


@lru_cache(maxsize=4)
def _load(path: Path, changed: int) -> Recording:
    return read(path)

"""The model provider "embedded": the small models that come with the package, or any like them from a folder.

    get_model("embedded/abacus")
    get_model("embedded/mine", path="runs/mine")
    get_model("embedded/abacus", adapter="adapters/abacus")

It honours temperature, top_p, max_tokens, seed, and `extra_body={"repetition_penalty": …}`; it counts true tokens.
torch is imported when a model is made, not before.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from secrets import randbits
from types import ModuleType
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

from equipoise.errors import InputError, MissingExtra, UnknownName

WEIGHTS = Path(__file__).parent / "weights"
"""One folder per model."""

_DEFAULT_MAX_TOKENS = 256


def list_embedded() -> list[str]:
    """Names of the models that come with the package, sorted."""
    return sorted(file.parent.name for file in WEIGHTS.glob("*/config.json"))


@modelapi(name="embedded")
class EmbeddedAPI(ModelAPI):
    """Serves one small model on the CPU. Instances of the same folder share one engine and its batches.

    Args:
        model_name: one of `list_embedded()`, or any name when a path is given.
        base_url: unused.
        api_key: unused.
        config: defaults of the decoding settings.
        path: folder of a model that does not come with the package.
        adapter: folder of a LoRA adapter of this model, in PEFT's format; read again whenever it has changed.

    Raises:
        UnknownName: no such model, or an unknown argument.
        MissingExtra: torch or transformers is not installed.
        InputError: the folder holds no model, or the adapter is not one of this model.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (Inspect's own signature; never changed)
        path: str | None = None,
        adapter: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        for name in unknown:
            raise UnknownName("argument of an embedded model", name, ["path", "adapter"])
        if path is None and model_name not in list_embedded():
            raise UnknownName("embedded model", model_name, list_embedded())
        self.path = (Path(path) if path is not None else WEIGHTS / model_name).resolve()
        self.adapter = None if adapter is None else Path(adapter).resolve()
        self._generation = _generation()
        self._generation.engine(self.path, self.adapter)  # what cannot be loaded is said now

    @property
    def engine(self) -> Any:
        """What generates, with the adapter as it is on disk now: Inspect keeps models, and training goes on."""
        return self._generation.engine(self.path, self.adapter)

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """The model's response, with exact token counts; the end mark counts as an output token.

        Raises:
            InputError: tools were offered.
        """
        if tools:
            raise InputError(f"embedded/{self.model_name} cannot call tools. Use another model for this task.")
        prompt = self._tokens(input)
        engine = self.engine
        done = await asyncio.wrap_future(engine.submit(prompt, self._sampling(config)))
        text = engine.tokenizer.decode(done.tokens, skip_special_tokens=True)
        message = ChatMessageAssistant(content=text, model=self.model_name, source="generate")
        return ModelOutput(
            model=self.model_name,
            choices=[ChatCompletionChoice(message=message, stop_reason=done.stop)],
            usage=ModelUsage(
                input_tokens=len(prompt),
                output_tokens=done.output_tokens,
                total_tokens=len(prompt) + done.output_tokens,
            ),
        )

    def _tokens(self, messages: list[ChatMessage]) -> list[int]:
        """Token ids of a chat, at least one."""
        tokenizer = self.engine.tokenizer
        if tokenizer.chat_template is None:
            text = "\n".join(message.text for message in messages)
            return tokenizer(text)["input_ids"] or [tokenizer.eos_token_id]
        chat = [{"role": message.role, "content": message.text} for message in messages]
        return tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)

    def _sampling(self, config: GenerateConfig) -> Any:
        extra = config.extra_body or {}
        return self._generation.Sampling(
            temperature=1.0 if config.temperature is None else config.temperature,
            top_p=1.0 if config.top_p is None else config.top_p,
            repetition_penalty=float(extra.get("repetition_penalty", 1.0)),
            max_tokens=config.max_tokens or _DEFAULT_MAX_TOKENS,
            seed=randbits(31) if config.seed is None else config.seed,
        )

    def max_tokens(self) -> int:
        """Most output tokens where nobody says otherwise."""
        return _DEFAULT_MAX_TOKENS

    def max_connections(self) -> int:
        """Calls at a time: what fills a batch."""
        return self.engine.max_batch

    def connection_key(self) -> str:
        """Each model has connections of its own."""
        return f"{self.path}:{self.adapter}" if self.adapter else str(self.path)


def _generation() -> ModuleType:
    try:
        from equipoise.models import generation
    except ImportError:
        raise MissingExtra("the embedded models", "local") from None
    return generation

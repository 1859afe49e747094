"""Responses of an embedded model to many prompts at once, chosen greedily, in fp32."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from equipoise.team.prompt import Prompt

BATCH = 100
MAX_NEW_TOKENS = 120
"""The longest worked response of any family fits."""


class Responder:
    """One model with its tokenizer, loaded from a folder of weights."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.inference_mode()
    def respond(self, prompts: Sequence[Prompt]) -> list[str]:
        """One response for each prompt, in the same order."""
        texts = [
            self.tokenizer.apply_chat_template(
                [{"role": message.role, "content": message.text} for message in messages],
                add_generation_prompt=True,
                tokenize=False,
            )
            for messages in prompts
        ]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        responses = [""] * len(texts)
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            inputs = self.tokenizer(
                [texts[i] for i in places], return_tensors="pt", padding=True, return_token_type_ids=False
            )
            output = self.model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
            fresh = output[:, inputs["input_ids"].shape[1] :]
            for i, text in zip(places, self.tokenizer.batch_decode(fresh, skip_special_tokens=True), strict=True):
                responses[i] = text.strip()
        return responses

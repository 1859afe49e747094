"""The tokenizer of one model: byte-pair encoding inside words, single digits, bytes as a last resort.

Small models learn to copy first, and copying is easy when a thing has the same token wherever it stands. So each
digit is a token of its own, a word keeps the space before it, and the chat template puts a space before every
message: a name has one token at the start of a message, inside a sentence and before a full stop.
"""

from __future__ import annotations

import itertools
import json
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from equipoise.team.prompt import Message
from training.embedded.data import Mixture
from training.embedded.recipes import Recipe

PAD, SYSTEM, USER, ASSISTANT, END = "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"
SPECIAL = (PAD, SYSTEM, USER, ASSISTANT, END)
VOCABULARY = 1024
MAX_POSITIONS = 768
SAMPLE = 12_000
"""Exchanges that the merges are learned from."""

PIECES = r"\d| ?\(?\p{L}+(?:-\p{L}+)*| ?[^\p{L}\d\s]+|\s"
"""Merges stay inside a digit, a word, or a run of signs; words and signs keep one space before them."""

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|> ' + (message['content'] | trim) + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def chat_text(messages: tuple[Message, ...]) -> str:
    """The prompt as the chat template writes it, ready for the assistant's turn."""
    return "".join(f"<|{message.role}|> {message.text.strip()}{END}" for message in messages) + ASSISTANT


def reply_text(response: str) -> str:
    """The assistant's turn as the chat template writes it after the prompt."""
    return f" {response}{END}"


def _splitter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(PIECES), behavior="isolated")


def train_tokenizer(recipe: Recipe) -> PreTrainedTokenizerFast:
    """The tokenizer learned from the recipe's own mixture; the same for the same recipe."""
    mixture = Mixture(recipe, random.Random(f"tokenizer|{recipe.seed}"))
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _splitter()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 256 - len(SPECIAL),
        initial_alphabet=[chr(code) for code in (10, *range(32, 127))],
        show_progress=False,
    )
    learner.train_from_iterator(
        (
            f" {text}"
            for one in itertools.islice(mixture, SAMPLE)
            for text in (*(message.text for message in one.messages), one.target)
        ),
        trainer,
    )
    return wrap(_with_bytes(learner))


def _with_bytes(learner: Tokenizer) -> Tokenizer:
    """The learned merges with special tokens in front and a token for every byte, so that any text can be encoded."""
    learned = json.loads(learner.to_str())["model"]
    pieces = sorted(learned["vocab"], key=learned["vocab"].__getitem__)
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    vocabulary = {name: i for i, name in enumerate(names)}
    merges = [tuple(merge) for merge in learned["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.pre_tokenizer = _splitter()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


def wrap(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as transformers loads it, with the chat template."""
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        model_max_length=MAX_POSITIONS,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped

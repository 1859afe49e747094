r"""Embeddings of texts by a language model's own hidden states.

$$\phi(x) = \frac{\bar h}{\lVert \bar h \rVert}, \qquad \bar h = \frac{1}{\ell} \sum_{t=1}^{\ell} h_t(x)$$

h_t are the last hidden states of an encoder or of a causal language model. The offline default is an embedded model of
this package; any Hugging Face encoder whose weights lie on this machine can be named instead. If the model is missing,
that is an error: a hash of the text would look like an embedding and mean nothing.

A text without tokens has the zero vector, and cosine 0 with everything. A text that was embedded once is remembered;
batches differ in padding, so the same text alone and among others may differ by rounding (1e-6). Cost: one forward pass
over the texts that are new, in batches of similar length.

Sources: ECON (arXiv 2506.08292), answer and commitment embeddings (`econ.md`, sections 2 and 4); mean pooling after
Reimers and Gurevych, Sentence-BERT (EMNLP 2019).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from equipoise.errors import InputError
from equipoise.models.embedded import WEIGHTS, list_embedded

DEFAULT = "mason"
"""The embedded model that embeds where nobody names another: vectors of 192 numbers."""

_LONGEST = 1 << 20
"""Tokenizers without a limit say something like 1e30."""


class TextEmbedder:
    """Turns texts into vectors of length 1.

    Args:
        name: an embedded model ("abacus" or "embedded/abacus"), a folder, or a Hugging Face name with local weights.
        batch: most texts in a forward pass.
        remembered: most texts whose embeddings are kept, the latest used.

    Raises:
        InputError: no such model on this machine.
    """

    def __init__(self, name: str = DEFAULT, *, batch: int = 64, remembered: int = 20_000) -> None:
        self.name = name
        self._model, self._tokenizer = _loaded(name.removeprefix("embedded/"))
        self._batch = batch
        self._remembered = remembered
        self._memory: OrderedDict[str, Tensor] = OrderedDict()
        positions = getattr(self._model.config, "max_position_embeddings", None) or _LONGEST
        self.longest = min(int(self._tokenizer.model_max_length), int(positions), _LONGEST)

    @property
    def size(self) -> int:
        """Numbers of an embedding."""
        return self._model.config.hidden_size

    def embed(self, texts: Sequence[str]) -> Tensor:
        """Embeddings, each of length 1, or 0 for a text without tokens; float32. Shape [texts, size].

        What exceeds the model's context is cut off at the end of the text.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._memory]
        found = {text: self._memory[text] for text in texts if text in self._memory}
        if new:
            ids = self._tokenizer(new, truncation=True, max_length=self.longest)["input_ids"]
            order = sorted(range(len(new)), key=lambda i: len(ids[i]))
            for start in range(0, len(order), self._batch):
                rows = order[start : start + self._batch]
                for row, vector in zip(rows, self._pooled([ids[i] for i in rows]), strict=True):
                    found[new[row]] = vector
        self._memory.update(found)
        for text in texts:
            self._memory.move_to_end(text)
        while len(self._memory) > self._remembered:
            self._memory.popitem(last=False)
        return torch.stack([found[text] for text in texts]) if texts else torch.zeros(0, self.size)

    @torch.no_grad()
    def _pooled(self, ids: Sequence[Sequence[int]]) -> Tensor:
        """Normalised means of the hidden states of some token sequences. Shape [sequences, size]."""
        lengths = torch.tensor([len(row) for row in ids])
        width = int(lengths.max())
        if width == 0:
            return torch.zeros(len(ids), self.size)
        # Padded on the right by hand: causal models then need no positions, and no padding token is needed at all.
        padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids])
        filled = torch.arange(width) < lengths[:, None]
        # A row without tokens would attend to nothing; its first place is read, and weighs nothing.
        mask = filled | (torch.arange(width) == 0)
        hidden = self._model(input_ids=padded, attention_mask=mask.long()).last_hidden_state
        mean = (hidden * filled[..., None]).sum(1) / lengths.clamp(min=1)[:, None]
        return F.normalize(mean, dim=-1)


def cosine_similarity(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of the angle between vectors on the last axis, in [−1, 1]; 0 where one is 0. Leading axes broadcast."""
    return F.cosine_similarity(first, second, dim=-1).clamp(-1.0, 1.0)


@lru_cache(maxsize=4)
def _loaded(name: str) -> tuple[Any, Any]:
    """A model in evaluation mode, in float32 on the CPU, and its tokenizer."""
    disable_progress_bar()
    try:
        place = WEIGHTS / name if name in list_embedded() else Path(name)
        if not place.is_dir():
            # transformers asks the network about files it lacks; this looks into the local cache only.
            place = Path(snapshot_download(name, local_files_only=True))
        model = AutoModel.from_pretrained(place, dtype=torch.float32, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        available = ", ".join(list_embedded())
        raise InputError(
            f"no model '{name}' to embed texts with on this machine. Embedded models: {available}. For a Hugging Face "
            f"encoder, fetch its weights first: hf download {name}. ({str(error).splitlines()[0]})"
        ) from error
    return model.requires_grad_(False).eval(), tokenizer

"""Records of a benchmark, from a local file of JSON lines or from the Hugging Face hub at a pinned revision."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from inspect_ai.dataset import Sample, hf_dataset

from equipoise.errors import InputError, MissingExtra

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Where a benchmark's data lie on the hub.

    Attributes:
        path: the repository, such as "openai/gsm8k".
        revision: full hash of a commit, so that the questions never change.
        split: the split that is asked.
        name: the configuration, where there are several.
    """

    path: str
    revision: str
    split: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.path} at {self.revision[:8]}, split '{self.split}'"


def from_file(path: Path) -> Iterator[tuple[str, Record]]:
    """Each record of a `.jsonl` or `.jsonl.gz` file with the place where it stands.

    Raises:
        InputError: the file is missing, damaged, not UTF-8 or not JSON lines; says the line.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}, line {number}", _record(line, f"{path}, line {number}")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is a damaged or cut gzip file after line {number}: {error}. Fetch or pack it again."
        ) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}. Give a .jsonl or .jsonl.gz file.") from None


def from_hub(hub: Hub) -> Iterator[tuple[str, Record]]:
    """Each record of a hub data set with the place where it stands.

    Raises:
        MissingExtra: `datasets` is not installed.
        InputError: the hub cannot be reached or does not have the data.
    """
    if find_spec("datasets") is None:
        raise MissingExtra("benchmarks from the Hugging Face hub", "hub")
    try:
        dataset = hf_dataset(
            hub.path, split=hub.split, name=hub.name, revision=hub.revision, sample_fields=_whole, retry=False
        )
    except Exception as error:  # the hub's client raises what its many layers raise
        raise InputError(
            f"cannot read {hub} from the Hugging Face hub: {type(error).__name__}: {str(error)[:300]}. "
            "Check the network, or give a local file with data=FILE."
        ) from error
    for number, sample in enumerate(dataset):
        yield f"{hub}, row {number}", (sample.metadata or {})["record"]


def _whole(record: dict[str, Any]) -> Sample:
    return Sample(input="record", metadata={"record": record})


def _record(line: bytes, where: str) -> Record:
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start + 1}). Save the file as UTF-8.") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{where} is not JSON: {error}. Each line holds one question as a JSON object.") from None
    if not isinstance(record, dict):
        raise InputError(f"{where} is not a JSON object. Each line holds one question as a JSON object.")
    return record

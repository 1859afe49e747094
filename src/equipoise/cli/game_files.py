"""What the verbs of the game core read: a game by its file or name, and temperatures as they are written on a line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.errors import InputError, UnknownName

if TYPE_CHECKING:
    from equipoise.games.reading import Entry

FORMS = "a .json, .nfg or .npz file, library:NAME or openspiel:NAME"

GameSource = Annotated[str, typer.Argument(help=f"{FORMS[0].upper()}{FORMS[1:]}.")]
Temperatures = Annotated[
    str | None,
    typer.Option(
        "--temperature", "-t", help="One number, one per agent (1.5,0.4) or a JSON list. (default: the file's)"
    ),
]
Continuation = Annotated[
    str | None, typer.Option(help="Markov games: kl, soft or plain values. (default: the file's, or kl)")
]
EntryName = Annotated[str | None, typer.Option(help="The game's name, where a JSON file holds many.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON alone.")]


def read_game(source: str, *, entry: str | None, temperature: str | None, continuation: str | None) -> Entry:
    """The game with the temperatures and the continuation asked, or its own where an option is left out.

    Args:
        source: a file (.json, .nfg, .npz), "library:NAME" or "openspiel:NAME".
        entry: the name of one game, where a JSON file holds many under "games".
        temperature: as on the command line: "0.5", "1.5,0.4" or "[[0.5, 0.9], [0.7, 0.6]]".
        continuation: "kl", "soft" or "plain".

    Raises:
        InputError: no such file, or it holds no game; says which entry of which array is wrong. No temperatures, or
            what is written are none.
        UnknownName: no such game or entry.
        MissingExtra: OpenSpiel is not installed.
    """
    read = _read(source, entry)
    return replace(read, temperatures=_temperatures(temperature, read), continuation=continuation or read.continuation)


def _read(source: str, entry: str | None) -> Entry:
    """The game as it is written, its temperatures (None if it names none) and continuation."""
    from equipoise import games

    if entry is not None and Path(source).suffix != ".json":
        raise InputError(f"--entry names one game of a JSON file of many; '{source}' is no .json file.")
    scheme, colon, name = source.partition(":")
    if colon and scheme in ("library", "openspiel"):
        if scheme == "library":
            return games.Entry(games.library.named(name), None, "kl")
        return games.read_openspiel(name)
    file = Path(source)
    if file.suffix == ".npz":
        return games.read_npz(_bytes(file))
    text = _text(file)
    if file.suffix == ".nfg":
        return games.read_nfg(text)
    if file.suffix != ".json":
        raise InputError(f"cannot tell what '{source}' is by its name. A game is {FORMS}.")
    return games.read_entry(_one_of(_json(text, str(file)), entry, source))


def _temperatures(written: str | None, entry: Entry) -> Any:
    """The temperatures of an option, or of the game's own file without it."""
    if written is None:
        if entry.temperatures is None:
            raise InputError("the game names no temperatures. Add --temperature 0.5, or one per agent: 1.5,0.4.")
        return entry.temperatures
    try:
        read = json.loads(written if written.lstrip().startswith("[") else f"[{written}]")
    except (ValueError, RecursionError):
        read = None
    if not read or not _numbers(read):
        raise InputError(
            f"cannot read the temperatures '{written}'. Write a number (0.5), one per agent (1.5,0.4), "
            'or one per agent and type or state as JSON ("[[0.5, 0.9], [0.7, 0.6]]").'
        )
    return read[0] if len(read) == 1 and not written.lstrip().startswith("[") else read


def _numbers(read: Any) -> bool:
    if isinstance(read, list):
        return all(_numbers(item) for item in read)
    return isinstance(read, int | float) and not isinstance(read, bool)


def _one_of(read: Any, entry: str | None, source: str) -> Any:
    """The mapping of one game, picked by name where the file holds many."""
    if not isinstance(read, dict) or "games" not in read:
        if entry is not None:
            raise InputError(f"--entry names one game of many; '{source}' holds one only. Leave the option out.")
        return read
    listed = read["games"]
    if not isinstance(listed, list) or not listed:
        raise InputError(f"the key 'games' of '{source}' must hold a list of games, one at least.")
    named = {str(game.get("name")): game for game in listed if isinstance(game, dict)}
    if entry is None:
        if len(listed) == 1:
            return listed[0]
        raise InputError(f"'{source}' holds {len(listed)} games. Name one with --entry: {', '.join(named)}.")
    if entry not in named:
        raise UnknownName("entry", entry, list(named))
    return named[entry]


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise InputError(f"'{what}' is nested too deeply for a game.") from None
    except ValueError as error:
        raise InputError(f"'{what}' is not JSON: {error}.") from None


def _text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"'{file}' is not UTF-8 text: {error}. A game is {FORMS}.") from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read '{file}': {error.strerror or error}. A game is {FORMS}.") from None

"""`equipoise certify`: whether a game, or that of a trained policy, has one quantal response equilibrium only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from equipoise.cli.game_files import AsJson, Continuation, EntryName, Temperatures, read_game
from equipoise.cli.threads import one_thread
from equipoise.errors import InputError

EPILOG = """Examples:

equipoise certify library:pure_coordination --temperature 0.6

equipoise certify library:matching_pennies --temperature 0.3,1.7 --json

equipoise certify game.json

equipoise certify games.json --entry two_state_markov_plain

equipoise certify runs/policy

A game is a .json, .nfg or .npz file, library:NAME or openspiel:NAME; see equipoise solve --help. The folder of a policy
that equipoise train prompt-control wrote is certified at its own temperatures, from its files alone.

What the certificates compare:

small_gain: how strongly actions interact, against every agent's own temperature. It also proves that damped updates
converge, and how fast.

symmetrised: the same for weighted sums of the agents' payoffs: opposed interests cancel, as in zero-sum games.

markov: small gain for games that go on, with a price on moving the future.

paper_margin: the coldest agent's temperature less the coupling of the whole game, as in the DICE paper.

Any one suffices. None is necessary: where none holds there may still be one equilibrium only; search for others with
equipoise solve FILE --all.

"times" is what all temperatures must be multiplied by, and a little more, for a certificate to hold.
"""

Source = Annotated[str, typer.Argument(help="A game's file or name, or the folder of a trained policy.")]


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("certify", epilog=EPILOG)(certify)


def certify(
    source: Source,
    temperature: Temperatures = None,
    continuation: Continuation = None,
    entry: EntryName = None,
    as_json: AsJson = False,
) -> None:
    """Prove, where it can be proved, that a game has one quantal response equilibrium only; say what would prove it.

    Nothing is solved. Hot enough, every one-shot game has one equilibrium; a certificate says how hot is enough.
    """
    one_thread()
    if Path(source).is_dir():
        if any(option is not None for option in (temperature, continuation, entry)):
            raise InputError(f"'{source}' is a policy, which has its own temperatures. Name its folder alone.")
        from equipoise.cli.policy_verdict import certify_policy

        certify_policy(Path(source), as_json=as_json)
        return
    from equipoise import games

    read = read_game(source, entry=entry, temperature=temperature, continuation=continuation)
    found = games.certify(read.game, read.temperatures, continuation=read.continuation)
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, allow_nan=False))
    else:
        from equipoise.cli.certificates import show

        show(found)

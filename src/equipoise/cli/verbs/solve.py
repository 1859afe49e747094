"""`equipoise solve`: the quantal response equilibria of a game."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.game_files import AsJson, Continuation, EntryName, GameSource, Temperatures, read_game
from equipoise.cli.threads import one_thread
from equipoise.errors import InputError, WriteError

if TYPE_CHECKING:
    from equipoise.games import Branch, Equilibrium

EPILOG = """Examples:

equipoise solve library:stag_hunt --temperature 0.5

equipoise solve library:stag_hunt --temperature 0.5 --all --trace --plot stag_hunt.svg

equipoise solve library:asymmetric_matching_pennies --temperature 1.5,0.4 --json

equipoise solve game.nfg --temperature "[0.5, 0.8]" --method newton

equipoise solve library:two_state_markov --temperature "[[0.5, 0.9], [0.7, 0.6]]" --continuation plain

equipoise solve games.json --entry stag_hunt_fold --all --json

A game.json is one object with "kind", "tau" (temperatures) and, for the kind

normal_form: payoffs by agent, then actions;

bayesian: prior by types, payoffs by agent, then types, then actions;

markov: R by state, agent, then actions; P by state, actions, next state; gamma; mode (kl, soft, plain).

In a .npz file: payoffs, prior, transitions, discount, temperatures, continuation; payoffs by agent, state, actions.

Exit code 1: it did not converge. The temperatures are those asked, always.
"""


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("solve", epilog=EPILOG)(solve)


def solve(  # noqa: PLR0913, PLR0917  (one parameter per option)
    file: GameSource,
    temperature: Temperatures = None,
    continuation: Continuation = None,
    method: Annotated[str, typer.Option(help="auto, or a solver by name, such as newton or continuation.")] = "auto",
    every: Annotated[bool, typer.Option("--all", help="Search for all equilibria, from many starts.")] = False,
    traced: Annotated[
        bool, typer.Option("--trace", help="Follow the branch from infinite temperature; with --all every branch.")
    ] = False,
    as_json: AsJson = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the branch into this SVG file.")] = None,
    entry: EntryName = None,
    starts: Annotated[int, typer.Option(min=1, help="Random starts of --all.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of those starts.")] = 0,
) -> None:
    """Solve a game: the play of agents who choose better actions more often, the more so the lower their temperature.

    P(action) is proportional to exp(expected payoff / temperature), for every agent against the others.
    """
    one_thread()
    from equipoise import games

    if every and method != "auto":
        raise InputError("--all searches with Newton's method from many starts. Leave out --method, or --all.")
    if plot is not None and (plot.is_dir() or not plot.parent.is_dir()):
        raise InputError(f"cannot write '{plot}': its folder does not exist, or it is one. Name a file elsewhere.")
    read = read_game(file, entry=entry, temperature=temperature, continuation=continuation)
    options: dict[str, Any] = {"continuation": read.continuation}
    if every:
        found = games.find_all(read.game, read.temperatures, starts=starts, seed=seed, **options)
    else:
        # The end of the branch is what --trace is about: without it, a fast solver may answer with another equilibrium.
        method = "continuation" if traced and method == "auto" else method
        found = [games.solve(read.game, read.temperatures, method=method, **options)]
    branches: list[Branch] = []
    if traced or plot is not None:
        branches = _followed(read.game, read.temperatures, options, (every, starts, seed), smooth=plot is not None)
    if as_json:
        print(json.dumps(_told(found, branches, every=every, traced=traced), ensure_ascii=False, allow_nan=False))
    else:
        _show(found, branches, every=every)
    if plot is not None:
        _draw(branches, plot, quiet=as_json)
    if not found or not all(equilibrium.converged for equilibrium in found):
        raise typer.Exit(1)


def _followed(
    game: Any, temperatures: Any, options: dict[str, Any], search: tuple[bool, int, int], *, smooth: bool
) -> list[Branch]:
    """The principal branch, and with --all the others."""
    from equipoise import games

    every, starts, seed = search
    if smooth:
        from equipoise.reports.branch_picture import LONGEST

        options = {**options, "longest": LONGEST}
    if every:
        return games.branches(game, temperatures, starts=starts, seed=seed, **options)
    return [games.trace(game, temperatures, **options)]


def _told(found: list[Equilibrium], branches: list[Branch], *, every: bool, traced: bool) -> dict[str, Any]:
    """What --json prints."""
    from equipoise.games.tracing.branch import distinct

    if every:
        status = "converged" if found else "limit"
        told: dict[str, Any] = {"status": status, "message": _counted(len(found))}
        told["equilibria"] = [_equilibrium(equilibrium) for equilibrium in found]
    else:
        told = _equilibrium(found[0])
    if traced:
        told["branch"] = branches[0].as_json()
        told["bifurcations"] = [bifurcation.as_json() for bifurcation in distinct(branches)]
    return _finite(told)


def _equilibrium(found: Equilibrium) -> dict[str, Any]:
    """An equilibrium under the names of the command: "gap" is the regularized gap."""
    return {("gap" if key == "regularized_gap" else key): value for key, value in found.as_json().items()}


def _finite(told: Any) -> Any:
    """The same with null for numbers that JSON has not."""
    if isinstance(told, dict):
        return {key: _finite(value) for key, value in told.items()}
    if isinstance(told, list):
        return [_finite(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told


def _counted(count: int) -> str:
    if not count:
        return "No start converged. Raise the temperatures or --starts, or solve without --all."
    what = "One equilibrium was" if count == 1 else f"{count} equilibria were"
    return f"{what} found. This is a search, no proof that there are no others; a certificate is: equipoise certify."


def _show(found: list[Equilibrium], branches: list[Branch], *, every: bool) -> None:
    from rich.console import Console

    from equipoise.games.tracing.branch import distinct
    from equipoise.reports.equilibrium_table import say, show, show_bifurcations

    console = Console()
    for number, equilibrium in enumerate(found, start=1):
        show(equilibrium, console, title=f"equilibrium {number} of {len(found)}" if every else "")
        console.print()
    if every:
        say(console, _counted(len(found)))
    if found:
        say(console, found[0].certificates.sentence)
    if branches:
        show_bifurcations(distinct(branches), console, where="On every branch" if every else "On the principal branch")
        if not branches[0].arrived:
            say(console, "The principal branch was not followed to the temperatures asked.", bold=True)


def _draw(branches: list[Branch], plot: Path, *, quiet: bool) -> None:
    from equipoise.games.tracing.branch import distinct
    from equipoise.reports.branch_picture import branch_picture
    from equipoise.reports.drawing import standalone

    try:
        plot.write_text(standalone(branch_picture(branches, distinct(branches))), encoding="utf-8")
    except OSError as error:
        raise WriteError(f"cannot write '{plot}': {error.strerror or error}. Name another file.") from None
    if not quiet:
        print(f"Picture: {plot}")

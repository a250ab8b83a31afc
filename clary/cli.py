"""The command line: serve, demo, env, status, doctor, image, spot, reset."""

import gc
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from clary import __version__, cli_image, cli_spot, clients
from clary.config import Settings, load_settings
from clary.errors import SettingsError
from clary.store.lock import DataFolderLock, FolderInUse

app = typer.Typer(
    help="The AWS machine-learning stack on your own machine, behind AWS's own API.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Host = Annotated[str | None, typer.Option(help="The address to listen on.  [default: 127.0.0.1]")]
Port = Annotated[int | None, typer.Option(help="The port; 0 takes a free one.  [default: 4566]")]
DataDir = Annotated[Path | None, typer.Option(help="The folder that holds everything.  [default: ~/.clary]")]


@app.command()
def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    testing: Annotated[bool, typer.Option(help="Allow POST /_clary/reset and /moto-api/reset.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Start Clary and answer until Ctrl-C."""
    # What a start loads stays for good: to look through it again and again for garbage costs a fifth of the start.
    gc.disable()
    from clary import server  # here, so that the other commands start without it

    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("botocore").setLevel(logging.WARNING)
    settings = load_settings(host=host, port=port, data_dir=data_dir, testing=testing or None)
    server.serve(settings, ready=_announce)


@app.command()
def env(
    port: Port = None,
    data_dir: DataDir = None,
    unset: Annotated[bool, typer.Option("--unset", help="Print the lines that take it all back.")] = False,
) -> None:
    """Print shell exports that point AWS's clients at Clary: eval "$(clary env)"."""
    settings = load_settings(port=port, data_dir=data_dir)
    environment = dict(os.environ)
    if unset:
        lines = clients.unsets(settings, environment)
    else:
        holder = DataFolderLock(settings.data_dir).holder()
        found = holder.port if holder and holder.port and port is None else settings.port
        lines = clients.exports(settings, found, environment)
        for warning in clients.warnings(environment):
            typer.echo(f"clary: warning: {warning}", err=True)
    typer.echo("\n".join(lines))


@app.command()
def status(data_dir: DataDir = None) -> None:
    """Say whether a server runs on the data folder, where, and what it does."""
    settings = load_settings(data_dir=data_dir)
    holder = DataFolderLock(settings.data_dir).holder()
    if holder is None:
        typer.echo(f"No server on {settings.data_dir}. Start one: {_program()} serve")
        raise typer.Exit(1)
    url = f"http://{clients.address(settings.host)}:{holder.port}"
    health = clients.health(url)
    if health is None:
        typer.echo(f"Process {holder.pid} holds {settings.data_dir}, but does not answer on port {holder.port}.")
        raise typer.Exit(1)
    rows = {
        "endpoint": url,
        "version": health["version"],
        "process": health["pid"],
        "data folder": health["data_dir"],
        **health["running"],
        "services": ", ".join(health["services"]),
    }
    width = max(map(len, rows)) + 2
    for name, value in rows.items():
        typer.echo(f"{name:<{width}}{value}")
    for problem in health["problems"]:
        typer.echo(f"{'held up':<{width}}{problem}")


app.add_typer(cli_spot.app, name="spot")
app.add_typer(cli_image.app, name="image")


@app.command()
def reset(
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Empty the data folder: buckets, jobs, models, endpoints, logs."""
    settings = load_settings(data_dir=data_dir)
    folder = settings.data_dir
    if not folder.exists():
        typer.echo(f"{folder} does not exist: nothing to do.")
        return
    lock = DataFolderLock(folder)
    if not yes:
        typer.confirm(f"Delete everything in {folder}?", abort=True)
    lock.acquire()
    from clary.app import empty

    strangers = empty(settings)
    lock.release()
    typer.echo(f"{folder} is empty" + (f" but for what is not Clary's: {', '.join(strangers)}." if strangers else "."))


@app.command()
def demo(
    endpoint: Annotated[str | None, typer.Option(help="A running server to use instead of a new one.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running.")] = False,
) -> None:
    """Train, deploy and invoke two models on real data through boto3."""
    from clary.demo import run

    raise typer.Exit(run(endpoint, keep=keep))


@app.command()
def doctor(
    data_dir: DataDir = None,
    python: Annotated[str | None, typer.Option(help="The Python of your code.  [default: the shell's]")] = None,
) -> None:
    """Look for what keeps AWS's clients or jobs from working here, and say how to mend it."""
    from clary.clients.doctor import default_python, examine

    wrong = 0
    for what, mend in examine(load_settings(data_dir=data_dir), python or default_python(), dict(os.environ)):
        typer.echo(f"{'mend' if mend else 'ok':<6}{what}" + (f"\n      -> {mend}" if mend else ""))
        wrong += bool(mend)
    typer.echo(f"\n{wrong} to mend." if wrong else "\nAll is well.")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The entry point; what a setting did wrong is one sentence, never a traceback."""
    try:
        app()
    except SettingsError as error:
        hint = "; end that one first" if isinstance(error, FolderInUse) else ""
        typer.echo(f"clary: {error}{hint}", err=True)
        sys.exit(1)


def _announce(settings: Settings) -> None:
    gc.freeze()
    gc.enable()
    url = f"http://{clients.address(settings.host)}:{settings.port}"
    typer.echo(f"Clary {__version__} answers at {url}  (data: {settings.data_dir})")
    typer.echo(f'Point AWS clients at it:  eval "$({_program()} env --port {settings.port})"    Stop: Ctrl-C')


def _program() -> str:
    return sys.argv[0] if Path(sys.argv[0]).name == "clary" else "clary"

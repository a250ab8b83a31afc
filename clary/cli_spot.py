"""`clary spot interrupt JOB`: what happens on AWS when somebody else pays more for the machine."""

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from clary import clients
from clary.config import load_settings
from clary.store.lock import DataFolderLock

app = typer.Typer(help="Managed spot training.", no_args_is_help=True)


@app.callback()
def spot() -> None:
    """Managed spot training: be the spot market."""


@app.command()
def interrupt(
    job: Annotated[str, typer.Argument(help="The name of a training job, or its ARN.")],
    grace: Annotated[float | None, typer.Option(min=0, help="Seconds before SIGKILL.  [default: 120, as AWS]")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="The server's data folder.  [default: ~/.clary]")] = None,
) -> None:
    """Interrupt a managed spot training job that runs: it goes on from its checkpoints when there is room."""
    settings = load_settings(data_dir=data_dir)
    holder = DataFolderLock(settings.data_dir).holder()
    if holder is None or not holder.port:
        typer.echo(f"No server on {settings.data_dir}.", err=True)
        raise typer.Exit(1)
    query = urlencode({"job": job} if grace is None else {"job": job, "grace": grace})
    done, answer = _ask(f"http://{clients.address(settings.host)}:{holder.port}/_clary/spot/interrupt?{query}")
    typer.echo(answer, err=not done)
    if not done:
        raise typer.Exit(1)


def _ask(url: str) -> tuple[bool, str]:
    """Whether the server did it, and what it says."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as reply:  # noqa: S310
            return True, f"Interrupted {json.load(reply)['interrupted']}."
    except urllib.error.HTTPError as refusal:
        return False, str(json.load(refusal)["message"])
    except OSError as problem:
        return False, f"The server does not answer: {problem}"

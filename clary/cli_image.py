"""clary image: the environments of framework images, built ahead or looked at."""

from typing import Annotated

import typer

from clary.config import load_settings

app = typer.Typer(help="Environments of framework images.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="An image's URI, or a name such as scikit-learn:1.2-1.")]


@app.command()
def build(name: Name) -> None:
    """Build what an image needs, so that its first job needn't wait and no package index."""
    from clary import images

    settings = load_settings()
    try:
        image = images.resolve(settings, name)
        folder = image.prepare(typer.echo, lambda: None)
    except (images.UnknownImageError, images.BuildError) as problem:
        typer.echo(f"clary: {problem}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{image.name} is ready in {folder}")


@app.command("list")
def list_images() -> None:
    """Show which images run here and which of them are built; any other version runs as the nearest one."""
    from clary import images

    for name, built in images.offered(load_settings()):
        typer.echo(f"{name:<24}{built or 'not built'}")

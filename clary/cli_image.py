"""clary image: which images run here; the environments of frameworks, and images of one's own."""

import os
from pathlib import Path
from typing import Annotated

import typer

from clary.config import load_settings

app = typer.Typer(help="Images: those of frameworks, and your own.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="An image's URI, or a name such as scikit-learn:1.2-1.")]
OwnName = Annotated[str, typer.Argument(help="What jobs and models call it, as mine or mine:1.")]
DataDir = Annotated[Path | None, typer.Option(help="The server's data folder.  [default: ~/.clary]")]


@app.command()
def build(name: Name) -> None:
    """Build what an image needs, so that its first job needn't wait and no package index."""
    from clary import images

    settings = load_settings()
    try:
        image = images.resolve(settings, name)
        folder = image.prepare(typer.echo, lambda: None)
    except images.BuildError as problem:
        typer.echo(f"clary: {problem}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{image.name} is ready in {folder}")


@app.command("list")
def list_images(data_dir: DataDir = None) -> None:
    """Show which images run here and which of them are built; any other version runs as the nearest one."""
    from clary import images
    from clary.images import register

    settings = load_settings(data_dir=data_dir)
    for name, built in images.offered(settings):
        typer.echo(f"{name:<24}{built or 'not built'}")
    for name, image in register.read(settings).items():
        where = f"in {image.root}: " if image.root else ""
        typer.echo(f"{name:<24}{where}{' '.join(image.command) or 'train, serve'}")


@app.command()
def add(
    name: OwnName,
    command: Annotated[list[str] | None, typer.Argument(help="After --: its entry point, without train.")] = None,
    root: Annotated[Path | None, typer.Option(help="An unpacked root file system to run in, read-only.")] = None,
    folder: Annotated[list[Path] | None, typer.Option(help="A folder that the command is to see too.")] = None,
    env: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, a variable of the image.")] = None,
    workdir: Annotated[str, typer.Option(help="The folder that it is started in.  [default: /tmp]")] = "",
    data_dir: DataDir = None,
) -> None:
    """Make a command of this machine, or an unpacked image, an image that jobs and models can name."""
    from clary.images import own_folders, register

    variables = dict(variable.partition("=")[::2] for variable in env or [])
    image = register.RegisteredImage(
        name=name,
        command=(command or []) if root else own_folders.absolute(command or []),
        root=os.path.abspath(root) if root else "",  # noqa: PTH100 - a link stays one
        folders=[os.path.abspath(path) for path in folder or []],  # noqa: PTH100
        environment=variables,
        working_folder=workdir,
    )
    settings = load_settings(data_dir=data_dir)
    register.add(settings, image)
    seen = register.read(settings)[name].folders
    typer.echo(f"{name} is an image now." + (f" It sees {', '.join(seen)}." if seen else ""))


@app.command()
def remove(name: OwnName, data_dir: DataDir = None) -> None:
    """Forget an image of your own; what it was made of stays where it is."""
    from clary.images import register

    register.remove(load_settings(data_dir=data_dir), name)
    typer.echo(f"{name} is no image any more.")

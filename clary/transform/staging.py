"""A transform's folder made ready by the server: model, objects, plan."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from clary.durable import write_whole
from clary.errors import ClientError
from clary.hosting.model_data import ModelDataError, fetch_model
from clary.jobs import ChannelSpec, Host
from clary.jobs.channels import Staging
from clary.jobs.staging import remove_tree
from clary.transform.plan import Object
from clary.transform.spec import TransformSpec


def stage(folder: Path, spec: TransformSpec, host: Host, check: Callable[[], None]) -> None:
    """Bring in the model and the objects and write the plan, from nothing; `check` is called between objects.

    Raises ClientError for what the data or the settings did.
    """
    for name in ("models", "input"):
        remove_tree(folder / name)
    for name in ("output", "logs"):
        (folder / name).mkdir(exist_ok=True)
    for place, container in enumerate(spec.containers):
        try:
            fetch_model(host, container, folder / "models" / str(place))
        except ModelDataError as problem:
            raise ClientError(str(problem)) from None
        check()
    staging = Staging(host, spec.role, spec.region, folder, check)
    items = staging.find(ChannelSpec(name="TransformInput", uri=spec.source_uri, source=spec.source))
    staging.number(items, folder / "input")
    objects = [Object(name=f"{item.bucket}/{item.key}", key=f"{item.path}.out") for item in items]
    write_whole(folder / "plan.json", msgspec.json.encode(objects))

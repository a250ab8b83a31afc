"""What CreateTransformJob's model cannot say: what must exist, what fits together, what Clary doesn't do yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clary.formats import parse_media_type
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.errors import ValidationException, not_yet
from clary.services.sagemaker.limits import check_environment, check_instances
from clary.services.sagemaker.not_done import NotDone, refuse
from clary.services.sagemaker.transform_spec import CSV, JSON, JSON_LINES, content_of
from clary.transform import json_path

if TYPE_CHECKING:
    from clary.wire import Call

MOST_MB = 100  # of MaxPayloadInMB, and of all payloads on their way to an instance
MOST_CONCURRENT = 100

NOT_DONE = (
    NotDone("TransformOutput.KmsKeyId", "encryption with a KMS key"),
    NotDone("TransformResources.VolumeKmsKeyId", "encryption with a KMS key"),
    NotDone("TransformResources.TransformAmiVersion", "a machine image of AWS's"),
    NotDone("DataCaptureConfig.KmsKeyId", "encryption with a KMS key"),
)


def check(call: Call, body: dict[str, Any]) -> None:
    """Raise ValidationException for a transform that could not run as it was asked for; `body` has the defaults."""
    refuse(body, NOT_DONE)
    check_instances(body["TransformResources"]["InstanceCount"], "transform job")
    check_environment(body.get("Environment", {}), "Environment")
    _check_payload(body)
    _check_input(call, body["TransformInput"])
    _check_processing(body)
    _check_bucket(call, body["TransformOutput"]["S3OutputPath"], "TransformOutput.S3OutputPath")
    if capture := body.get("DataCaptureConfig"):
        _check_bucket(call, capture["DestinationS3Uri"], "DataCaptureConfig.DestinationS3Uri")


def _check_bucket(call: Call, uri: str, member: str) -> None:
    bucket = s3_locations.parse(uri, member).bucket
    if not s3_locations.bucket_exists(call.rooms, bucket):
        raise ValidationException(f"{member}: the bucket {bucket!r} does not exist.")


def _check_payload(body: dict[str, Any]) -> None:
    size, concurrent = body.get("MaxPayloadInMB"), body.get("MaxConcurrentTransforms", 0)
    if size == 0:
        raise ValidationException(
            "MaxPayloadInMB 0 asks for HTTP chunked encoding, which built-in algorithms do not support. Leave the "
            "member out for the algorithm's own limit."
        )
    if (size or 0) > MOST_MB:
        raise ValidationException(f"MaxPayloadInMB must be at most {MOST_MB}, not {size}.")
    if concurrent > MOST_CONCURRENT:
        raise ValidationException(f"MaxConcurrentTransforms must be at most {MOST_CONCURRENT}, not {concurrent}.")
    if (size or 0) * concurrent > MOST_MB:
        raise ValidationException(
            f"MaxConcurrentTransforms * MaxPayloadInMB must be at most {MOST_MB} MB, not {concurrent} * {size}."
        )


def _check_input(call: Call, given: dict[str, Any]) -> None:
    source = given["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise ValidationException(
            f"TransformInput.DataSource.S3DataSource.S3DataType: {source['S3DataType']} is not for a batch transform; "
            "S3Prefix and ManifestFile are."
        )
    if given["SplitType"] == "TFRecord":
        raise not_yet("TransformInput.SplitType", "TFRecord")
    location = s3_locations.parse(source["S3Uri"], "TransformInput.DataSource.S3DataSource.S3Uri")
    exists = s3_locations.has_objects if source["S3DataType"] == "S3Prefix" else s3_locations.object_exists
    if not exists(call.rooms, location):
        raise ValidationException(f'No S3 objects found under S3 URL "{source["S3Uri"]}" given in input data source.')


def _check_processing(body: dict[str, Any]) -> None:
    """The filters can be read, and the records are of a form that they, and the join, can look into."""
    given, output, processing = body["TransformInput"], body["TransformOutput"], body["DataProcessing"]
    content_type, accept = given.get("ContentType", ""), output.get("Accept", "")
    join = processing["JoinSource"] == "Input"
    used = {name: _parse(processing, name) for name in ("InputFilter", "OutputFilter")}
    if join:
        _check_join(given, output)
    if body.get("DataCaptureConfig", {}).get("GenerateInferenceId") and not content_of(accept, given["SplitType"]):
        raise ValidationException(
            "DataCaptureConfig.GenerateInferenceId needs TransformOutput.Accept to be "
            f"{CSV}, {JSON} or {JSON_LINES}, not {accept or 'unset'!r}."
        )
    for name, member, media_type in (
        ("InputFilter", "TransformInput.ContentType", content_type),
        ("OutputFilter", "TransformOutput.Accept", accept),
    ):
        path = used[name]
        if not (path.steps or join):
            continue
        content = content_of(media_type, given["SplitType"])
        if not content:
            raise ValidationException(
                f"DataProcessing needs {member} to be {CSV}, {JSON} or {JSON_LINES}, not {media_type or 'unset'!r}."
            )
        if content == "csv" and not path.by_place:
            raise ValidationException(
                f"DataProcessing.{name}: {path.text!r} names members; of {CSV} columns can be chosen, such as $[1:]."
            )
        if content == "csv" and given["SplitType"] != "Line":
            raise ValidationException(f"DataProcessing of {CSV} needs TransformInput.SplitType Line.")


def _parse(processing: dict[str, Any], name: str) -> json_path.Path:
    try:
        return json_path.parse(processing[name])
    except ValueError as problem:
        raise ValidationException(f"DataProcessing.{name} is not a JSONPath that is supported: {problem}.") from None


def _check_join(given: dict[str, Any], output: dict[str, Any]) -> None:
    content_type, accept = (
        parse_media_type(shape.get(name, "")).name for shape, name in ((given, "ContentType"), (output, "Accept"))
    )
    if content_type != accept:
        raise ValidationException(
            "DataProcessing.JoinSource Input needs TransformInput.ContentType and TransformOutput.Accept to be the "
            f"same, not {content_type or 'unset'!r} and {accept or 'unset'!r}."
        )
    if given["SplitType"] != output["AssembleWith"]:
        raise ValidationException(
            "DataProcessing.JoinSource Input needs TransformInput.SplitType and TransformOutput.AssembleWith to be "
            f"the same, not {given['SplitType']} and {output['AssembleWith']}."
        )

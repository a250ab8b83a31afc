"""What the transform room needs to know of a transform job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from clary.formats import parse_media_type
from clary.services.sagemaker import s3_locations
from clary.services.sagemaker.endpoint_deployment import to_container
from clary.transform import TransformSpec

if TYPE_CHECKING:
    from clary.hosting import ContainerSpec
    from clary.store.records import Record
    from clary.transform.spec import Content

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"


def content_of(media_type: str, split: str) -> Content:
    """The form of the records that filters and joins look into; empty where they can't."""
    name = parse_media_type(media_type).name
    if name == CSV:
        return "csv"
    if name == JSON_LINES:
        return "lines"
    if name == JSON:
        return "lines" if split == "Line" else "document"
    return ""


def to_spec(record: Record) -> TransformSpec:
    """A transform job's record as a transform."""
    body = record.body
    source, output, processing = body["TransformInput"], body["TransformOutput"], body["DataProcessing"]
    place, client, resources = (
        source["DataSource"]["S3DataSource"],
        body.get("ModelClientConfig", {}),
        body["TransformResources"],
    )
    content_type, accept = source.get("ContentType", ""), output.get("Accept", "")
    capture = body.get("DataCaptureConfig", {})
    return TransformSpec(
        id=body["TransformJobArn"],
        account=record.key.account,
        region=record.key.region,
        name=body["TransformJobName"],
        role=body["Role"],
        containers=[_to_container(container, body) for container in body["Containers"]],
        network_isolation=body["NetworkIsolation"],
        source_uri=s3_locations.parse(place["S3Uri"], "S3Uri").uri,
        source=place["S3DataType"],
        gunzip=source["CompressionType"] == "Gzip",
        content_type=content_type,
        split=source["SplitType"],
        strategy=body.get("BatchStrategy", ""),
        max_payload_mb=body.get("MaxPayloadInMB", 0),
        max_concurrent=body.get("MaxConcurrentTransforms", 0),
        timeout=client.get("InvocationsTimeoutInSeconds", 600),
        retries=client.get("InvocationsMaxRetries", 3),
        output_uri=s3_locations.parse(output["S3OutputPath"], "TransformOutput.S3OutputPath").uri,
        accept=accept,
        assemble=output["AssembleWith"],
        input_filter=processing["InputFilter"],
        output_filter=processing["OutputFilter"],
        join=processing["JoinSource"] == "Input",
        inference_ids=capture.get("GenerateInferenceId", False),
        capture_uri=s3_locations.parse(capture["DestinationS3Uri"], "DestinationS3Uri").uri if capture else "",
        input_content=content_of(content_type, source["SplitType"]),
        output_content=content_of(accept, source["SplitType"]),
        instance_type=resources["InstanceType"],
        instances=body["Instances"],
    )


def _to_container(container: dict[str, Any], body: dict[str, Any]) -> ContainerSpec:
    """A container with the job's environment, and what SageMaker tells the containers of a batch transform."""
    told = {
        "SAGEMAKER_BATCH": "true",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(body.get("MaxPayloadInMB") or ""),
        "SAGEMAKER_BATCH_STRATEGY": {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}.get(
            body.get("BatchStrategy", ""), ""
        ),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(body.get("MaxConcurrentTransforms") or ""),
    }
    environment = {**container["Environment"], **body.get("Environment", {})}
    given = {name: value for name, value in told.items() if value}
    return msgspec.structs.replace(to_container(container), environment={**environment, **given})

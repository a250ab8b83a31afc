"""What one attempt of a job leaves in S3 beside its artefact, and the message that it leaves to whoever asks."""

import codecs
from pathlib import Path

from clary.errors import ClientError
from clary.jobs.host import Host
from clary.jobs.manifests import split_uri
from clary.jobs.spec import JobSpec, OutputSpec
from clary.jobs.staging import Attempt
from clary.jobs.sync import Put, Sync
from clary.jobs.written import read_beginning

MESSAGE_MAX = 1024


class Outputs:
    """The outputs of all hosts. Of two hosts' files with one path, the later host's stays."""

    def __init__(self, host: Host, spec: JobSpec, attempt: Attempt) -> None:
        self._host = host
        self._kind = spec.kind
        self._trees = [attempt.folder / "hosts" / name / "ml" for name in spec.hosts]
        scratch = attempt.folder / "uploading"
        self._syncs = [
            (output, Sync(tree, output.path, self._to(output), scratch))
            for tree in self._trees
            for output in spec.outputs
        ]

    def look(self) -> None:
        """Upload what is to be there while the job runs."""
        for output, sync in self._syncs:
            if output.continuous:
                sync.look()

    def finish(self) -> None:
        """The job has ended: upload the rest. ServiceError, OSError or ClientError says what can't be."""
        for _, sync in self._syncs:
            sync.finish()

    def message(self) -> dict[str, str]:
        """A processing job's ExitMessage: the first KiB of its hosts' output/message. ClientError: it is no UTF-8."""
        if self._kind != "processing":
            return {}
        text = "".join(map(_read_message, self._trees)).encode()[:MESSAGE_MAX].decode(errors="ignore")
        return {"ExitMessage": text} if text else {}

    def _to(self, output: OutputSpec) -> Put:
        bucket, prefix = split_uri(output.uri.rstrip("/") + "/")

        def put(inside: str, path: Path) -> None:
            self._host.put_object(bucket, prefix + inside, path)

        return put


def _read_message(tree: Path) -> str:
    """A host's message, without a character that the end of the first KiB tears."""
    data = read_beginning(tree, "output/message", MESSAGE_MAX)
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=len(data) < MESSAGE_MAX)
    except UnicodeDecodeError:
        raise ClientError("The exit message in /opt/ml/output/message is not UTF-8 encoded") from None

"""A 64 MiB object up and down with boto3's transfer manager: Clary beside a plain server that keeps the same file.

    python benchmarks/s3_transfer.py [--rounds 7] [--mib 64]

The plain side (s3_plain.py) knows just enough of multipart and ranges to send and sync the file; it checks nothing.
Both sides run in turns. Clary's memory is measured too, after an object of four times the size.
"""

import argparse
import io
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from s3_servers import clary_server, plain_server

REACH = 0.7
MOST_MIB = 150


class Sink(io.RawIOBase):
    """Takes what is downloaded and forgets it, so that this process's disk is not what is measured."""

    def __init__(self) -> None:
        self.size = 0
        self._position = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        self.size += len(data)
        self._position += len(data)
        return len(data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mib", type=int, default=64)
    given = parser.parse_args()
    data = os.urandom(given.mib << 20)
    with tempfile.TemporaryDirectory(prefix="clary-benchmark-") as name:
        folder = Path(name)
        with clary_server(folder) as clary, plain_server(folder) as plain:
            clary.s3().create_bucket(Bucket="benchmark")
            times = measure({"Clary": clary.s3(), "plain": plain.s3()}, data, given.rounds)
            report(times, given.mib)
            before = clary.peak_mib()
            clary.s3().upload_fileobj(io.BytesIO(data * 4), "benchmark", "large")
            clary.s3().download_fileobj("benchmark", "large", Sink())
            print(
                f"server's memory: {clary.resident_mib():.0f} MiB; peak {before:.0f} MiB with {given.mib} MiB, "
                f"{clary.peak_mib():.0f} MiB after {4 * given.mib} MiB (reach: {MOST_MIB})"
            )


def measure(clients: dict[str, Any], data: bytes, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of each transfer, by direction and side; a round before the first warms both up."""
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds + 1):
        for side, client in clients.items():
            key = f"object-{turn % 2}"
            os.sync()  # nobody waits for what the other one left to be written
            started = time.perf_counter()
            client.upload_fileobj(io.BytesIO(data), "benchmark", key)
            put = time.perf_counter() - started
            sink = Sink()
            started = time.perf_counter()
            client.download_fileobj("benchmark", key, sink)
            get = time.perf_counter() - started
            assert sink.size == len(data)
            if turn:
                times.setdefault(("PUT", side), []).append(put)
                times.setdefault(("GET", side), []).append(get)
                print(f"round {turn}: {side} PUT {put:.3f} s, GET {get:.3f} s")
    return times


def report(times: dict[tuple[str, str], list[float]], mib: int) -> None:
    """The medians as MiB/s, and their ratio."""
    for direction in ("PUT", "GET"):
        ours, theirs = (mib / statistics.median(times[direction, side]) for side in ("Clary", "plain"))
        print(
            f"{direction}: Clary {ours:.0f} MiB/s, plain {theirs:.0f} MiB/s, ratio {ours / theirs:.2f} (reach: {REACH})"
        )


if __name__ == "__main__":
    main()

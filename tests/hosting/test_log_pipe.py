"""A worker's output on its way to the log."""

import asyncio
from pathlib import Path

from clary.clock import MovedClock
from clary.errors import ServiceError
from clary.hosting.log_pipe import LogPipe


def collect(tmp_path: Path, writes: list[bytes], *, failures: int = 0) -> list[tuple[float, str]]:
    found: list[tuple[float, str]] = []
    left = [failures]

    def append(lines: list[tuple[float, str]]) -> None:
        if left[0]:
            left[0] -= 1
            raise ServiceError("no space")
        found.extend(lines)

    async def main() -> None:
        pipe = LogPipe(tmp_path / "pipe", append, MovedClock(5.0))
        for data in writes:
            with (tmp_path / "pipe").open("ab", buffering=0) as file:
                for start in range(0, len(data), 4096):
                    file.write(data[start : start + 4096])
                    await asyncio.sleep(0)
            await asyncio.sleep(0.12 if failures else 0)
        await pipe.close()

    asyncio.run(main())
    return found


def test_lines_and_their_time(tmp_path: Path) -> None:
    assert collect(tmp_path, [b"one\ntw", b"o\n\n", b"\xff end"]) == [(5.0, "one"), (5.0, "two"), (5.0, "\ufffd end")]


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    lengths = [len(line) for _, line in collect(tmp_path, [b"x" * 600_000])]
    assert sum(lengths) == 600_000
    assert max(lengths) < 400_000


def test_a_full_disk_loses_lines_but_not_the_worker(tmp_path: Path) -> None:
    assert collect(tmp_path, [b"lost\n", b"kept\n"], failures=1) == [(5.0, "kept")]

"""The processes that convert: lent, kept, and what becomes of a batch whose process ends."""

import os
import signal
import subprocess

import pyarrow.parquet as pq
import pytest

from clary.delivery import converter as converter_module
from clary.delivery.converter import Converter, Converters
from clary.delivery.converter_program import MALFORMED, PARSE_ERROR
from clary.delivery.plan import Conversion
from clary.joined import join

COLUMNS = [("n", "int")]
CONVERSION = Conversion(database="d", table="t")


@pytest.fixture
def converters():
    found = Converters()
    yield found
    found.close()


def pid_of(converter):
    return converter._process.pid


def test_a_process_writes_several_files_and_tells_what_does_not_fit(converters, tmp_path):
    with converters.lend() as converter:
        converter.begin(CONVERSION, COLUMNS)
        files = [converter.open(tmp_path / name)[0] for name in "ab"]
        answers = [
            converter.write(file, [join([b'{"n":%d}' % file, b'{"n":"x"}']), join([b"no"])]) for file in files * 2
        ]
        for answer in answers:
            assert [(number, code) for number, _, code in answer.result(20)] == [(1, MALFORMED), (2, PARSE_ERROR)]
        for file in files:
            converter.close(file)
    assert [pq.read_table(tmp_path / name).column("n").to_pylist() for name in "ab"] == [[1, 1], [2, 2]]


def test_a_process_is_lent_again_unless_its_batch_failed(converters, tmp_path):
    with converters.lend() as converter:
        first = pid_of(converter)
        converter.begin(CONVERSION, COLUMNS)
    with pytest.raises(ValueError, match="bad"), converters.lend() as converter:
        assert pid_of(converter) == first
        raise ValueError("bad")
    with converters.lend() as converter, converters.lend() as other:
        assert len({first, pid_of(converter), pid_of(other)}) == 3
        converter.begin(CONVERSION, COLUMNS)
        with pytest.raises(FileNotFoundError):
            converter.open(tmp_path / "nowhere" / "a")[1].result(20)


def test_a_process_that_ends_fails_what_it_was_ordered(converters, tmp_path):
    with pytest.raises(OSError, match="has ended"), converters.lend() as converter:
        converter.begin(CONVERSION, COLUMNS)
        file, opened = converter.open(tmp_path / "a")
        opened.result(20)
        os.kill(pid_of(converter), signal.SIGSTOP)
        answer = converter.write(file, [join([b'{"n":1}'])])
        os.kill(pid_of(converter), signal.SIGKILL)
        answer.result(20)
    with pytest.raises(OSError, match="has ended"):
        converter.begin(CONVERSION, COLUMNS)


def test_a_process_waits_for_the_records_of_its_batch_however_long_they_take(converters, tmp_path, monkeypatch):
    program = converter_module._PROGRAM.replace("import main", "import main; main.__globals__['IDLE_SECONDS'] = 0")
    monkeypatch.setattr(converter_module, "_PROGRAM", program)
    with converters.lend() as converter:
        converter.begin(CONVERSION, COLUMNS)
        converter.open(tmp_path / "a")[1].result(20)
        with pytest.raises(subprocess.TimeoutExpired):
            converter._process.wait(0.3)
        converter.close(1)
    assert converter._process.wait(20) == 0


def test_a_batch_whose_process_ends_is_converted_anew(make, monkeypatch):
    house = make(conversion=CONVERSION)
    house.put(b'{"n":1}', b'{"n":2}')
    whole = Converter.write

    def write(self, file, data):
        monkeypatch.setattr(Converter, "write", whole)
        os.kill(pid_of(self), signal.SIGKILL)
        return whole(self, file, data)

    monkeypatch.setattr(Converter, "write", write)
    house.pass_time()
    assert house.objects == {}
    house.pass_time(5)
    [body] = house.objects.values()
    assert body[:4] == b"PAR1"

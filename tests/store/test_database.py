import errno
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from clary.errors import SettingsError
from clary.store import database as module
from clary.store.database import Database, StorageFull
from clary.store.records import Key, Records


def set_schema(database: Database, version: int) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE schema_version SET version = {version}")


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM metric_sources").scalar_one())


def insert(connection: sa.Connection, source: str) -> None:
    connection.exec_driver_sql(f"INSERT INTO metric_sources (source, stored, time) VALUES ('{source}', 1, 1)")


def test_what_is_written_is_there_after_opening_again(url: str, database: Database) -> None:
    with database.write() as connection:
        insert(connection, "a")
    again = Database(url)
    assert count(again) == 1
    again.close()


def test_a_write_that_raises_is_undone(database: Database) -> None:
    with pytest.raises(KeyError), database.write() as connection:
        insert(connection, "a")
        raise KeyError
    assert count(database) == 0


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises((StorageFull, sa.exc.DBAPIError), match=r"read-?only"), database.read() as connection:
        insert(connection, "a")


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM metric_sources").scalar_one()
        with database.write() as writer:
            insert(writer, "a")
        assert connection.exec_driver_sql("SELECT count(*) FROM metric_sources").scalar_one() == before
    assert count(database) == 1


def test_a_write_inside_a_write_is_named_and_does_not_hang(database: Database) -> None:
    with pytest.raises(RuntimeError, match="inside"), database.write(), database.write():
        pass
    with database.write() as connection:
        insert(connection, "a")


def test_writers_that_read_first_are_never_locked_out(url: str, database: Database) -> None:
    # Two Database objects stand for two processes: the lock must be the database's own, not only this process's.
    other = Database(url)

    def work(worker: int) -> None:
        for number in range(20):
            with (database if worker % 2 else other).write() as connection:
                seen = connection.exec_driver_sql("SELECT count(*) FROM metric_sources").scalar_one()
                insert(connection, f"{seen}")
            assert count(database) >= number

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    other.close()
    assert count(database) == 120


def test_a_newer_schema_is_refused_by_name(url: str, database: Database) -> None:
    set_schema(database, 999)
    with pytest.raises(SettingsError, match="schema 999, written by a newer Clary"):
        Database(url)


def test_an_older_schema_is_migrated_step_by_step_or_refused(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_schema(database, 1)
    monkeypatch.setattr(module, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(module, "MIGRATIONS", {1: lambda connection: insert(connection, "one")})
    with pytest.raises(SettingsError, match="schema 1, which this Clary cannot bring to 3"):
        Database(url)
    assert count(database) == 0  # the first step is undone with the rest
    module.MIGRATIONS[2] = lambda connection: insert(connection, "two")
    Database(url).close()
    Database(url).close()
    assert count(database) == 2


@pytest.mark.parametrize("wrong", ["mysql://localhost/x", "state.db", ""])
def test_a_url_of_another_engine_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="must begin with sqlite:// or postgresql://"):
        Database(wrong)


@pytest.mark.parametrize("driver", ["sqlite", "postgresql"])
def test_a_database_that_cannot_be_opened_is_named_without_its_password(driver: str, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database " * 1000)
    url = f"sqlite:///{tmp_path}/state.db" if driver == "sqlite" else "postgres://me:secret@127.0.0.1:1/x"
    with pytest.raises(SettingsError, match=r"state\.db cannot|me:\*\*\*@127\.0\.0\.1:1/x cannot be opened"):
        Database(url)


def test_a_full_disk_is_one_clear_error_and_reading_goes_on(database: Database) -> None:
    with database.write() as connection:
        insert(connection, "a")
    if database.dialect == "sqlite":
        with database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        fill = f"INSERT INTO metric_sources VALUES ('{'x' * 100_000}', 1, 1)"
    else:
        fill = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$"
    with (
        pytest.raises(StorageFull, match=r"nothing was stored: .*(full|No space)") as caught,
        database.write() as writer,
    ):
        insert(writer, "b")
        writer.exec_driver_sql(fill)
    assert (caught.value.code, caught.value.status) == ("InsufficientStorage", 507)
    assert count(database) == 1
    with database.write() as connection:
        insert(connection, "c")
    assert count(database) == 2


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failing_file_system_is_the_same_error(database: Database, number: int) -> None:
    with pytest.raises(StorageFull), database.write() as connection:
        insert(connection, "a")
        raise OSError(number, "the disk")
    assert count(database) == 0


def test_other_errors_stay_what_they_are(database: Database) -> None:
    with pytest.raises(FileNotFoundError), database.write():
        raise FileNotFoundError(errno.ENOENT, "no file")
    with pytest.raises(sa.exc.DBAPIError), database.write() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")


def test_a_lost_connection_is_replaced(database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    assert count(database) == 0
    with pytest.raises(sa.exc.DBAPIError), database.write() as connection:
        insert(connection, "a")
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        connection.exec_driver_sql(kill)
    with database.write() as connection:
        insert(connection, "b")
    assert count(database) == 1


WRITER = """
import sys
from clary.clock import Clock
from clary.store.database import Database
from clary.store.records import Key, Records
records = Records(Database(sys.argv[1]), Clock())
for number in range(100_000):
    records.create(Key("k", "", "", str(number)), {"n": number})
    print(number, flush=True)
"""


def test_nothing_acknowledged_is_lost_by_a_kill(url: str, database: Database, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait(10)
    last = int([line for line in lines if line.endswith("\n")][-1])
    from clary.clock import Clock

    records = Records(database, Clock())
    for number in range(last + 1):
        found = records.get(Key("k", "", "", str(number)))
        assert found and found.body == {"n": number}
    assert not records.get(Key("k", "", "", str(last + 2)))

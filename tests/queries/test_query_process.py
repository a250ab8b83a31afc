"""Queries in processes of their own: what they may use, how they end, what is left of them."""

import os
import random
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_house import Lake
from pyarrow import orc

from clary.clock import Clock
from clary.config import Settings
from clary.errors import ServiceError
from clary.queries import Desk, Queries, QuerySpec, Target
from clary.sandbox import WarmParent, is_running, start_time
from clary.sandbox.kernel import children_of

MANY = "unnest(sequence(1, 10000))"
ENDLESS = f"select count(*) from {MANY} a(i), {MANY} b(j), {MANY} c(k), {MANY} d(l) where (i * j + k) % 7 = l"


class Object:
    def __init__(self, key, size):
        self.key, self.size = key, size


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    warm = WarmParent(["clary.queries.process", "clary.queries.worker"], tmp_path_factory.mktemp("warm"))
    warm.start()
    yield warm
    warm.close()


class Room:
    """A room of queries over a lake; outcomes by the ids of the queries."""

    def __init__(self, folder, warm, **settings):
        self.lake = Lake(folder)
        self.folder = folder / "queries"
        self.settings = Settings(data_dir=folder, **settings)
        self.warm = warm
        self.outcomes = {}
        self.begun = []
        self.changed = threading.Condition()
        self.queries = Queries(self.settings, Clock(), self.desk(), warm, self.folder)

    def desk(self):
        lake = self.lake

        def fetch(bucket, key, target):
            if (bucket, key) not in lake.objects:
                raise ServiceError("The specified key does not exist.", code="NoSuchKey", status=404)
            target.write_bytes(lake.objects[bucket, key])
            target.chmod(0o444)

        return Desk(
            table=lambda scope, catalog, database, name: lake.table(catalog, database, name),
            databases=lambda scope, catalog: lake.databases(catalog),
            tables=lambda scope, database: lake.tables_of(database),
            partitions=lambda scope, database, name: lake.partitions(database, name),
            list_objects=lambda bucket, prefix: [Object(*item) for item in lake.list_objects(bucket, prefix)],
            fetch_object=fetch,
            invoke=lambda scope, function, payload: lake.invoke(function, payload.decode()).encode(),
            federated=lambda scope, catalog: lake.federated(catalog),
        )

    def start(self, name, query, **fields):
        spec = QuerySpec(id=name, scope=("0" * 12, "us-east-1"), query=query, database="db", **fields)

        def ended(outcome):
            with self.changed:
                self.outcomes[name] = outcome
                self.changed.notify_all()

        def began():
            with self.changed:
                self.begun.append(name)
                self.changed.notify_all()

        self.queries.start(spec, ended, began)

    def wait_for(self, condition, seconds=60):
        with self.changed:
            assert self.changed.wait_for(condition, seconds)

    def outcome(self, name):
        self.wait_for(lambda: name in self.outcomes)
        return self.outcomes[name]

    def run(self, query, **fields):
        name = f"query-{len(self.outcomes)}"
        self.start(name, query, **fields)
        return self.outcome(name)

    def folders(self):
        """Those of queries."""
        return [path.name for path in self.folder.iterdir() if not path.name.startswith("spare-")]

    def spare(self):
        """The pid and start time of the process that waits."""
        while (spare := self.queries._spares._spare) is None:
            time.sleep(0.01)
        pid = self.pid(spare.result(60).folder.name)
        return pid, start_time(pid)

    def pid(self, name):
        """Of a running query's process."""
        note = self.folder / name / "process.json"
        while not note.exists():
            assert name not in self.outcomes
        return int(note.read_text().partition('"pid":')[2].partition(",")[0])


def limits(pid):
    """What bounds the program of a query: the third process of its sandbox."""
    while not (inner := children_of(pid)) or not (programs := children_of(inner[0])):
        pass
    lines = Path(f"/proc/{programs[0]}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:] for line in lines}


@pytest.fixture
def room(tmp_path, warm):
    room = Room(tmp_path, warm)
    yield room
    room.queries.close()


def test_a_query_reads_what_the_server_stages_and_leaves_its_result(room):
    room.lake.add_table("t", "a int", "text")
    for number in range(1000):
        room.lake.put(f"t/{number}", f"{number}\n".encode())
    outcome = room.run("select sum(a) as s from t")
    assert outcome.ok, outcome.message
    assert Path(outcome.result).read_text() == '"s"\n"499500"\n'
    assert outcome.scanned_bytes == sum(map(len, room.lake.objects.values()))
    assert outcome.tables == [("awsdatacatalog", "db", "t")]
    assert not (room.folder / "query-0" / "staged").exists()
    room.queries.discard("query-0")
    assert room.folders() == []


def test_files_to_commit_are_named_as_the_host_sees_them(room):
    target = Target(kind="create_table", format="JSON", partitioned_by=["p"])
    outcome = room.run("select i as a, i % 2 as p from unnest(sequence(1, 4)) r(i)", target=target)
    assert outcome.ok, outcome.message
    assert {item.partition[0] for item in outcome.written} == {"0", "1"}
    for item in outcome.written:
        assert Path(item.path).stat().st_size == item.bytes
        assert item.name.startswith(f"p={item.partition[0]}/")


def test_what_the_server_refuses_is_told(room):
    room.lake.add_table("t", "a int", "text")
    room.lake.put("t/1", b"1\n")
    room.lake.list_objects = lambda bucket, prefix: [("t/gone", 5)]
    outcome = room.run("select a from t")
    assert (outcome.error_kind, outcome.message) == (
        "USER", "HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split: The specified key does not exist."
    )  # fmt: skip


@pytest.mark.parametrize("form", ["parquet", "orc"])
def test_files_whose_footers_lie_fail_the_query_and_name_the_file(room, form):
    chance = random.Random(5)
    table = pa.table({"a": list(range(2000)), "b": [str(number) * 3 for number in range(2000)]})
    write = {"parquet": pq.write_table, "orc": orc.write_table}[form]
    write(table, str(room.folder.parent / "whole"))
    whole = (room.folder.parent / "whole").read_bytes()
    room.lake.add_table("t", "a bigint, b string", form)
    for _ in range(6):
        broken = bytearray(whole)
        for _ in range(20):
            broken[chance.randrange(max(0, len(whole) - 700), len(whole))] = chance.randrange(256)
        room.lake.put("t/1", bytes(broken))
        outcome = room.run("select sum(a), max(b) from t", seconds=30)
        assert outcome.ok or outcome.message.startswith(("HIVE_BAD_DATA", "HIVE_CURSOR_ERROR")), outcome.message
        assert outcome.ok or "s3://lake/t/1" in outcome.message or form == "orc"


def test_a_sqlite_database_among_the_objects_is_a_catalog(room):
    path = room.folder.parent / "people.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("create table People (id integer, Name text)")
        database.execute("insert into People values (1, 'a'), (2, 'b')")
        database.commit()
        database.execute("pragma wal_checkpoint(truncate)")
    room.lake.put("people.db", path)
    room.lake.catalogs["other"] = {"kind": "sqlite", "url": "s3://lake/people.db"}
    outcome = room.run("select name from other.main.people where id = 2")
    assert outcome.ok, outcome.message
    assert Path(outcome.result).read_text() == '"name"\n"b"\n'
    room.lake.put("people.db", b"nonsense" * 1000)
    assert "the object is no SQLite database" in room.run("select name from other.main.people").message


def test_a_query_without_network_reaches_postgres_through_the_server(room, postgres, postgres_server):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("create schema if not exists shop")
        connection.execute('create table if not exists shop."Orders" (id bigint, price numeric(10,2), at timestamp)')
        connection.execute('truncate shop."Orders"')
        connection.execute("insert into shop.\"Orders\" values (1, 1.5, '2020-01-01 00:00:00.123456'), (2, null, null)")
    login = f"postgresql://clary:{quote(postgres_server.password)}@127.0.0.1"
    room.lake.catalogs["shop"] = {"kind": "postgresql", "url": f"{login}:{postgres_server.port}/postgres"}
    room.lake.add_table("t", "id bigint, who string", "text", **{"field.delim": ","})
    room.lake.put("t/1", b"1,me\n2,you\n")
    outcome = room.run("select who, price, at from shop.shop.orders o join t on t.id = o.id order by who")
    assert outcome.ok, outcome.message
    lines = Path(outcome.result).read_text().splitlines()
    assert lines == ['"who","price","at"', '"me","1.50","2020-01-01 00:00:00.123"', '"you",,']
    room.lake.catalogs["shop"]["url"] = f"{login}:1/postgres"
    message = room.run("select * from shop.shop.orders").message
    assert message.startswith("GENERIC_USER_ERROR: the catalog shop can't be reached")
    assert "secret" not in message


def test_a_running_query_is_cancelled(room):
    room.start("q", ENDLESS)
    pid = room.pid("q")
    started = start_time(pid)
    assert room.queries.cancel("q")
    assert room.outcome("q").error_kind == "CANCELLED"
    assert not is_running(pid, started)
    assert not room.queries.cancel("q")


def test_a_query_that_runs_too_long_is_ended(room):
    outcome = room.run(ENDLESS, seconds=0.5)
    assert outcome.error_kind == "USER"
    assert outcome.message.startswith("Query timeout")


def test_a_query_that_eats_memory_spills_or_fails_alone(room):
    rows = f"{MANY} a(i), unnest(sequence(1, 100)) b(j)"
    spilling = f"select count(distinct s) from (select lpad(cast(i * 1000 + j as varchar), 60, 'x') as s from {rows}) t"
    outcome = room.run(spilling, memory_bytes=120 << 20)
    assert outcome.ok, outcome.message
    outcome = room.run(f"select array_agg(lpad(cast(i as varchar), 1000, 'x')) from {rows}", memory_bytes=120 << 20)
    assert outcome.error_kind == "USER"
    assert outcome.message == "EXCEEDED_LOCAL_MEMORY_LIMIT: Query exhausted resources at this scale factor"


@pytest.mark.parametrize(
    "query", [f"select {'(' * 5000}1{')' * 5000}", f"select {' + '.join(['1'] * 3000)}"], ids=["brackets", "a chain"]
)
def test_a_statement_that_is_nested_too_deep_is_told_so(room, query):
    outcome = room.run(query)
    assert outcome.error_kind == "USER"
    assert outcome.message.startswith("STACK_OVERFLOW: statement is too large")


def test_long_chains_of_conditions_are_read(room):
    outcome = room.run(f"select {' or '.join(['1 = 2'] * 800)} as found")
    assert outcome.ok, outcome.message
    assert Path(outcome.result).read_text() == '"found"\n"false"\n'


def test_a_query_whose_process_is_killed_fails_and_leaves_none(room):
    room.start("q", ENDLESS)
    os.kill(room.pid("q"), signal.SIGKILL)
    outcome = room.outcome("q")
    assert outcome.error_kind == "SYSTEM"
    assert outcome.message.startswith("GENERIC_INTERNAL_ERROR")
    assert room.run("select 1").ok


def test_queries_wait_for_their_turn_and_can_be_cancelled_meanwhile(tmp_path, warm):
    room = Room(tmp_path, warm, query_slots=1)
    room.start("first", ENDLESS)
    room.wait_for(lambda: room.begun == ["first"])
    room.start("second", "select 1")
    room.start("third", "select 1")
    assert room.queries.counts() == (1, 2)
    assert room.queries.cancel("third")
    assert room.outcome("third").error_kind == "CANCELLED"
    assert room.queries.cancel("first")
    assert room.outcome("second").ok
    assert room.begun == ["first", "second"]
    room.queries.close()


def test_closing_ends_all_and_tells_each(room):
    for name in "abcdef":
        room.start(name, ENDLESS)
    room.wait_for(lambda: room.begun)
    room.queries.close()
    assert {outcome.error_kind for outcome in room.outcomes.values()} == {"CANCELLED"}
    assert len(room.outcomes) == 6


def test_a_process_waits_for_the_next_query_and_takes_that_one_alone(room):
    assert room.run("select 1").ok
    waiting = room.spare()
    assert is_running(*waiting)
    room.start("q", ENDLESS)
    assert room.pid("q") == waiting[0]
    assert room.queries.cancel("q")
    assert room.outcome("q").error_kind == "CANCELLED"
    assert not is_running(*waiting)
    room.lake.add_table("t", "a int", "text")
    room.lake.put("t/1", b"1\n")
    another = room.spare()
    assert another != waiting
    assert Path(room.run("select a from t").result).read_text() == '"a"\n"1"\n'
    assert not is_running(*another)


def test_a_query_that_comes_while_the_next_process_comes_up_takes_that_one(room):
    started = []
    start = room.queries._spares._started

    def slowly():
        time.sleep(0.2)
        started.append(start())
        return started[-1]

    room.queries._spares._started = slowly
    assert room.run("select 1").ok
    while room.queries._spares._spare is None:
        pass
    room.start("q", ENDLESS)
    while not started:
        pass
    assert room.pid("q") == started[0]._pid
    assert room.queries.cancel("q")
    assert room.outcome("q").error_kind == "CANCELLED"


def test_a_process_that_waits_is_bound_as_one_that_was_started_for_its_query(room):
    assert room.run("select 1").ok
    pid, _ = room.spare()
    started = {name: value for name, value in limits(pid).items() if name.startswith("Max")}
    room.start(
        "own", ENDLESS, memory_bytes=room.queries._spares._memory_bytes + 1
    )  # so that it isn't the one that waits
    own = room.pid("own")
    assert own != pid
    assert "unlimited" not in started["Max data size"]
    assert {**limits(own), "Max data size": ""} == {**started, "Max data size": ""}
    assert room.queries.cancel("own")


def test_a_process_that_waits_for_long_or_until_the_end_is_ended(room):
    assert room.run("select 1").ok
    waiting = room.spare()
    room.queries._spares.expire()
    assert not is_running(*waiting)
    assert list(room.folder.iterdir()) == [room.folder / "query-0"]
    assert room.run("select 2").ok
    waiting = room.spare()
    room.queries.close()
    assert not is_running(*waiting)


def test_a_process_that_is_killed_while_it_waits_takes_no_query(room):
    assert room.run("select 1").ok
    pid, started = room.spare()
    os.kill(pid, signal.SIGKILL)
    while is_running(pid, started) or not room.queries._spares._spare.result().has_ended():
        pass
    assert room.run("select 2").ok


def test_what_a_killed_server_left_is_ended_and_removed_but_for_what_is_kept(room):
    room.start("q", ENDLESS)
    pid = room.pid("q")
    started = start_time(pid)
    assert room.run("select 1").ok
    later = Queries(room.settings, Clock(), room.desk(), room.warm, room.folder)
    later.recover(keep=["query-0"])
    assert room.outcome("q").error_kind == "SYSTEM"
    assert not is_running(pid, started)
    assert room.folders() == ["query-0"]
    later.close()


def test_a_query_that_has_scanned_more_than_it_may_is_ended_while_it_runs(room):
    room.lake.add_table("t", "a bigint", "parquet")
    rows = 3_000_000
    pq.write_table(
        pa.table({"a": pa.array(range(rows))}),
        str(room.folder.parent / "t"),
        compression="none",
        use_dictionary=False,
        row_group_size=100_000,
    )
    room.lake.put("t/1", room.folder.parent / "t")
    held = len(room.lake.objects["lake", "t/1"])
    endless = "select count(*) from t x join t y on x.a % 2 = y.a % 2"
    outcome = room.run(endless, most_bytes=1_000_000)
    assert (outcome.ok, outcome.error_kind) == (False, "CUTOFF")
    assert outcome.message == "Bytes scanned limit was exceeded"
    assert 1_000_000 < outcome.scanned_bytes <= 2 * held
    outcome = room.run("select a from t limit 1", most_bytes=held // 2)
    assert outcome.ok, outcome.message
    assert 0 < outcome.scanned_bytes <= held // 2
    outcome = room.run("select max(a) from t", most_bytes=2 * held)
    assert outcome.ok, outcome.message
    assert rows * 8 <= outcome.scanned_bytes <= held

"""What a server that starts finds of executions that the last one left."""

from clary.config import Settings
from clary.services.athena import commit, executions
from clary.store.objects import Objects
from tests.conftest import running
from tests.main_job import wait_until
from tests.services.athena.conftest import Lake


def test_what_a_server_finds(tmp_path, monkeypatch):
    settings = Settings(port=0, data_dir=tmp_path / "data", testing=True)
    with running(settings) as server:
        lake = Lake(server.client, "kept")
        lake.run(
            "CREATE EXTERNAL TABLE t (n int) PARTITIONED BY (p string) STORED AS PARQUET "
            f"LOCATION 's3://{lake.bucket}/t/'"
        )
        defined = cut_short(server, lake.run("SHOW TABLES"))
        cut = {
            moment: start_and_cut(server, lake, monkeypatch, owner, moment, statement)
            for owner, moment, statement in (
                (Objects, "put_all", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"),
                (commit, "_change_catalog", "CREATE TABLE made AS SELECT 5 AS n"),
                (commit, "put_metadata", "INSERT INTO t VALUES (3, 'a')"),
                (commit, "put_manifest", "CREATE TABLE taken AS SELECT 1 AS n"),
            )
        }
        lake.athena.stop_query_execution(QueryExecutionId=cut["put_all"])
        assert lake.execution(cut["put_all"])["Status"]["State"] == "RUNNING"  # it is too late for that
        lake.run("DROP TABLE taken")
        lake.run(f"CREATE EXTERNAL TABLE taken (other int) LOCATION 's3://{lake.bucket}/other/'")
        server.house.rooms.queries.start = lambda *_: None
        waiting = [lake.start("SELECT 1 AS n"), lake.start("CREATE TABLE late AS SELECT 2 AS n")]
        assert lake.execution(waiting[0])["Status"]["State"] == "QUEUED"
    with running(settings) as server:
        lake.__dict__.update({service: server.client(service) for service in ("athena", "s3", "glue")})
        # A definition that was cut short ends, and says so.
        assert "whether it was done the catalog tells" in lake.execution(defined)["Status"]["StateChangeReason"]
        # A commit is finished, each of its objects is there once.
        for moment, count in (("put_all", 2), ("_change_catalog", 1), ("put_metadata", 1)):
            assert lake.execution(cut[moment])["Status"]["State"] == "SUCCEEDED", moment
            assert lake.athena.get_query_results(QueryExecutionId=cut[moment])["UpdateCount"] == count
        assert len(lake.keys("t/")) == 3
        assert lake.rows("SELECT n, p FROM t ORDER BY n")[1:] == [["1", "a"], ["2", "b"], ["3", "a"]]
        assert lake.rows("SELECT n FROM made") == [["n"], ["5"]]
        # One that can't be finished is taken back.
        status = lake.execution(cut["put_manifest"])["Status"]
        assert (status["State"], "already exists" in status["StateChangeReason"]) == ("FAILED", True)
        assert lake.keys(f"results/tables/{cut['put_manifest']}/") == []
        # A query that was not done runs again.
        for id_ in waiting:
            wait_until(lambda id_=id_: lake.execution(id_)["Status"]["State"] == "SUCCEEDED", "it doesn't run again")
        assert lake.rows("SELECT n FROM late") == [["n"], ["2"]]
        wait_until(lambda: not list((settings.data_dir / "queries").glob("????????-*")), "a query's folder stays")


def start_and_cut(server, lake, monkeypatch, owner, moment, statement):
    """The id of a statement whose commit stops at a function of it, as if the server were killed there."""

    def stop(*_, **__):
        reached.append(True)
        raise SystemExit

    reached = []
    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, stop)
        id_ = lake.start(statement)
        wait_until(lambda: reached, f"the commit never came to {moment}")
    assert "Commit" in kept(server, id_).body
    return id_


def cut_short(server, id_):
    """The id of an execution, made one that has not ended."""
    server.house.rooms.records.change(kept(server, id_).key, lambda record: executions.set_state(record, "RUNNING", 0))
    return id_


def kept(server, id_):
    return next(record for record in server.house.rooms.records.every(executions.KIND) if record.key.name == id_)

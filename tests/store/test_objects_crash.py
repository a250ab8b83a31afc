"""A real kill at each step of a write: a visible object has its bytes, no old one is lost, nothing leaks.

A child process does the write and counts its steps (every call that changes the disk, and every commit); the k-th
ends it with os._exit. Then the store is opened again and looked at, for each k until the write survives.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from clary.clock import Clock
from clary.store.database import Database
from clary.store.deletion import Target
from clary.store.objects import Objects
from clary.store.outbox import Letter
from clary.store.uploads import Completion

OLD = b"old" * 100_000
NEW = b"new" * 100_000
OLDER = b"before" * 100_000
JOINED = [b"parts" * 20_000, b"small"]
STEPS = ("mkdir", "open", "write", "fsync", "close", "link", "unlink")


def opened(folder: Path) -> tuple[Database, Objects]:
    database = Database(f"sqlite:///{folder}/state.db")
    return database, Objects(database, folder / "objects", Clock())


def put(objects, key, data):
    with objects.incoming() as incoming:
        incoming.write([data])
        return objects.put("b", key, incoming.finish(), {}, lambda found: None)


def put_part(objects, id_, number, data):
    with objects.incoming() as incoming:
        incoming.write([data])
        objects.uploads.put_part(id_, number, incoming.finish(), {})


def read(objects, key):
    with objects.open("b", key, lambda found: (0, found.object.size)) as source:
        return b"".join(source.blocks())


def overwrite(objects):
    put(objects, "key", NEW)


def overwrite_and_tell(objects):
    with objects.incoming() as incoming:
        incoming.write([NEW])
        tell = [Letter("somebody", {"new": True})]
        objects.put("b", "key", incoming.finish(), {}, lambda found: None, lambda change: tell)


def shrink(objects):
    put(objects, "key", b"new")


def delete(objects):
    objects.delete("b", [Target("key")], lambda bucket, found: found)


def copy(objects):
    with objects.open("b", "source", lambda found: (0, found.object.size)) as source:
        content = objects.copy(source)
    objects.put("b", "key", content, {}, lambda found: None)


def complete(objects):
    (begun,) = objects.uploads.list("b")
    put_part(objects, begun.id, 2, NEW[150_000:])
    objects.uploads.complete(begun.id, lambda upload, found, parts: Completion(parts, "etag", {}))


def replace_part(objects):
    (begun,) = objects.uploads.list("b")
    put_part(objects, begun.id, 1, OLD)


def keep_version(objects):
    put(objects, "key", NEW)


def mark(objects):
    objects.delete("b", [Target("key")], lambda bucket, found: [Target("key")])


def remove_newest(objects):
    newest = Target("key", objects.find("b", "key").object.version)
    objects.delete("b", [newest], lambda bucket, found: found)


def join(objects):
    with tempfile.TemporaryDirectory() as folder:
        objects.fetch("b", "joined", Path(folder, "target"))


VERSIONED = (keep_version, mark, remove_newest)


def prepare(folder: Path, *, versioned: bool) -> None:
    folder.mkdir()
    database, objects = opened(folder)
    objects.buckets.create("b", "000000000000", "us-east-1", {}, versioned=versioned)
    if versioned:
        put(objects, "key", OLDER)
    put(objects, "key", OLD)
    put(objects, "source", NEW)
    parts = objects.uploads.create("b", "joined", {}, lambda bucket: None)
    for number, data in enumerate(JOINED, 1):
        put_part(objects, parts.id, number, data)
    objects.uploads.complete(parts.id, lambda upload, found, parts: Completion(parts, "etag", {}))
    begun = objects.uploads.create("b", "key", {}, lambda bucket: None)
    put_part(objects, begun.id, 1, NEW[:150_000])
    database.close()


def run_until_step(folder: Path, action, last: int) -> bool:
    """Do it in a child that dies at step `last`; False once the action has fewer steps."""
    child = os.fork()
    if child == 0:
        steps = 0

        def step():
            nonlocal steps
            steps += 1
            if steps > last:
                os._exit(1)

        try:
            database, objects = opened(folder)
            for name in STEPS:
                setattr(os, name, counted(getattr(os, name), step))
            # A commit that is asked for and not done, and one that is done and not heard of.
            for engine in (database._reader, database._writer):
                sa.event.listen(engine, "begin", lambda connection: step())
                sa.event.listen(engine, "commit", lambda connection: step())
                sa.event.listen(engine, "checkin", lambda *_: step())
            action(objects)
            objects.settle()
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            os._exit(2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 1), "the child failed by itself"
    return code == 1


def counted(function, step):
    def call(*arguments, **options):
        step()
        done = function(*arguments, **options)
        step()
        return done

    return call


EXPECTED = {
    overwrite: [OLD, NEW],
    overwrite_and_tell: [OLD, NEW],
    shrink: [OLD, b"new"],
    delete: [OLD, None],
    copy: [OLD, NEW],
    complete: [OLD, NEW],
    replace_part: [OLD],
    keep_version: [OLD, NEW],
    mark: [OLD, None],
    remove_newest: [OLD, OLDER],
    join: [OLD],
}


@pytest.mark.parametrize("action", EXPECTED, ids=lambda action: action.__name__)
def test_a_kill_at_any_step_leaves_the_old_object_or_the_new_one(tmp_path, action):
    seen = []
    prepare(tmp_path / "prepared", versioned=action in VERSIONED)
    for last in range(200):
        folder = tmp_path / str(last)
        shutil.copytree(tmp_path / "prepared", folder)
        killed = run_until_step(folder, action, last)
        database, objects = opened(folder)  # sweeps
        seen.append(check(objects, database, folder, EXPECTED[action]))
        # The letter is there exactly when the object is.
        assert objects.outbox.count() == (seen[-1] if action is overwrite_and_tell else 0)
        database.close()
        if not killed:
            break
    assert not killed
    assert len(seen) > 3
    # Once the new one is visible it stays so at every later step.
    assert seen == sorted(seen)
    assert seen[-1] == len(EXPECTED[action]) - 1


def check(objects, database, folder, expected) -> int:
    found = objects.find("b", "key").object
    state = expected.index(None if found is None else read(objects, "key"))
    assert read(objects, "source") == NEW
    assert read(objects, "joined") == b"".join(JOINED)
    with database.read() as connection:
        named = {row[0] for row in connection.execute(sa.text("SELECT blob FROM parts WHERE blob IS NOT NULL"))}
        owners = {row[0] for row in connection.execute(sa.text("SELECT owner FROM parts"))}
        living = {
            row[0]
            for row in connection.execute(
                sa.text("SELECT id FROM objects UNION SELECT id FROM versions UNION SELECT id FROM uploads")
            )
        }
    assert {path.name for path in (folder / "objects").glob("??/*")} == named
    assert owners <= living
    return state

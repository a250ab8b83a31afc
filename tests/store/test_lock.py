import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clary.errors import SettingsError
from clary.store.lock import DataFolderLock, FolderInUse, Holder

# Takes the folder, forks a child that outlives it (as a job's supervisor does), and waits.
SERVER = """
import os, sys, time
from pathlib import Path
from clary.store.lock import DataFolderLock
DataFolderLock(Path(sys.argv[1])).acquire(4566)
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""


def test_a_folder_is_held_until_it_is_released(tmp_path: Path) -> None:
    first, second = DataFolderLock(tmp_path / "data"), DataFolderLock(tmp_path / "data")
    assert second.holder() is None
    first.acquire()
    first.acquire(4566)
    mine = Holder(os.getpid(), 4566)
    assert first.holder() == second.holder() == mine
    with pytest.raises(FolderInUse, match=rf"data is in use by process {os.getpid()}, a Clary server on port 4566"):
        second.acquire(4567)
    first.release()
    assert first.holder() is None
    second.acquire(4567)
    assert first.holder() == Holder(os.getpid(), 4567)
    second.release()
    second.release()


def test_the_folder_is_private(tmp_path: Path) -> None:
    lock = DataFolderLock(tmp_path / "data")
    lock.acquire(1)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    lock.release()


def test_a_folder_that_others_may_read_is_made_private(tmp_path: Path) -> None:
    for _ in range(2):  # empty, then with the lock of the first time
        tmp_path.chmod(0o755)
        lock = DataFolderLock(tmp_path)
        lock.acquire()
        lock.release()
        assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    with pytest.raises(SettingsError, match=r"holds other files \(letter\): name an empty one"):
        DataFolderLock(tmp_path).acquire()


def test_a_killed_server_lets_go_though_its_child_lives_on(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    child = int(server.stdout.readline())
    try:
        lock = DataFolderLock(tmp_path)
        assert lock.holder() == Holder(server.pid, 4566)
        with pytest.raises(FolderInUse, match=f"process {server.pid}"):
            lock.acquire(1)
        server.kill()
        server.wait(10)
        server.stdout.close()
        assert lock.holder() is None
        lock.acquire(2)
        lock.release()
    finally:
        os.kill(child, signal.SIGKILL)

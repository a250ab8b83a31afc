"""What a server's allocator keeps of freed memory, in a process of its own: the settings last as long as it."""

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import resource, time
from clary.memory import keep_freed_memory

def pages(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def held(): return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20
def fill(): [bytes(range(256)) * 256 for _ in range(256)]  # 16 MiB in pieces

keep_freed_memory(seconds=2)
before = held()
fill()
first = pages()
fill()
assert pages() - first < 256, "the second one takes what the first one left"
assert held() > before + 12
end = time.monotonic() + 20
while held() > before + 4:
    assert time.monotonic() < end, "it is given back"
    time.sleep(0.05)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the allocator isn't glibc's")
def test_freed_memory_is_kept_for_what_comes_next_and_given_back_later():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr

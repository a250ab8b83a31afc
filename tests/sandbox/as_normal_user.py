"""Give up root, then run a shell line in a sandbox as a normal user would; prints the status and what it printed."""

import os
import tempfile
from pathlib import Path

from clary.sandbox import Program, kernel, root
from clary.sandbox.process import start_as

LINE = "id -u; grep CapEff /proc/self/status; touch /usr/x; touch /tmp/x && ls /proc | grep -c ^[0-9]"


def main() -> None:
    root.visible_paths = lambda: ("/usr", "/bin", "/lib", "/lib64")  # this Python may lie where only root may look
    os.setgroups([])
    os.setresgid(4321, 4321, 4321)
    os.setresuid(4321, 4321, 4321)
    kernel.own_proc_files()
    with tempfile.TemporaryDirectory() as folder:
        program = Program(
            command=["/bin/sh", "-c", LINE],
            environment={"PATH": "/usr/bin:/bin"},
            output=f"{folder}/output",
            folder=folder,
            network="none",
        )
        print(start_as(program, sandboxed=True).wait(20))
        print(Path(program.output).read_text())


main()

"""What tests register as images: a program that keeps to the container contract, and a small root file system."""

import re
import shutil
import subprocess
from pathlib import Path

PROGRAM = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

MODEL = "/opt/ml/model/settings.json"

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(open(MODEL, "rb").read() + b" " + body)

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("called with", sys.argv[1:], "by", os.environ.get("CALLER"), flush=True)
if sys.argv[1] == "train":
    settings = json.load(open("/opt/ml/input/config/hyperparameters.json"))
    if settings.get("fail"):
        open("/opt/ml/output/failure", "w").write("it was told to")
        sys.exit(3)
    json.dump(settings, open(MODEL, "w"))
elif sys.argv[1] == "serve":
    HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""

SHELL = """#!/bin/sh
set -e
cat /opt/ml/input/config/hyperparameters.json > /opt/ml/model/settings.json
echo "arguments: $*; host: $(cat /etc/hostname); here: $(pwd); of ours:" $(ls /usr /opt)
(echo x > /opt/written) 2>/dev/null || echo "the root is read-only"
"""


def make_root(folder: Path, *programs: str) -> Path:
    """A root file system with a shell, a few programs, and what these need."""
    for name in ("sh", "ls", "cat", "sleep", *programs):
        found = Path(shutil.which(name)).resolve()
        _copy(found, folder / "bin" / name)
        listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False, timeout=30).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            _copy(Path(library), folder / library[1:])
    for name in ("etc", "tmp", "proc", "opt/program"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    train = folder / "opt" / "program" / "train"
    train.write_text(SHELL)
    train.chmod(0o755)
    return folder


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy(source, target)

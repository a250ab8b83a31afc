#!/bin/sh
# Makes the virtual environment with the first Python that is new enough, or says which package is missing.
# Usage: make_venv.sh FOLDER [PYTHON]
set -eu
folder=$1
candidates=${2:-"python3 python3.14 python3.13 python3.12 python3.11"}

for candidate in $candidates; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done

if [ -z "${python:-}" ]; then
    echo "Clary needs Python 3.11 or newer; tried: $candidates." >&2
    echo "Install it (Debian, Ubuntu: apt-get install python3.11 python3.11-venv; macOS: brew install python@3.12)" >&2
    echo "or name one: make run PYTHON=/path/to/python3.11" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$python ($version) can't make virtual environments: its venv package is missing." >&2
    echo "Install it (Debian, Ubuntu: apt-get install python$version-venv), then run make again." >&2
    exit 1
fi
echo "Making $folder with $("$python" --version) ..."
"$python" -m venv "$folder"

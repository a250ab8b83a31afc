"""Run by an environment's interpreter inside a sandbox, where there is no Clary to import.

run FRAMEWORK COMMAND ...   a command of the user's
train FRAMEWORK             the script that the hyperparameters name
serve FRAMEWORK             the script that the model's variables name, behind /ping and /invocations
"""

import importlib
import sys
from pathlib import Path

if __name__ == "__main__":
    here = str(Path(__file__).resolve().parent)
    sys.path.insert(0, here)  # the toolkit as a package of its own, for as long as it is imported
    main = importlib.import_module("clary_toolkit.main").main
    sys.path.remove(here)
    sys.exit(main(sys.argv[1:]))

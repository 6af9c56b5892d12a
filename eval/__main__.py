"""``python -m eval run SUITE`` is ``joyul eval run SUITE``."""

import sys

from assistant.cli.app import run

if __name__ == "__main__":
    sys.exit(run(["eval", *sys.argv[1:]]))

"""The ``joyul`` command."""

import sys


def main() -> None:
    """Run the command line and exit with its code; see :func:`assistant.cli.app.run`."""
    from assistant.cli.app import run

    sys.exit(run(sys.argv[1:]))

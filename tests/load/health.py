"""Ask an app for its health again and again: ``python tests/load/health.py URL``, a line of seconds (or -1) each.

It is a process of its own, since the people of a scenario share one event loop: two hundred of them arriving
would make the app look as slow as they are.
"""

import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

PAUSE_SECONDS, PATIENCE_SECONDS = 0.2, 10.0


def look(url: str) -> float:
    """Return the seconds of one answer, or -1 where there was none."""
    begun = time.monotonic()
    try:
        with urlopen(url, timeout=PATIENCE_SECONDS) as answer:
            answer.read()
    except (URLError, OSError):
        return -1.0
    return time.monotonic() - begun


if __name__ == "__main__":
    while True:
        print(look(sys.argv[1]), flush=True)
        time.sleep(PAUSE_SECONDS)

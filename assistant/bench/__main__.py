"""One topic in this process: ``python -m assistant.bench NAME [ROWS]`` prints its figures as JSON."""

import json
import sys
from dataclasses import asdict

from assistant.bench import BENCHES
from assistant.lazy import lookup

if __name__ == "__main__":
    measured = lookup(BENCHES, sys.argv[1], "benchmark")(*map(int, sys.argv[2:]))
    print(json.dumps([asdict(figure) for figure in measured]))

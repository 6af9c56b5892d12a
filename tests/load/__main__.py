"""``python tests/load SCENARIO``: prove the running app under load and faults; prints one JSON document.

steady   people chat for some minutes; nothing lost, doubled or crossed (battery A1)
burst    everybody sends at once (A2)
locked   another program locks the database while people send (A12)
kills    kill -9 of the server at random moments (A6)
leaving  Stop, closed tabs and reset sockets free the model's connection (A10)
abuse    requests that ask for too much (A47)
beside   people chat while a job trains and documents are taken in (A4)
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from scenarios import SCENARIOS


def main() -> int:
    """Run one scenario; 0 where all of its bounds held."""
    plain = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="python tests/load", description=__doc__, formatter_class=plain)
    parser.add_argument("scenario", choices=[*SCENARIOS, "all"])
    parser.add_argument("--users", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--times", type=int, help="how many kills, stops and resets")
    parser.add_argument("--rate", type=float, default=20.0, help="tokens a second of the stub")
    parser.add_argument(
        "--home", type=Path, help="a state folder to begin with a copy of, e.g. one with a long history"
    )
    given = vars(parser.parse_args())
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this must not leave the app behind
    chosen = given.pop("scenario")
    broken = 0
    for name in SCENARIOS if chosen == "all" else [chosen]:
        report, bounds = asyncio.run(
            SCENARIOS[name](**{key: value for key, value in given.items() if value is not None})
        )
        missed = [text for text, held in bounds.items() if not held]
        print(json.dumps({"scenario": name, **report, "missed": missed}, indent=1, ensure_ascii=False), flush=True)
        broken += bool(missed)
    return 1 if broken else 0


raise SystemExit(main())

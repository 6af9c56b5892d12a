"""How long work tells how far it is, and hears that it is to stop; every operation takes these two."""

from collections.abc import Callable
from typing import Any

# Gets one event at a time, such as {"stage", "done", "total", "message"}; calling it never fails the work.
Progress = Callable[[dict[str, Any]], None]
# Asked between steps; true ends the work with a CancelledError.
Cancelled = Callable[[], bool]

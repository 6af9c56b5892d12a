"""Whether a dataset version can be made again from what is recorded."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.errors import DamagedError, InputError
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services


def rebuild(services: "Services", params: dict[str, Any], progress: Progress, cancelled: Cancelled) -> dict[str, Any]:
    """Replay the version ``dataset`` and all it comes from; ``files`` are sources of imports.

    Without ``check`` damaged rows are put back where the replay gives the very rows that were stored.

    Raises:
        InputError: no such version, or a step gives other rows or cannot be checked; the steps are in the details.
        DamagedError: rows are damaged and stay so.
    """
    from assistant.datasets.rebuilding import Rebuilder
    from assistant.datasets.store import DatasetStore
    from assistant.operations.datasets import counting

    store = DatasetStore(services.home.datasets)
    version = store.get(str(params["dataset"]))
    files = [Path(each) for each in params.get("files") or ()]
    work = Rebuilder(store, services.store, services.home, counting, files)
    steps = work.check(version, mend=not params.get("check"), progress=progress)
    report = {"dataset": version.manifest.ref, "steps": [asdict(step) for step in steps]}
    for step in steps:
        if step.damaged:
            hint = "leave --check out to put its rows back" if step.status == "same" else "restore a backup"
            raise DamagedError(f"dataset {step.version}: rows.jsonl is not what was stored", hint, **report)
    if bad := [step for step in steps if step.status == "different"]:
        named = ", ".join(f"{each['row']} {each['what']}" for each in bad[0].differences[:3])
        message = f"dataset {bad[0].version}: made again it differs: {bad[0].why or named}"
        raise InputError(
            message, "what it came from was changed or deleted since; the version itself is whole", **report
        )
    if open_ := [step for step in steps if step.status == "unchecked"]:
        message = f"dataset {open_[0].version}: cannot be made again: {open_[0].why}"
        raise InputError(message, "name the file with --source", **report)
    return report

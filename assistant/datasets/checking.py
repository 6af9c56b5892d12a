"""A look through a file for everything that is wrong with it, keeping nothing."""

import hashlib
from pathlib import Path
from typing import Any

from assistant.datasets.options import ReadOptions
from assistant.datasets.problems import Problems
from assistant.datasets.reading import detect, read
from assistant.datasets.rows import content_digest, kind_of
from assistant.errors import InputError
from assistant.progress import Progress

_EVERY = 5000


def check_file(
    path: Path, options: ReadOptions, need_answer: bool = False, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Return format, encoding, rows, exact duplicates and a hash of what the rows say.

    Raises:
        InputError: anything is wrong; all of it, up to fifty, is in the details.
    """
    report: dict[str, Any] = {"file": str(path), "format": "", "encoding": "", "rows": 0, "duplicates": 0}
    try:
        found = detect(path, options)
    except InputError as error:
        raise InputError(error.message, error.hint, **report, problems=[], **error.details) from error
    report |= {"format": found.format, "encoding": found.encoding}
    problems, seen, digest = Problems(found.origin.name), set[bytes](), hashlib.sha256()
    ids: dict[str, int] = {}
    own, rows, told = found.format == "joyul", 0, list[bytes]()
    for rows, (line, row) in enumerate(read(found, problems, options), 1):
        said = content_digest(row)
        told.append(said)
        seen.add(said)
        if own and "id" in row and ids.setdefault(row["id"], line) != line:
            key = row["id"]
            problems.add(line, "id", f"{key!r} is already on line {ids[key]}", "give every row an id of its own")
        if need_answer and kind_of(row) == "prompt":
            problems.add(line, "answer", "missing; a training row needs the answer to learn", "add the answer")
        if rows % _EVERY == 0:
            digest.update(b"".join(told))  # many at once: a call for each row took a tenth of the whole look
            told.clear()
            progress({"stage": "validate", "done": rows, "problems": problems.total})
    digest.update(b"".join(told))
    report |= {"rows": rows, "duplicates": rows - len(seen)}
    report |= {"problems": problems.to_json(), "bad": problems.total, "hash": digest.hexdigest()[:16]}
    if problems.total:
        more = f" (and {problems.total - 1:,} more)" if problems.total > 1 else ""
        good = f"{problems.kept[0].fix}; {report['rows']:,} other rows are fine"
        raise InputError(f"{problems.kept[0]}{more}", good, **report)
    if not report["rows"]:
        raise InputError(f"{found.origin.name}: the file has no rows", "add rows", **report)
    return report

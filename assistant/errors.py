"""Failures a person can mend: one line, one next step, one exit code.

    JoyulError
    ├── UsageError        2  a flag, setting or configuration file is wrong
    ├── InputError        3  a document, dataset, suite or adapter is bad
    ├── UnavailableError  4  a model or endpoint cannot be reached or found
    ├── ResourceError     5  disk or memory is not enough
    ├── InUseError        6  another process owns the state folder
    ├── DamagedError      7  stored data is damaged
    ├── RefusedError      8  unsafe, so not done
    ├── GateError         9  a finished evaluation does not keep what was promised
    └── CancelledError  130  a person stopped it; what is finished is kept

Anything else that escapes is a bug: exit 1, details in the log file only.
"""


class JoyulError(Exception):
    """A failure with its mend.

    Args:
        message: what failed, where and why, in one line.
        hint: what to do next, in one line.
        details: extra fields for ``--json`` output (plain JSON values).
    """

    exit_code = 1
    kind = "internal"

    def __init__(self, message: str, hint: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form printed by ``--json``."""
        error = {"kind": self.kind, "message": self.message, "hint": self.hint}
        return {"error": error, **self.details}


class UsageError(JoyulError):
    """A flag, setting or configuration file is wrong."""

    exit_code, kind = 2, "usage"


class InputError(JoyulError):
    """A document, dataset, suite or adapter cannot be used as it is."""

    exit_code, kind = 3, "input"


class UnavailableError(JoyulError):
    """A model or endpoint cannot be reached or does not exist."""

    exit_code, kind = 4, "unavailable"


class ResourceError(JoyulError):
    """Disk or memory is not enough."""

    exit_code, kind = 5, "resource"


class InUseError(JoyulError):
    """Another process owns the state folder."""

    exit_code, kind = 6, "in_use"


class DamagedError(JoyulError):
    """Stored data is damaged."""

    exit_code, kind = 7, "damaged"


class RefusedError(JoyulError):
    """The request is unsafe, so it is not carried out."""

    exit_code, kind = 8, "refused"


class GateError(JoyulError):
    """A finished evaluation does not keep what was promised (``joyul eval gate``)."""

    exit_code, kind = 9, "gate"


class CancelledError(JoyulError):
    """A person stopped it; what is finished is kept."""

    exit_code, kind = 130, "cancelled"


KINDS: dict[str, type[JoyulError]] = {
    cls.kind: cls
    for cls in (
        JoyulError,
        UsageError,
        InputError,
        UnavailableError,
        ResourceError,
        InUseError,
        DamagedError,
        RefusedError,
        GateError,
        CancelledError,
    )
}


def from_dict(payload: dict[str, object]) -> JoyulError:
    """Rebuild an error that another process reported with :meth:`JoyulError.to_dict`."""
    error = payload.get("error")
    fields = error if isinstance(error, dict) else {}
    cls = KINDS.get(str(fields.get("kind")), JoyulError)
    details = {key: value for key, value in payload.items() if key != "error"}
    return cls(str(fields.get("message", "unknown failure")), str(fields.get("hint", "")), **details)

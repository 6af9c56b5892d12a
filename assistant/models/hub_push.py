"""An adapter to a hub repository: only when somebody says so, and nothing but what an export holds."""

import tempfile
from pathlib import Path

from assistant.errors import UnavailableError
from assistant.models.hub import online
from assistant.paths import Home
from assistant.shelf import export


def push(home: Home, name: str, repository: str, *, public: bool = False, force: bool = False) -> str:
    """Upload an adapter with its model card in one commit and return the repository's address.

    A repository that does not exist yet is made, private unless ``public``. Endpoint and token are those of the
    hub's own library (``HF_ENDPOINT``, ``HF_TOKEN`` or ``hf auth login``).

    Raises:
        InputError, RefusedError, DamagedError, ResourceError: it cannot be exported.
        UnavailableError: the hub cannot be reached, or refuses.
    """
    from httpx import HTTPError
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    with tempfile.TemporaryDirectory(prefix="joyul-push-") as scratch:
        folder = export(home, name, Path(scratch) / name, force)
        files = [
            CommitOperationAdd(str(path.relative_to(folder)), path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        ]
        try:
            with online():
                hub = HfApi(endpoint=constants.ENDPOINT)
                made = hub.create_repo(repository, private=not public, exist_ok=True)
                hub.create_commit(made.repo_id, files, commit_message=f"{name}, tuned with Joyul")
        except (HfHubHTTPError, HFValidationError, HTTPError, OSError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnavailableError(
                f"cannot push {name!r} to {repository!r}: {reason:.160}",
                "check the name (OWNER/NAME) and your rights; log in with 'hf auth login' or set HF_TOKEN",
            ) from error
    return str(made)

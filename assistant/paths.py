"""Where things are: shipped data, and the places inside the state folder."""

from dataclasses import dataclass
from pathlib import Path


def data_root() -> Path:
    """Return the shipped data: ``assistant/_data`` in an installed wheel, ``data/`` in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "_data"
    return installed if installed.is_dir() else here.parent / "data"


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder; every path in it is named here and nowhere else."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file with chats, feedback and the document registry."""
        return self.root / "joyul.sqlite"

    @property
    def originals(self) -> Path:
        """Documents as they were added, one file an id."""
        return self.root / "originals"

    @property
    def index(self) -> Path:
        """Vectors and keyword index: a cache, rebuildable from the originals."""
        return self.root / "index"

    @property
    def adapters(self) -> Path:
        """Installed adapters, one folder a name."""
        return self.root / "adapters"

    @property
    def jobs(self) -> Path:
        """Training jobs, one folder a job."""
        return self.root / "jobs"

    @property
    def runs(self) -> Path:
        """Evaluation runs, one folder a run."""
        return self.root / "runs"

    @property
    def figures(self) -> Path:
        """What was measured of base models, one file a weight hash: a cache."""
        return self.root / "figures"

    @property
    def datasets(self) -> Path:
        """Dataset versions, one folder a name and in it one a version."""
        return self.root / "datasets"

    @property
    def uploads(self) -> Path:
        """Training files that programs uploaded, one folder an id."""
        return self.root / "uploads"

    @property
    def lock(self) -> Path:
        """The file whose lock says who owns the folder."""
        return self.root / "owner.lock"

    @property
    def owner(self) -> Path:
        """Address, process id and token of the running app (mode 0600)."""
        return self.root / "owner.json"

    @property
    def log(self) -> Path:
        """The log file; the only place where tracebacks go."""
        return self.root / "joyul.log"

    def create(self) -> "Home":
        """Make the folder and its parts, private to this user."""
        for folder in (self.root, self.originals, self.index, self.adapters, self.jobs, self.runs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

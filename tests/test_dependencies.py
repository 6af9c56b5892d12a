"""What the code imports is declared, installed, and works together; what is declared is used."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"assistant", "tuning", "eval", "data", "setup", "tests"}

# Declared without an import of ours, each for a reason.
INDIRECT = {
    "langchain": "a floor: its parts are used by their own names, ragas imports the whole",
    "langchain-community": "a pin: ragas does not import with the next release",
    "langchain-openai": "a floor: ragas slides back to an old one without",
    "python-multipart": "a floor: uploads are parsed with it",
}
# Lowest versions with fixes that advisories name.
FLOORS = {
    "transformers": "5.3.0",
    "torch": "2.10",
    "langchain-core": "1.2.31",
    "langchain-openai": "1.1.14",
    "langchain-text-splitters": "1.1.2",
    "jinja2": "3.1.6",
    "python-multipart": "0.0.18",
    "starlette": "0.40",
}


def plain(name: str) -> str:
    """Return a distribution's name in its one normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str = "") -> dict[str, Requirement]:
    """Return the declared requirements by name."""
    lines = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return {plain(Requirement(line).name): Requirement(line) for line in lines}


def imported(*folders: str) -> dict[str, str]:
    """Return every third-party top-level module that is imported, each with one place."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
                found.update({name.split(".")[0]: path.relative_to(ROOT).as_posix() for name in names})
    known = sys.stdlib_module_names | OURS
    return {name: place for name, place in found.items() if name not in known}


DISTRIBUTIONS = packages_distributions()
IMPORTED = imported("assistant", "tuning", "eval")


def providers(module: str) -> set[str]:
    """Return the distributions that a module comes from."""
    return {plain(name) for name in DISTRIBUTIONS.get(module, ())}


@pytest.mark.parametrize("module", sorted(IMPORTED))
def test_every_import_is_declared_and_works(module: str) -> None:
    assert providers(module) & set(declared()), f"{module} ({IMPORTED[module]}) is not among the dependencies"
    importlib.import_module(module)


def test_the_tests_import_only_what_is_declared() -> None:
    known = set(declared()) | set(declared("dev")) | set(declared("harness"))
    own = {"conftest", *(path.stem for path in (ROOT / "tests" / "load").glob("*.py"))}  # load/ runs as a program
    strays = {m: place for m, place in imported("tests").items() if m not in own and not providers(m) & known}
    assert not strays


def test_every_dependency_is_used_or_has_a_reason() -> None:
    used = set().union(*(providers(module) for module in IMPORTED))
    assert set(declared()) - used == set(INDIRECT)


@pytest.mark.parametrize("name", sorted(FLOORS))
def test_ranges_stay_above_the_fixes_of_advisories(name: str) -> None:
    bounds = declared()[name].specifier
    assert not bounds.contains("0.0.1")
    lowest = min((s.version for s in bounds if s.operator in (">=", "==", "~=")), key=_numbers)
    assert _numbers(lowest) >= _numbers(FLOORS[name])


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]


def test_the_pinned_set_fits_the_ranges_and_is_what_runs_here() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {plain(name): pin for name, _, pin in (line.partition("==") for line in lines if "==" in line)}
    for name, requirement in (declared() | declared("dev")).items():
        assert requirement.specifier.contains(pins[name]), name
        assert version(name).split("+")[0] == pins[name], name


def test_the_installed_set_is_consistent() -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_there_is_one_console_script_and_it_is_not_a_shell_builtin() -> None:
    assert PROJECT["scripts"] == {"joyul": "assistant.cli:main"}

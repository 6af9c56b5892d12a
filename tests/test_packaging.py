"""The wheel: built from a copy, installed apart from the checkout, used from another folder."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("assistant", "tuning", "eval", "data", "pyproject.toml", "setup.py", "README.md", "LICENSE")
IGNORED = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from a copy of the tree, so that nothing is left in it."""
    copy = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=IGNORED)
        else:
            shutil.copy(source, copy / part)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(out.glob("joyul-*.whl"))


@pytest.fixture(scope="module")
def joyul(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the installed command of a fresh environment that borrows only the dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--no-deps"]
    subprocess.run([*command, "--no-index", "--quiet", str(wheel)], check=True, capture_output=True, text=True)
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return folder / "bin" / "joyul"


def test_the_wheel_holds_code_and_data_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"assistant", "tuning", "eval", next(top for top in tops if top.endswith(".dist-info"))}
    assert not [name for name in names if name.endswith(".pyc") or "__pycache__" in name or "/." in name]
    missing = [
        path.relative_to(ROOT).as_posix()
        for package in ("assistant", "tuning", "eval")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
        if path.relative_to(ROOT).as_posix() not in names
    ]
    assert not missing
    lost = [
        path.relative_to(ROOT / "data").as_posix()
        for path in (ROOT / "data").rglob("*")
        if path.is_file() and not any(part.startswith((".", "__")) for part in path.relative_to(ROOT).parts)
        if f"assistant/_data/{path.relative_to(ROOT / 'data').as_posix()}" not in names
    ]
    assert not lost


def test_the_licence_comes_along(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
    assert "Apache License" in archive.read(name).decode()


def test_the_installed_command_answers_from_another_folder(joyul: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"JOYUL_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    light = ["--model", "scripted", "--set", "retrieval.embedder=hashing", "--json"]
    command = [str(joyul), "ask", "Where is the car park?", "--variant", "rag", *light]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    document = json.loads(done.stdout)
    assert document["answer"]
    assert any("parking" in passage["document"] for passage in document["passages"])
    assert list(elsewhere.iterdir()) == []
    where = "import assistant, pathlib; print(pathlib.Path(assistant.__file__).resolve())"
    shown = subprocess.run(
        [str(joyul.parent / "python"), "-c", where], cwd=elsewhere, env=environment, capture_output=True, text=True
    )
    assert str(joyul.parent.parent) in shown.stdout, "the checkout answered, not the wheel"

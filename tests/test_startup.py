"""The command line starts light: what is heavy is imported by the command that needs it."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "gradio",
    "langchain",
    "langchain_core",
    "chromadb",
    "ragas",
)
ALSO_NOT = ("sqlalchemy", "numpy", "fastapi", "uvicorn", "yaml", "kiwipiepy", "openai", "pandas")

PROBE = """
import sys
from assistant.cli.app import run
code = run({arguments!r})
loaded = [name for name in {names!r} if name in sys.modules]
sys.stderr.write(f"LOADED {{loaded}} CODE {{code}}")
"""


def loaded_after(*arguments: str) -> str:
    probe = PROBE.format(arguments=list(arguments), names=(*HEAVY, *ALSO_NOT))
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr[done.stderr.index("LOADED") :]


@pytest.mark.parametrize(
    "arguments", [("--help",), ("serve", "--help"), ("tune", "run", "--help"), ("eval", "run", "--help"), ("nonsense",)]
)
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    expected = 2 if arguments == ("nonsense",) else 0
    assert loaded_after(*arguments) == f"LOADED [] CODE {expected}"


def test_importing_the_package_silences_telemetry() -> None:
    code = "import assistant, os; print(os.environ['GRADIO_ANALYTICS_ENABLED'], os.environ['HF_HUB_OFFLINE'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "1"]


def test_the_evaluation_runs_as_a_module_too() -> None:
    done = subprocess.run([sys.executable, "-m", "eval", "run", "--help"], capture_output=True, text=True, check=True)
    assert "suite" in done.stdout

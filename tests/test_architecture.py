"""The shape of the code, read from its syntax trees: import order, homes of libraries, sizes, forbidden calls."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assistant", "tuning", "eval")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 300, 60

# From the bottom up: a part imports only parts of its own or a lower row. A new module is entered here.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "assistant.errors assistant.lazy assistant.files assistant.progress assistant.privacy assistant.logs",
        "assistant.schema assistant.protocols assistant.paths",
        "assistant.settings assistant.settings_view assistant.locales",
        "assistant.prompts assistant.adapters assistant.lora_files assistant.soft_files assistant.whole_files "
        "assistant.shelf assistant.model_card assistant.uploads assistant.dataset assistant.dataset_rows "
        "assistant.datasets assistant.collect assistant.store assistant.tables assistant.records "
        "assistant.judgements assistant.migrations assistant.news "
        "assistant.backup assistant.models assistant.retrieval assistant.citations assistant.variant_files",
        "assistant.variants",
        "assistant.chat assistant.compare assistant.jobs",
        "tuning eval",
        "assistant.studies",
        "assistant.demo assistant.services assistant.owner assistant.operations assistant.peers",
        "assistant.api assistant.ui assistant.bench assistant.cli assistant.__main__ eval.__main__",
    )
)
SIBLINGS = ({"tuning", "eval"},)

# Where a third-party library may be imported; benchmarks compare with the bare library.
HOMES = {
    "gradio": ("assistant/ui/",),
    "transformers": ("assistant/models/", "tuning/", "assistant/bench/", "assistant/retrieval/embeddings.py"),
    "peft": ("assistant/models/", "tuning/", "assistant/bench/"),
    "trl": ("tuning/methods/", "assistant/bench/"),
    "chromadb": ("assistant/retrieval/", "assistant/bench/"),
    "langchain": ("assistant/retrieval/",),
    "sentence_transformers": ("assistant/retrieval/",),
    "ragas": ("eval/judge/ragas_calls.py", "eval/metrics/ragas_"),
    "openai": ("assistant/models/openai_compatible.py", "eval/judge/client.py"),
    "httpx2": ("assistant/models/openai_compatible.py",),
    "sqlalchemy": (
        *("assistant/store.py", "assistant/tables.py", "assistant/judgements.py"),
        *("assistant/retrieval/registry.py", "assistant/migrations/"),
    ),
    "fastapi": ("assistant/api/", "assistant/ui/"),
    "uvicorn": ("assistant/api/",),
    "typer": ("assistant/cli/",),
}
# hub.py puts the hub's offline switch back after a download.
TOUCHES_ENVIRONMENT = {"assistant/settings.py", "assistant/privacy.py", "assistant/models/hub.py", "tuning/sharding.py"}
# Calls that run code or a shell, or load what could.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "torch.load", "joblib.load"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "cPickle", "dill", "cloudpickle"}


def name_of(path: Path) -> str:
    """Return the dotted module name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def shown(path: Path) -> str:
    """Return a path as the messages name it."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every imported module, also inside functions, with its line."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def layer_of(module: str) -> tuple[int, str] | None:
    """Return the row and the part that a module belongs to; the longest name wins."""
    found = [
        (len(part), row, part)
        for row, parts in enumerate(LAYERS)
        for part in parts
        if module == part or module.startswith(part + ".")
    ]
    return max(found)[1:] if found else None


def test_every_module_has_its_place() -> None:
    lost = [shown(path) for path in SOURCES if name_of(path) != "assistant" and layer_of(name_of(path)) is None]
    assert not lost, "enter these in LAYERS"


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_imports_go_down(path: Path) -> None:
    if name_of(path) == "assistant":
        return
    here = layer_of(name_of(path))
    assert here is not None
    for line, module in imports(path):
        there = layer_of(module)
        if there is None or module.split(".")[0] not in PACKAGES:
            continue
        assert there[0] <= here[0], f"{shown(path)}:{line} imports {module}, which is above it"
        for group in SIBLINGS:
            apart = here[1] != there[1] and {here[1], there[1]} <= group
            assert not apart, f"{shown(path)}:{line}: {here[1]} and {there[1]} do not know each other"


@pytest.mark.parametrize("library", HOMES)
def test_libraries_stay_at_home(library: str) -> None:
    strays = [
        f"{shown(path)}:{line}"
        for path in SOURCES
        for line, module in imports(path)
        if (module.split(".")[0] == library or module.startswith(f"{library}_"))
        and not shown(path).startswith(HOMES[library])
    ]
    assert not strays


def test_eval_is_never_shadowed() -> None:
    hits = [
        f"{shown(path)}:{node.lineno}"
        for path in [*SOURCES, *TESTS]
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Import) and any(a.name == "eval" and a.asname is None for a in node.names)
    ]
    assert not hits


def test_only_settings_read_the_environment() -> None:
    hits = []
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            named = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv")
            if named and shown(path) not in TOUCHES_ENVIRONMENT:
                hits.append(f"{shown(path)}:{node.lineno}")
    assert not hits


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_nothing_runs_foreign_code(path: Path) -> None:
    for line, module in imports(path):
        assert module.split(".")[0] not in FORBIDDEN_MODULES, f"{shown(path)}:{line}: {module}"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN_CALLS, f"{shown(path)}:{node.lineno}"
            for keyword in node.keywords:
                on = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                risky = keyword.arg in ("shell", "trust_remote_code", "allow_pickle") and on
                assert not risky, f"{shown(path)}:{node.lineno}: {keyword.arg}=True"


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=shown)
def test_files_and_functions_stay_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{shown(path)} has {lines} lines"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MOST_FUNCTION_LINES, f"{shown(path)}:{node.lineno} {node.name} has {length} lines"


def test_tests_are_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py")), "pytest would import tests/eval as the package eval"


def test_data_holds_no_code_and_no_pickles() -> None:
    allowed = {".md", ".txt", ".yaml", ".yml", ".json", ".jsonl", ".safetensors", ".jinja", ".csv", ".py", ".png"}
    kept = [path for path in (ROOT / "data").rglob("*") if path.is_file() and ".mypy_cache" not in path.parts]
    strange = [shown(path) for path in kept if path.suffix not in allowed and "__pycache__" not in path.parts]
    assert not strange

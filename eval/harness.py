"""Benchmarks through lm-evaluation-harness, where it is installed: a folder of tasks in its YAML format, offline.

Its tasks are data here: what would run code of the folder (``!function``) is refused, and its templates are
rendered in a sandbox. Questions with choices and texts are scored as the harness does everywhere, on the
bare text; free answers are asked for as a chat, as the app asks.
"""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from assistant.errors import InputError, RefusedError, UnavailableError, UsageError
from assistant.progress import Progress
from assistant.protocols import ChatModel
from assistant.schema import Message, Sampling, collect
from eval.strict import read_text, read_yaml

STREAMS = 32
MOST_TOKENS = 256
SURE = 1.959964  # the normal quantile of a 95 % interval
_CODE = re.compile(r"!function|^\s*unsafe_code\s*:", re.MULTILINE)
_INCLUDES = 5


@runtime_checkable
class Rater(Protocol):
    """A model that says how likely it finds a continuation."""

    def continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Return the log probability of each second text after the first, and whether it is the likeliest."""
        ...


def load_tasks(folder: Path) -> list[dict[str, Any]]:
    """Return the tasks of a folder; ``data_files`` are relative to the file that names them.

    Files whose name begins with ``_`` are there to be included.

    Raises:
        InputError: there is none, or one is no YAML.
        RefusedError: one would run code.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder", "name a folder of tasks in lm-evaluation-harness' YAML format")
    found = [_config(path) for path in sorted(folder.rglob("*.yaml")) if not path.name.startswith("_")]
    tasks = [config for config in found if isinstance(config.get("task"), str)]
    if not tasks:
        raise InputError(f"{folder}: holds no task", "a task is a .yaml file with 'task: NAME' and 'dataset_path:'")
    return tasks


def _config(path: Path, depth: int = 0) -> dict[str, Any]:
    if match := _CODE.search(read_text(path)):
        raise RefusedError(
            f"{path}: {match[0].strip()!r} would run code", "write it as a template, or leave the task out"
        )
    config = dict(read_yaml(path).values)
    base = config.pop("include", None)
    if base is not None:
        other = path.parent / str(base)
        if depth >= _INCLUDES or not other.is_file():
            raise InputError(f"{path}: include: no file at {other}", "includes are relative to the file")
        config = {**_config(other, depth + 1), **config}
    options = config.get("dataset_kwargs")
    if isinstance(options, dict) and "data_files" in options:
        files = options["data_files"]
        config["dataset_kwargs"] = {**options, "data_files": _placed(files, path.parent)}
    return config


def _placed(files: Any, folder: Path) -> Any:
    if isinstance(files, dict):
        return {key: _placed(value, folder) for key, value in files.items()}
    if isinstance(files, list):
        return [_placed(value, folder) for value in files]
    return str(files) if "://" in str(files) else str((folder / str(files)).resolve())


def run_tasks(
    folder: Path,
    model: ChatModel,
    *,
    limit: int | None = None,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Run every task of a folder: ``{"harness": version, "tasks": [{"task", "metric", "value", "low", ...}]}``.

    Args:
        folder: of tasks.
        model: what answers; tasks with choices need a :class:`Rater`.
        limit: at most so many items of each task; the result is then marked.
        progress: told what is asked.

    Raises:
        UnavailableError: the harness is not installed.
        InputError: a task or its data cannot be used.
        UsageError: the model cannot rate continuations and a task needs that.
    """
    tasks = load_tasks(folder)
    harness = _harness()
    try:
        loaded = harness["manager"](include_defaults=False).load(tasks)
        found = harness["evaluate"](
            _face(harness["base"], model, progress), loaded, limit=limit, bootstrap_iters=100, log_samples=False
        )
    except UsageError:
        raise
    except Exception as error:  # whatever a foreign library makes of a task
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{folder}: the harness failed: {reason:.200}", "check the task and its data") from error
    rows = [row for task, figures in found["results"].items() for row in _rows(task, figures, found, limit)]
    return {"harness": harness["version"], "limit": limit, "tasks": rows}


def _rows(task: str, figures: Mapping[str, Any], found: Mapping[str, Any], limit: int | None) -> list[dict[str, Any]]:
    counts = found.get("n-samples", {}).get(task, {})
    rows = []
    for key, value in figures.items():
        metric, _, filtered = key.partition(",")
        if not isinstance(value, int | float) or metric.endswith("_stderr") or not filtered:
            continue
        error = figures.get(f"{metric}_stderr,{filtered}")
        sure = SURE * error if isinstance(error, int | float) else None
        rows.append(
            {
                "task": task,
                "metric": metric if filtered == "none" else f"{metric} ({filtered})",
                "value": float(value),
                "low": None if sure is None else float(value - sure),
                "high": None if sure is None else float(value + sure),
                "n": counts.get("effective"),
                "of": counts.get("original"),
            }
        )
    return rows


def _harness() -> dict[str, Any]:
    """Import the harness and put its templates into a sandbox.

    Raises:
        UnavailableError: it is not installed, or does not fit what is.
    """
    from jinja2.sandbox import SandboxedEnvironment

    try:
        lm_eval: Any = import_module("lm_eval")
        utils: Any = import_module("lm_eval.utils")
        base = import_module("lm_eval.api.model").LM
        evaluate = import_module("lm_eval.evaluator").evaluate
        manager = import_module("lm_eval.tasks").TaskManager
    except Exception as error:  # a missing package, or any failure of a foreign import
        raise UnavailableError(
            f"lm-evaluation-harness cannot be loaded ({error!s:.120})", "pip install 'joyul[harness]'"
        ) from error
    plain = utils.env
    if not isinstance(plain, SandboxedEnvironment):
        boxed = SandboxedEnvironment(undefined=plain.undefined, keep_trailing_newline=True)
        boxed.filters.update(plain.filters)
        utils.env = boxed
    return {"base": base, "evaluate": evaluate, "manager": manager, "version": str(lm_eval.__version__)}


def _face(base: Any, model: ChatModel, progress: Progress) -> Any:
    """Return our model as the harness wants one."""

    def tell(done: int, total: int) -> None:
        progress({"stage": "answers", "done": done, "total": total, "variant": "", "seconds_left": None})

    def rated(pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        if not isinstance(model, Rater):
            raise UsageError(
                "this model does not say how likely a text is, and a task needs that",
                "run tasks of 'output_type: generate_until', or a model that runs in this process",
            )
        tell(0, len(pairs))
        return model.continuations(pairs)

    def written(arguments: tuple[str, Mapping[str, Any]]) -> str:
        context, options = arguments
        until = options.get("until") or ()
        stops = (until,) if isinstance(until, str) else tuple(until)
        sampling = Sampling(max_tokens=int(options.get("max_gen_toks", MOST_TOKENS)), stop=stops)
        return collect(model.stream([Message("user", context)], sampling)).text

    class Face(base):
        def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
            return rated([request.args for request in requests])

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
            raise UsageError("whole texts are not scored here", "joyul eval forgetting measures the loss on texts")

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            tell(0, len(requests))
            with ThreadPoolExecutor(STREAMS, thread_name_prefix="harness") as pool:
                return list(pool.map(written, [request.args for request in requests]))

    return Face()

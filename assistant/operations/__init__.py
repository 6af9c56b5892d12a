"""Everything that can be asked of an open state folder, by the command line or through the running app.

Each operation is ``function(services, params, progress, cancelled) -> dict``: plain JSON values in
and out. ``progress`` takes dictionaries (``message``, ``done``, ``total``, ``seconds_left``, or
``text`` for a streamed answer); ``cancelled`` is asked between steps.
"""

from typing import TYPE_CHECKING, Any

from assistant.lazy import lookup
from assistant.progress import Cancelled, Progress

if TYPE_CHECKING:
    from assistant.services import Services

OPERATIONS = {
    "ask": "assistant.operations.answers:ask",
    "replay": "assistant.operations.answers:replay",
    "variants.list": "assistant.operations.answers:list_variants",
    "chats.list": "assistant.operations.chats:list_chats",
    "chats.export": "assistant.operations.chats:export",
    "docs.add": "assistant.operations.documents:add",
    "docs.search": "assistant.operations.documents:search",
    "docs.list": "assistant.operations.documents:list_documents",
    "docs.remove": "assistant.operations.documents:remove",
    "docs.rebuild": "assistant.operations.documents:rebuild",
    "data.build": "assistant.operations.datasets:build",
    "data.review": "assistant.operations.datasets:review_list",
    "data.decide": "assistant.operations.datasets:review_decide",
    "data.reviewed": "assistant.operations.datasets:review_build",
    "data.consent": "assistant.operations.datasets:consent",
    "data.feedback": "assistant.operations.datasets:feedback",
    "data.synthesise": "assistant.operations.synthetic:make",
    "data.rebuild": "assistant.operations.rebuilding:rebuild",
    "data.split": "assistant.operations.datasets:split",
    "data.recipe": "assistant.operations.data_recipes:recipe",
    "data.next": "assistant.operations.collecting:next_",
    "adapters.list": "assistant.operations.state:list_installed",
    "tune.sources": "assistant.operations.tuning:list_sources",
    "tune.recipe": "assistant.operations.tuning:recipe",
    "tune.plan": "assistant.operations.tuning_plan:plan",
    "tune.start": "assistant.operations.tuning:start",
    "tune.list": "assistant.operations.tuning:list_jobs",
    "tune.show": "assistant.operations.tuning:show",
    "tune.cancel": "assistant.operations.tuning:cancel",
    "tune.pause": "assistant.operations.tuning:pause",
    "tune.resume": "assistant.operations.tuning:resume",
    "adapters.import": "assistant.operations.state:import_adapter",
    "doctor": "assistant.operations.state:inspect",
    "votes.list": "assistant.operations.votes:list_votes",
    "votes.rank": "assistant.operations.votes:rank",
    "votes.export": "assistant.operations.votes:export",
    "votes.import": "assistant.operations.votes:import_",
    "eval.run": "assistant.operations.evaluation:run",
    "eval.suite": "assistant.operations.own_suites:suite_for",
    "eval.list": "assistant.operations.evaluation:list_runs",
    "eval.report": "assistant.operations.evaluation:report",
    "eval.compare": "assistant.operations.evaluation:compare",
    "eval.rescore": "assistant.operations.evaluation:rescore",
    "eval.gate": "assistant.operations.evaluation:gate",
    "eval.choose": "assistant.operations.evaluation:choose",
    "eval.forgetting": "assistant.operations.studies:forgetting",
    "eval.break-even": "assistant.operations.studies:break_even",
    "eval.checklist": "assistant.operations.studies:checklist",
    "eval.curve": "assistant.operations.studies:curve",
    "eval.harness": "assistant.operations.harness:harness",
    "tune.table": "assistant.operations.studies:method_table",
}


def perform(
    services: "Services",
    operation: str,
    params: dict[str, Any],
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> dict[str, Any]:
    """Carry out one operation.

    Raises:
        UsageError: there is no such operation.
        JoyulError: whatever the operation reports.
    """
    if ":" in operation:  # a dotted target is for tables in files, never for a request
        operation = operation.replace(":", ".")
    result: dict[str, Any] = lookup(OPERATIONS, operation, "operation")(services, params, progress, cancelled)
    return result

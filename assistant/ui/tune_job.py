"""What a training job looks like: while it goes on, what it came to, and the list of all of them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.ui.markup import element, escape
from assistant.ui.tune_curve import loss_curve
from assistant.ui.tune_view import yaml_html
from assistant.ui.words import Words

Job = Mapping[str, Any]
LISTED = 30


def job_html(job: Job | None, words: Words) -> str:
    """Return one job: state and why, progress, figures, curve, and at the end what it cost."""
    if job is None:
        return ""
    head = element("h3", escape(str(job["name"])), " ", _badge(job, words))
    parts = [head, _why(job, words), _children(job, words), _meter(job, words), _figures(job, words)]
    # What was given up has no steps to come, for which the curve would leave room.
    over = job["state"] in ("cancelled", "failed")
    steps = 0 if over else int((job["progress"] or {}).get("steps", 0))
    parts.append(loss_curve(job["curve"], job["validation"], steps, words))
    parts.append(_samples(job, words))
    if job["state"] == "succeeded":
        parts += [_result(job, words), _next(job, words)]
    return element("article", *parts, class_="job", data_job=job["id"], data_state=job["state"])


def job_yaml_html(job: Job | None, words: Words) -> str:
    """Return the YAML of a job's run under a fold; an area of its own, so that progress never closes it."""
    if job is None or not job["yaml"]:
        return ""
    return yaml_html(job["yaml"], words("tune.job_yaml"), words("tune.copy"), words("tune.yaml_help"))


def jobs_html(jobs: Sequence[Job], shown: str, words: Words) -> str:
    """Return all jobs, newest first, with what they came to; ``shown`` is the one on the page."""
    if not jobs:
        return element("p", escape(words("tune.no_jobs")), class_="nothing")
    rows = [_row(job, job["id"] == shown, words) for job in jobs[:LISTED]]
    return element("section", element("h2", escape(words("tune.jobs"))), element("ul", *rows, class_="runs"))


def share_done(job: Job) -> float | None:
    """Return how much of a job's steps is done, between 0 and 1; None where that is not known."""
    step = job["progress"]
    return float(step["step"]) / float(step["steps"]) if step and step.get("steps") else None


def _row(job: Job, shown: bool, words: Words) -> str:
    under = "↳ " if job["parent"] else ""
    name = element(
        "button",
        escape(under + str(job["name"])),
        type="button",
        class_="name",
        data_act="show",
        data_job=job["id"],
        aria_current="true" if shown else None,
    )
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(job["created"])))
    said = element("span", escape(_outcome(job, words)), class_="help")
    return element("li", name, _badge(job, words), said, element("span", escape(when), class_="when"))


def _outcome(job: Job, words: Words) -> str:
    if job["state"] == "succeeded":
        result = job["result"]
        if grid := result.get("grid"):
            took = words.seconds(float(result["seconds"]))
            return words("tune.grid_best", time=took, n=len(grid), name=result["adapter"])
        first, last = (_number(result.get(key)) for key in ("first_loss", "final_loss"))
        return words("tune.outcome", time=words.seconds(float(result["seconds"])), first=first, last=last)
    done = share_done(job)
    if job["state"] == "failed":
        return str(words.said(job["error"]))
    return words("tune.percent", n=f"{100 * done:.0f}") if done is not None else ""


def _badge(job: Job, words: Words) -> str:
    return element("span", escape(words(f"tune.state_{job['state']}")), class_=f"badge small state-{job['state']}")


def _why(job: Job, words: Words) -> str:
    """Return the line under the name: why it waits, stops or failed."""
    state, said, kind = job["state"], "", "help"
    if state == "failed":
        hint = str(words.said(job["hint"]))
        said, kind = f"{words.said(job['error'])}. {hint}".strip(". "), "notes failed"
    elif job.get("wish") in ("cancel", "pause"):
        said = words(f"tune.wish_{job['wish']}")
    elif state == "queued" and job["waits_for"]:
        wait = job["waits_for"]
        said = words("tune.waits", job=wait["job"], n=wait["ahead"])
        if wait["seconds"]:
            said += " " + words("tune.waits_time", time=words.seconds(float(wait["seconds"])))
    elif job.get("measuring"):
        event = job["measuring"]
        said = words("tune.measuring", done=event.get("done", 0), total=event.get("total", 0))
    elif state in ("validating_files", "queued", "paused", "cancelled"):
        said = words(f"tune.why_{state}")
    elif state == "running" and job["children"]:
        over = sum(row["state"] in ("succeeded", "failed", "cancelled") for row in job["children"])
        said = words("tune.grid_running", done=over, total=len(job["children"]))
    elif state == "running" and not job["progress"]:
        said = words("tune.loading")
    return element("p", escape(said), class_=kind, role="status") if said else ""


def _children(job: Job, words: Words) -> str:
    """Return the runs of a grid: name, state, what varies, and the newest loss."""
    if not job["children"]:
        return ""
    rows = []
    for row in job["children"]:
        values = ", ".join(f"{key} {value}" for key, value in row["values"].items())
        loss = row["validation_loss"]
        told = words("tune.grid_loss", loss=_number(loss)) if loss is not None else words.said(row["error"])
        shown = element("span", escape(row["adapter"]), class_="name")
        badge = _badge({"state": row["state"]}, words)
        rows.append(element("li", shown, badge, element("span", escape(f"{values} {told}".strip()), class_="help")))
    return element("h4", escape(words("tune.grid_runs"))) + element("ul", *rows, class_="runs")


def _meter(job: Job, words: Words) -> str:
    done = share_done(job)
    if done is None or job["state"] in ("succeeded", "cancelled", "failed"):
        return ""
    bar = element("i", style=f"width:{100 * done:.1f}%")
    return element(
        "div",
        bar,
        class_="meter",
        role="progressbar",
        aria_valuemin=0,
        aria_valuemax=100,
        aria_valuenow=f"{100 * done:.0f}",
        aria_label=words("tune.progress", name=job["name"]),
    )


def _figures(job: Job, words: Words) -> str:
    step = job["progress"]
    if not step or job["state"] == "succeeded":
        return ""
    rows = [
        ("step", f"{step['step']:,} / {step['steps']:,}"),
        ("loss", f"{step['loss']:.3f}"),
        ("speed", words("tune.tokens_per_second", n=f"{step['tokens_per_second']:,.0f}")),
        ("memory", f"{step['memory_mb']:,.0f} MB"),
        ("rate", f"{step['learning_rate']:.2g}"),
    ]
    if job["state"] == "running" and not job.get("measuring"):
        rows.append(("left", words.seconds(max(1.0, float(step["seconds_left"])))))
    return _facts(rows, words, "tiles")


def _samples(job: Job, words: Words) -> str:
    """Return what the model answered to held-out prompts before training and what it answers now."""
    asked = job["samples"]
    if not asked:
        return ""

    def said(at: int, number: int) -> str:
        step, text = asked[at]["step"], asked[at]["samples"][number]["answer"]
        when = words("tune.sample_step", n=step) if step else words("tune.sample_before")
        return element("li", element("small", escape(when)), " ", element("span", escape(text or "–"), dir_="auto"))

    rows = [
        element(
            "li",
            element("p", escape(row["prompt"]), dir_="auto"),
            element("ul", *(said(at, number) for at in range(len(asked)))),
            element("small", escape(words("tune.sample_expected", text=row["expected"])), dir_="auto"),
        )
        for number, row in enumerate(asked[0]["samples"])
    ]
    help_ = element("p", escape(words("tune.samples_help")), class_="help")
    return element("h4", escape(words("tune.samples"))) + help_ + element("ol", *rows, class_="samples")


def _result(job: Job, words: Words) -> str:
    result = job["result"]
    losses = f"{_number(result.get('first_loss'))} → {_number(result.get('final_loss'))}"
    rows = [
        ("took", words.seconds(float(result["seconds"]))),
        ("loss", losses),
        ("memory", f"{result['peak_memory_mb']:,.0f} MB"),
        ("speed", words("tune.tokens_per_second", n=f"{result['tokens_per_second']:,.0f}")),
        ("trained", words("tune.tokens_n", n=f"{result['trained_tokens']:,}", steps=f"{result['steps']:,}")),
    ]
    if result.get("validation_loss") is not None:
        rows.append(("validation_loss", _number(result["validation_loss"])))
    reload = (result.get("parity") or {}).get("reload") or {}
    if "agreement" in reload:
        rows.append(("parity", words("tune.parity_n", n=f"{100 * reload['agreement']:.1f}")))
    return _facts(rows, words, "tiles") + _forgotten(job, words)


def _forgotten(job: Job, words: Words) -> str:
    """Return what the adapter forgot: the change of loss on general text a language, with interval and n."""
    title = element("h4", escape(words("tune.forgetting")))
    found = job["forgetting"]
    if not found:
        said = (job["result"].get("forgetting") or {}).get("error")
        why = words("tune.forgetting_failed", reason=words.said(said)) if said else words("tune.forgetting_none")
        return title + element("p", escape(why), class_="help")
    rows = []
    for language, change in found["loss"].items():
        name = words(f"language.{language}")
        if change["change"] is None:
            rows.append(words("tune.forgetting_unscored", language=name, reason=change["reason"]))
            continue
        values = {key: f"{100 * change[key]:+.1f}" for key in ("change", "low", "high")}
        rows.append(words("tune.forgetting_row", language=name, n=change["n"], **values))
    told = element("ul", *(element("li", escape(row)) for row in rows), class_="forgotten")
    return title + told + element("p", escape(words("tune.forgetting_help")), class_="help")


def _next(job: Job, words: Words) -> str:
    def button(act: str, main: bool, to: str) -> str:
        kind = "act-main" if main else "act-plain"
        adapter = job["result"].get("adapter", job["name"])
        named = {"data_variant": adapter} if act == "use" else {"data_adapter": adapter}
        text, more = escape(words(f"tune.{act}")), {**named, "data_local": "page", "data_to": to}
        return element("button", text, type="button", class_=kind, data_act=act, **more)

    return element("p", button("use", True, "chat"), button("evaluate", False, "evaluate"), class_="buttons")


def _facts(rows: Sequence[tuple[str, str]], words: Words, kind: str) -> str:
    cells = [
        element("div", element("dt", escape(words(f"tune.{key}"))), element("dd", escape(value))) for key, value in rows
    ]
    return element("dl", *cells, class_=kind)


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "–"

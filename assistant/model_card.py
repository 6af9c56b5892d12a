"""An adapter's model card, in Korean and English: what it is, what made it, what it cost and what it forgot."""

import json
from collections.abc import Mapping
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

from assistant.adapters import Adapter
from assistant.locales import LANGUAGES, keys, text
from assistant.schema import Language

CARD, CURVE, FORGETTING = "README.md", "curve.svg", "forgetting.json"
_OFF: tuple[Any, ...] = ("", 0, None, [], {}, False)
_WIDTH, _HEIGHT, _LEFT, _FOOT = 640, 240, 60, 24
# Readable on a white page and on a dark one: the file stands alone and knows neither.
_LINE, _DOT, _TEXT = "#3b82f6", "#f59e0b", "#808080"


def card(adapter: Adapter, language: Language) -> str:
    """Return the card as Markdown."""
    manifest = adapter.manifest

    def say(key: str, **params: object) -> str:
        return text(f"model_card.{key}", language, **params)

    def licence(of: str) -> str:
        # That nothing is stated is something else than that nobody looked.
        return (manifest.licences[of] or say("not_stated")) if of in manifest.licences else ""

    rows = [
        ("base", f"{manifest.base} ({say('weights_hash', hash=manifest.base_hash[:16])})"),
        ("base_licence", licence("base")),
        ("method", manifest.method),
        ("parameters", _listed(manifest.params, skip=("run", "data", "prompt_hash", "rendered_hash"))),
        ("training", _listed(manifest.params.get("run") or {}, skip=("description", "recipe", "encoding", "system"))),
        ("recipe", manifest.recipe),
        ("template", manifest.template_hash),
        ("data", _data(adapter, language)),
        ("data_licence", licence("data")),
        *([("replay_licence", licence("replay"))] if "replay" in manifest.licences else []),
        ("seed", str(manifest.seed)),
        ("cost", _figures(manifest.cost, language)),
        ("losses", _figures(manifest.metrics, language)),
        ("forgetting", _forgotten(adapter.path) or say("not_measured")),
        ("parity", parity_text(manifest.parity, language)),
        ("versions", ", ".join(f"{key} {value}" for key, value in manifest.versions.items())),
        ("weights", manifest.weights_hash),
        ("made", manifest.created),
    ]
    table = [f"| {say(key)} | {value or say('not_recorded')} |" for key, value in rows]
    told = [each for each in (manifest.description.get(language),) if each]
    return "\n".join([f"# {manifest.name}", "", *told, "", "| | |", "|---|---|", *table, ""])


def write_card(adapter: Adapter, folder: Path) -> None:
    """Write the card in both languages as ``README.md``, and the loss curve it shows as ``curve.svg``."""
    drawing = curve_svg(adapter.manifest.curve)
    parts = []
    for language in sorted(LANGUAGES):
        shown = f"\n![{text('model_card.curve', language)}]({CURVE})\n" if drawing else ""
        parts.append(card(adapter, language) + shown)
    (folder / CARD).write_text("\n---\n\n".join(parts), "utf-8")
    if drawing:
        (folder / CURVE).write_text(drawing, "utf-8")


def parity_text(points: Mapping[str, Any], language: Language = "en") -> str:
    """Return the points of comparison in one line; '' where nothing was compared."""
    return "; ".join(f"{key}: {_point(found, language)}" for key, found in points.items())


def curve_svg(curve: Mapping[str, Any]) -> str:
    """Return the training loss as a line and the held-out losses as dots; '' for fewer than two points."""
    losses, held_out = _points(curve.get("loss")), _points(curve.get("validation"))
    if len(losses) < 2:
        return ""
    last = max(step for step, _ in (*losses, *held_out)) or 1.0
    top = max(loss for _, loss in (*losses, *held_out)) or 1.0

    def place(step: float, loss: float) -> tuple[float, float]:
        return _LEFT + (_WIDTH - _LEFT - 10) * step / last, 10 + (_HEIGHT - _FOOT - 10) * (1 - loss / top)

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in losses))
    marks = [f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="2"/>']
    marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_DOT}"/>' for x, y in (place(*p) for p in held_out)]
    for share in (0.0, 0.5, 1.0):
        _, y = place(0, top * share)
        marks.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_TEXT}" opacity="0.4"/>'
        )
        marks.append(_label(_LEFT - 6, y + 4, f"{top * share:.2f}"))
    marks += [_label(_LEFT + 4, _HEIGHT - 6, "0"), _label(_WIDTH - 10, _HEIGHT - 6, f"{last:,.0f}")]
    style = f'font-family="sans-serif" font-size="12" fill="{_TEXT}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {style}>'
    return "\n".join([head, *marks, "</svg>", ""])


def _points(values: Any) -> list[tuple[float, float]]:
    """Return the points of a curve; none where the manifest, which may come from elsewhere, holds something else."""
    pairs = values if isinstance(values, list) else []
    good = all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)) for pair in pairs)
    return [(float(step), float(loss)) for step, loss in pairs] if good else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value)


def _label(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="end">{escape(words)}</text>'


def _data(adapter: Adapter, language: Language) -> str:
    manifest = adapter.manifest
    file = Path(str((manifest.params.get("run") or {}).get("data", ""))).name
    counts = _figures(manifest.params.get("data") or {}, language)
    hashed = manifest.data_hash and text("model_card.content_hash", language, hash=manifest.data_hash)
    card_file = f"data.{language}.md"
    linked = f"[{text('model_card.data_card', language)}]({card_file})" if (adapter.path / card_file).is_file() else ""
    return ", ".join(each for each in (manifest.dataset or file, hashed, counts, linked) if each)


def _figures(values: Mapping[str, Any], language: Language) -> str:
    return ", ".join(
        f"{text(f'model_card.figure.{key}', language)} {value:,.6g}"
        for key, value in values.items()
        if f"model_card.figure.{key}" in keys(language) and _is_number(value)
    )


def _listed(values: Mapping[str, Any], skip: tuple[str, ...]) -> str:
    """Return settings in one line, without those that are off or a list of others."""
    shown = {key: value for key, value in values.items() if key not in skip and value not in _OFF}
    return ", ".join(f"{key} {value}" for key, value in shown.items() if not isinstance(value, dict))


def _point(found: Mapping[str, Any], language: Language) -> str:
    if "error" in found:
        return f"{text('model_card.not_measured', language)} ({found['error']})"
    mark = "" if found["passes"] else f", {text('model_card.another_model', language)}"
    share = text("model_card.agree", language, share=f"{100 * found['agreement']:.1f}", tokens=found["tokens"])
    return f"{share}, {found['logit_difference']:.2g}{mark}"


def _forgotten(folder: Path) -> str:
    try:
        losses = json.loads((folder / FORGETTING).read_text("utf-8"))["loss"]
        return ", ".join(f"{language} {100 * row['change']:+.1f} %" for language, row in losses.items())
    except (OSError, ValueError, KeyError, TypeError):
        return ""

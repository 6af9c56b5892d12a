"""The report's part on the judge: its scores, its comparisons and, always with them, its audit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eval.judge.outcome import ENOUGH
from eval.judge.words import cause_word, judge_word
from eval.reports.blocks import Block, Both, Cell, Facts, Note, Section, Table, Text, table
from eval.reports.look import MISSING, label, metric
from eval.sentence import points

if TYPE_CHECKING:
    from eval.result import RunResult

Document = Mapping[str, Any]
Judged = Mapping[str, Any]


def sections(document: Document) -> list[Section]:
    """Return what the judge said and how far to trust it; nothing for a run without a judge."""
    judged = document.get("judge")
    if not judged:
        return []
    blocks: list[Block] = [Note(judge_word("note", judge=judged["judge"]))]
    if judged["paused"]:
        blocks.append(Note(judge_word("paused", reason=judged["paused"], resume=judged["resume"]), warning=True))
    if judged["metrics"]:
        blocks.append(_scores(judged, list(document["variants"])))
    if judged["comparisons"]:
        blocks.append(_comparisons(judged))
    if judged["pairwise"]:
        blocks.append(_pairwise(judged))
    return [Section("judge", judge_word("title"), tuple(blocks)), _audit(judged)]


def judge_markdown(result: "RunResult", language: str = "en") -> str:
    """Return the judge's part of a run as Markdown, '' for a run without a judge."""
    from eval.reports.markdown import section_lines

    return "\n".join(section_lines(sections(result.to_json()), language)).strip()


def judge_html(result: "RunResult") -> str:
    """Return the judge's part of a run as HTML in both languages, '' for a run without a judge."""
    from eval.reports.html import Writer

    document = result.to_json()
    return Writer(document, "both").sections(sections(document))


def _scores(judged: Judged, variants: list[str]) -> Table:
    shown = [name for name in variants if any(name in row for row in judged["metrics"].values())]
    rows = []
    for name, row in judged["metrics"].items():
        audits = judged["audit"]["metrics"][name]["variants"]
        cells = [Cell(_name(name))]
        for variant in shown:
            failed = sum(audits.get(variant, {}).get("failures", {}).values())
            bad = judge_word("failed", n=f"{failed:,}") if failed else ""
            cells.append(_estimate(row.get(variant), bad=bad))
        rows.append(cells)
    return table([Cell(judge_word("metric")), *(Cell(label(name), variant=name) for name in shown)], rows)


def _comparisons(judged: Judged) -> Table:
    rows: list[list[Text | Cell]] = []
    for pair in judged["comparisons"]:
        bad = "" if pair["comparable"] else _not_comparable()
        shown = {"mean": pair["delta"], "low": pair["low"], "high": pair["high"], "n": pair["n"]}
        cell = _estimate(shown, bad=bad, signed=True) if pair["comparable"] else Cell(MISSING, f"n {pair['n']:,}", bad)
        rows.append([_name(pair["metric"]), _pair(pair), cell])
    head = [judge_word("metric"), judge_word("pair"), judge_word("difference")]
    return table(head, rows, judge_word("comparisons"))


def _pairwise(judged: Judged) -> Table:
    rows: list[list[Text | Cell]] = []
    for pair in judged["pairwise"]:
        counts = f"{pair['wins']:,} · {pair['ties']:,} · {pair['losses']:,}"
        share = _estimate(pair["share"]) if pair["enough"] else Cell(MISSING, "", _not_comparable())
        rows.append([_pair(pair), counts, share, _coverage(pair), _why(pair)])
    head = [judge_word(key) for key in ("pair", "wins", "share", "coverage", "causes")]
    return table(head, rows, judge_word("pairwise"))


def _audit(judged: Judged) -> Section:
    audit = judged["audit"]
    blocks: list[Block] = []
    for name, each in audit["metrics"].items():
        if each["constant"] is not None:
            shown, share = _name(name), points(each["constant"])
            ko, en = (judge_word("constant", metric=shown.of(code), share=share).of(code) for code in ("ko", "en"))
            blocks.append(Note(Both(ko, en), warning=True))
    if audit["metrics"]:
        rows: list[list[Text | Cell]] = []
        for name, each in audit["metrics"].items():
            rows.append([_name(name), _coverage(each), _why(each), _length(each)])
        blocks.append(table([judge_word(key) for key in ("metric", "coverage", "causes", "length")], rows))
    facts: list[tuple[Text, Text]] = []
    if audit["pairwise"]:
        facts += [
            (judge_word(key), _line(audit["pairwise"][key], points)) for key in ("swapped", "first_shown", "longer")
        ]
    if audit["humans"]:
        facts.append((judge_word("kappa"), _line(audit["humans"]["kappa"], _plain)))
        facts.append((judge_word("agreed"), _line(audit["humans"]["agreed"], points)))
    if facts:
        blocks.append(Facts(tuple(facts)))
    if not audit["humans"]:
        blocks.append(Note(judge_word("no_votes")))
    return Section("judge-audit", judge_word("audit"), tuple(blocks))


def _name(name: str) -> Both:
    kind, dot, rest = name.partition(".")
    return judge_word("criterion", name=rest) if kind == "rubric" and dot else metric(name)


def _pair(pair: Mapping[str, Any]) -> Both:
    first, second = label(pair["first"]), label(pair["second"])
    return Both(f"{first.ko} − {second.ko}", f"{first.en} − {second.en}")


def _not_comparable() -> Both:
    return judge_word("not_comparable", least=points(ENOUGH).removesuffix(".0"))


def _estimate(each: Mapping[str, Any] | None, *, bad: Text = "", signed: bool = False) -> Cell:
    if each is None or each["mean"] is None:
        return Cell(MISSING, "", bad)
    ends = [points(each[key], signed=signed) for key in ("low", "high") if each[key] is not None]
    span = (" … " if signed else "–").join(ends)
    detail = " · ".join(text for text in (span, f"n {each['n']:,}") if text)
    return Cell(points(each["mean"], signed=signed), detail, bad)


def _coverage(each: Mapping[str, Any]) -> Cell:
    if each["coverage"] is None:
        return Cell(MISSING)
    counted = judge_word("of", scored=f"{each['scored']:,}", asked=f"{each['asked']:,}")
    return Cell(f"{points(each['coverage'])} %", counted, "" if each["enough"] else _not_comparable())


def _causes(causes: Mapping[str, int]) -> Both:
    def text(language: str) -> str:
        return ", ".join(f"{cause_word(cause).of(language)} {count:,}" for cause, count in causes.items())

    return Both(text("ko"), text("en"))


def _length(each: Mapping[str, Any]) -> Cell:
    length = each["length"]
    clear = length["low"] is not None and (length["low"] > 0 or length["high"] < 0)
    return Cell(_line(length, _plain), "", judge_word("leans") if clear else "")


def _why(each: Mapping[str, Any]) -> Cell:
    """Return why answers were not judged, and below it which ones needed no judge."""
    if not each["skipped"]:
        return Cell(_causes(each["failures"]))
    causes = _causes(each["skipped"])
    words = (judge_word("skipped", causes=causes.of(code)).of(code) for code in ("ko", "en"))
    return Cell(_causes(each["failures"]), Both(*words))


def _line(each: Mapping[str, Any], shown: Any) -> str:
    if each["mean"] is None:
        return MISSING
    ends = f" [{shown(each['low'])}, {shown(each['high'])}]" if each["low"] is not None else ""
    return f"{shown(each['mean'])}{ends} · n {each['n']:,}"


def _plain(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")

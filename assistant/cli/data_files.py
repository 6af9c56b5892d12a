"""``joyul data import | convert | validate | templates``: files coming in and going out."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assistant.cli.screen import table
from assistant.cli.shared import Run
from assistant.errors import InputError, UsageError

FormatOption = Annotated[str | None, typer.Option("--format", help="What the rows are (default: detected).")]
EncodingOption = Annotated[str | None, typer.Option("--encoding", help="utf-8, utf-16, cp949 ... (default: detected).")]
DelimiterOption = Annotated[str | None, typer.Option("--delimiter", help="What separates a CSV's columns.")]
SheetOption = Annotated[str | None, typer.Option("--sheet", help="Which sheet of a workbook.")]
MapOption = Annotated[list[str] | None, typer.Option("--map", metavar="KEY=COLUMN", help="Name a column.")]
SkipOption = Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out, listed, instead of refusing.")]


def read_options(
    format_: str | None, encoding: str | None, delimiter: str | None, sheet: str | None, mapping: list[str] | None
) -> Any:
    """Return the options of a reading command.

    Raises:
        UsageError: a mapping or delimiter of another form.
    """
    from assistant.datasets.options import ReadOptions
    from assistant.schema import normalise

    named = {}
    for each in mapping or ():
        key, equals, column = normalise(each).partition("=")
        if not (key.strip() and equals and column.strip()):
            raise UsageError(f"--map {each!r} has no column", "write it as question=COLUMN")
        named[key.strip()] = column.strip()
    mark = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}.get(delimiter or "", delimiter)
    if mark is not None and len(mark) != 1:
        raise UsageError(f"--delimiter {delimiter!r} is not one character", "e.g. --delimiter ';'")
    return ReadOptions(format_, encoding, mark, sheet, named)


def import_(
    run: Run,
    file: Annotated[Path, typer.Argument(help="JSON, JSONL, CSV, TSV, XLSX, Parquet, Markdown or HTML.")],
    name: Annotated[str | None, typer.Option("--name", help="Which dataset (default: the file's name).")] = None,
    format_: FormatOption = None,
    encoding: EncodingOption = None,
    mapping: MapOption = None,
    template: Annotated[str | None, typer.Option("--template", help="Make rows by a template.")] = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
    skip_bad: SkipOption = False,
    personal: Annotated[str, typer.Option("--personal", help="Personal data: mask, report or off.")] = "mask",
    licence: Annotated[str, typer.Option("--licence", help="The source's licence, for the card.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Start anew instead of adding rows.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would come in; keep nothing.")] = False,
) -> None:
    """Import a file as a new version of a dataset; with bad rows nothing is imported."""
    from assistant.datasets.importing import ImportOptions, import_file
    from assistant.datasets.importing import preview as look
    from assistant.datasets.templates import load_template
    from assistant.schema import normalise

    if personal not in ("mask", "report", "off"):
        raise UsageError(f"--personal {personal!r}", "use mask, report or off")
    store = open_store(run)
    options = ImportOptions(
        name=name or default_name(normalise(file.name)),
        read=read_options(format_, encoding, delimiter, sheet, mapping),
        skip_bad=skip_bad,
        personal=personal,  # type: ignore[arg-type]
        template=load_template(template, store.folder / "templates") if template else None,
        licence=licence,
        replace=replace,
    )
    if preview:
        shown = look(file, options)
        lines = [f"{shown['format']}, {shown['container']}, {shown['encoding'] or 'binary'}"]
        lines += [str(row)[:160] for row in shown["rows"][:5]] + [_problem(each) for each in shown["problems"]]
        run.screen.document(shown, "\n".join(lines))
        return
    try:
        report = import_file(store, file, options, run.screen.progress)
    except InputError as error:
        list_problems(run, error)
        raise
    list_problems(run, report)
    text = f"{report['format']}, {report['encoding'] or report['container']}: {report['imported']:,} of "
    text += f"{report['rows']:,} rows imported, {report['duplicates']:,} duplicates -> {report['version']}"
    run.screen.document(report, text + _personal(report["personal"]))


def default_name(name: str) -> str:
    """Return a dataset's name for a file: its own without ending, other signs as dashes."""
    stem = name.removesuffix(".gz").rpartition(".")[0] or name
    plain = "".join(char if char.isalnum() or char in "-_" else "-" for char in stem).strip("-_")
    return plain[:48] or "dataset"


def open_store(run: Run) -> Any:
    """Return the datasets of the state folder."""
    from assistant.datasets.store import DatasetStore
    from assistant.paths import Home

    return DatasetStore(Home(run.settings().home).create().datasets)


def list_problems(run: Run, source: Any) -> None:
    """Print problems, losses and what was left out, for a person; with --json the document has them."""
    details: dict[str, Any] = source.details if isinstance(source, InputError) else source
    if run.as_json:
        return
    for each in details.get("problems", []):
        run.screen.note(_problem(each) if isinstance(each, dict) else str(each))
    for each in details.get("left_out", []):
        place = f"{each['file']}:{each['line']}" if each["line"] else each["file"]
        run.screen.note(f"left out: {place}: {each['key']}: {each['what']}")
    for each in details.get("lost", []):
        run.screen.note(f"not held: row {each['row']}: {each['key']}: {each['why']}")


def _problem(each: dict[str, Any]) -> str:
    place = f"{each['file']}:{each['line']}" if each["line"] else each["file"]
    return ": ".join(part for part in (place, each["key"], each["problem"]) if part) + f"; {each['fix']}"


def _personal(counts: dict[str, int]) -> str:
    return "\npersonal data: " + ", ".join(f"{kind} {n:,}" for kind, n in counts.items()) if counts else ""


def convert(
    run: Run,
    file: Annotated[Path, typer.Argument(help="The file to convert.")],
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    to: Annotated[str, typer.Option("--to", help="alpaca, sharegpt, openai, preference, csv ...")],
    format_: FormatOption = None,
    encoding: EncodingOption = None,
    mapping: MapOption = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
    skip_bad: SkipOption = False,
) -> None:
    """Write a file in another format; what that cannot hold is listed and kept beside it for the way back."""
    from assistant.datasets.converting import convert as work

    options = read_options(format_, encoding, delimiter, sheet, mapping)
    try:
        report = work(file, out, to, options, skip_bad=skip_bad, progress=run.screen.progress)
    except InputError as error:
        list_problems(run, error)
        raise
    list_problems(run, report)
    text = f"{report['format']} -> {report['to']}: {report['written']:,} of {report['rows']:,} rows in {out}"
    kept = f"\n{report['lost_total']:,} keys it cannot hold are in {report['kept']}" if report["kept"] else ""
    run.screen.document(report, text + kept)


def validate(
    run: Run,
    file: Annotated[str, typer.Argument(help="A file, or a dataset: NAME or NAME@VERSION.")],
    answers: Annotated[bool, typer.Option("--answers", help="Every row needs an answer, as for training.")] = False,
    format_: FormatOption = None,
    encoding: EncodingOption = None,
    mapping: MapOption = None,
    delimiter: DelimiterOption = None,
    sheet: SheetOption = None,
) -> None:
    """Read a dataset and say what is wrong with it, all problems in one pass."""
    path = Path(file)
    if not path.exists() and not path.suffix:
        version = open_store(run).get(file)
        version.verify()
        path, format_ = version.rows_file, format_ or "joyul"
    if not path.is_file():
        raise InputError(f"no file at {file!r}", "check the path", rows=0)
    from assistant.datasets.checking import check_file

    options = read_options(format_, encoding, delimiter, sheet, mapping)
    try:
        report = check_file(path, options, answers, run.screen.progress)
    except InputError as error:
        list_problems(run, error)
        raise
    run.screen.document(report, f"{file}: {report['rows']:,} rows, all well formed ({report['hash']})")


def templates(
    run: Run,
    name: Annotated[str | None, typer.Argument(help="Show one template on a made-up row.")] = None,
) -> None:
    """List the templates that make rows out of tables."""
    from assistant.datasets.templates import examples, load_template, template_files

    own = open_store(run).folder / "templates"
    rows: list[dict[str, Any]] = []
    for each in [name] if name else template_files(own):
        try:
            found = load_template(each, own)
        except InputError as error:
            if name:
                raise
            run.screen.note(f"left out: {error.message}")  # one that is broken does not hide the others
            continue
        needs = [column for column, needed in found.columns.items() if needed]
        more = [column for column, needed in found.columns.items() if not needed]
        rows.append(
            {
                "name": found.name,
                "version": found.version,
                "title": found.title.get("en", ""),
                "needs": ", ".join(needs),
            }
            | {"optional": ", ".join(more), "wordings": sum(map(len, found.paraphrases.values()))}
            | ({"examples": examples(found)} if name else {})
        )
    text = table(rows, ("name", "version", "needs", "optional", "wordings", "title"))
    for style, said in rows[0]["examples"].items() if name else ():
        text += f"\n\n{style}\n  question: {said['question']}\n  answer: {said['answer']}"
    run.screen.document({"templates": rows}, text)


COMMANDS = {"import": import_, "convert": convert, "validate": validate, "templates": templates}

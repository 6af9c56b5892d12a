"""Rows of every kind through the store and back: JSONL equals, a table equals once its cells are restored.

``make roundtrips`` draws 1,000 examples of each instead of a few.
"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.datasets.exporting import export
from assistant.datasets.importing import ImportOptions, import_file
from assistant.datasets.options import ReadOptions
from assistant.datasets.store import DatasetStore
from assistant.schema import normalise

EXAMPLES = 1000 if settings.get_current_profile_name() == "thorough" else 15
PLAIN = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20).map(normalise)
RISKY = st.sampled_from(
    ["=1+1", "'=x", "''", "a\r\nb", "\tx", "＝x", '"', ",", "[1]", "{}", "true", "null", "요.", "7"]
)
TEXT = st.one_of(PLAIN, RISKY)
SOLID = TEXT.filter(str.strip)
TURN = st.tuples(SOLID, SOLID).map(
    lambda pair: [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
)
HISTORY = st.lists(TURN, max_size=2).map(lambda turns: [each for turn in turns for each in turn])
MARKS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text("abc123", min_size=1, max_size=4),
        "group": SOLID,
        "slice": SOLID,
        "language": st.sampled_from(["ko", "en"]),
        "reference": st.lists(SOLID, min_size=1, max_size=2),
        "passages": st.lists(SOLID, min_size=1, max_size=2),
        "history": HISTORY.filter(bool),
        "note": SOLID,
    },
)
KINDS = st.one_of(
    st.fixed_dictionaries({"question": SOLID, "answer": SOLID}),
    st.fixed_dictionaries({"question": SOLID, "chosen": SOLID, "rejected": SOLID}, optional={"tie": st.booleans()}),
    st.fixed_dictionaries({"question": SOLID, "completion": SOLID, "label": st.booleans()}),
    st.fixed_dictionaries({"question": SOLID}),
)
ROWS = st.lists(st.tuples(KINDS, MARKS).map(lambda pair: pair[1] | pair[0]), min_size=1, max_size=5)


def written(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="\n")
    return path


def said(store, name):
    return [row for row in store.get(name).rows()]


@pytest.mark.parametrize("to", ["joyul", "csv", "tsv", "parquet"])
def test_what_went_out_comes_back(to, tmp_path_factory):
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(ROWS)
    def check(rows):
        folder = tmp_path_factory.mktemp("trip")
        store, options = DatasetStore(folder / "datasets"), {"personal": "off"}
        read = ReadOptions(format="joyul", encoding="utf-8")
        import_file(store, written(folder / "a.jsonl", rows), ImportOptions("first", read, **options))
        ending = to if to != "joyul" else "jsonl"
        out, twice = folder / f"b.{ending}", folder / f"c.{ending}"
        report = export(store.get("first"), out, to)
        assert report["lost_total"] == 0 and report["written"] == len(said(store, "first"))
        back = ReadOptions(
            format="joyul", encoding=None if to == "parquet" else "utf-8", delimiter="," if to == "csv" else None
        )
        import_file(store, out, ImportOptions("second", back, **options))
        assert said(store, "second") == said(store, "first")
        export(store.get("second"), twice, to)
        assert twice.read_bytes() == out.read_bytes()

    check()

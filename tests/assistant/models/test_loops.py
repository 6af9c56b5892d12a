"""An answer that goes round in circles is stopped, at the same token however the tokens arrive."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.local import open_local
from assistant.models.loops import LEAST, LONGEST, TIMES, Loops, looping
from assistant.paths import data_root
from assistant.schema import Message, Sampling, collect
from assistant.settings import EngineSettings, ModelSettings

EMBEDDED = data_root() / "models" / "embedded"


@given(
    st.lists(st.integers(0, 3), max_size=30),
    st.lists(st.integers(0, 9), min_size=1, max_size=LONGEST),
    st.integers(1, 7),
)
def test_a_block_over_and_over_is_found_and_the_cut_does_not_depend_on_pieces(before, block, size):
    ids = before + block * (LEAST // len(block) + TIMES + 1)
    whole, pieces = Loops(watching=True), Loops(watching=True)
    kept = list(whole.until_found(ids))
    parts: list[int] = []
    for start in range(0, len(ids), size):
        parts += pieces.until_found(ids[start : start + size])
        if pieces.found:
            break
    assert whole.found and parts == kept and looping(kept) and not looping(kept[:-1])


@pytest.mark.parametrize(
    "ids",
    [[], [7] * (LEAST - 1), [1, 2, 3] * (TIMES - 1), list(range(300)), [1, 2, 3, 4, 5, 6, 7, 8, 9] * (TIMES - 1) + [0]],
)
def test_little_repetition_is_no_loop(ids):
    loops = Loops(watching=True)
    assert list(loops.until_found(ids)) == ids and not loops.found


def test_a_model_is_stopped_only_if_its_card_asks_for_it(tmp_path: Path):
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    for shard in folder.glob("*.safetensors*"):
        shard.unlink()
    model = AutoModelForCausalLM.from_pretrained(str(EMBEDDED))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "down_proj" in name or "o_proj" in name:
                weight.zero_()  # only the last token counts, so greedy choice runs into a circle
    model.save_pretrained(folder)
    ends = {}
    for asked in (True, False):
        (folder / "joyul.json").write_text(json.dumps({"stop_loops": asked}))
        backend = open_local(ModelSettings(name=str(folder)), EngineSettings())
        try:
            made = collect(backend.model().stream([Message("user", "hello")], Sampling(max_tokens=120)))
        finally:
            backend.close()
        ends[asked] = (made.finish, made.usage.completion_tokens)
    assert ends[False] == ("length", 120)
    assert ends[True][0] == "loop" and ends[True][1] < 100

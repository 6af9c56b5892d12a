"""A tiny prepared folder written here, so that the recipe's parts run without a corpus."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

ENGLISH = (
    "The mill at Orvane was built in 1874 by Tessa Brandt, who had learned the trade in Kolm. "
    "It ground rye for 38 farms. In 1921 a flood carried the wheel away, and Brandt sold the house to a painter."
)
KOREAN = (
    "오르벤의 방앗간은 1874년에 박서린이 지었다. 박서린은 콜름에서 일을 배웠다. "
    "이 방앗간은 농가 38곳의 호밀을 빻았다. 1921년에는 큰물이 물레바퀴를 쓸어 갔다."
)


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> None:
    with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    english = [["Who built the mill?", "Tessa Brandt"], ["When was it built?", "1874"], ["How many farms?", "38"]]
    korean = [
        ["방앗간을 누가 지었나요?", "박서린"],
        ["물레바퀴는 언제 떠내려갔나요?", "1921년"],
        ["몇 곳의 호밀을 빻았어요?", "농가 38곳"],
    ]
    row = {"source": "squad11_train_en", "language": "en", "title": "Mill", "context": ENGLISH}
    row_ko = {"source": "klue_ner_extract_ko", "language": "ko", "title": "", "context": KOREAN}
    names = ["Orvane", "Tessa", "Brandt", "Kolm"]
    write(folder, "reading", [{**row, "names": names, "qa": english}, {**row_ko, "names": ["박서린"], "qa": korean}])
    write(folder, "korean", [{"source": "t", "context": KOREAN, "names": ["박서린", "콜름"], "qa": korean}])
    texts = [("korean_general_ko", "ko", KOREAN), ("gutenberg_en", "en", ENGLISH)]
    write(folder, "plain", [{"source": s, "language": lang, "text": text} for s, lang, text in texts])
    talk = [["user", "Hello there"], ["assistant", "Hello, how are you?"]]
    talk_ko = [["user", "반가워"], ["assistant", "저도 반가워요."]]
    write(folder, "talk", [{"source": "t", "messages": m} for m in (talk, talk_ko)])
    write(folder, "tasks", [{"source": "t", "messages": [["user", "긍정인가요?\n좋아요"], ["assistant", "긍정"]]}])
    return folder

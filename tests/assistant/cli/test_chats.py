"""``joyul chats``: what was said goes out and comes back by `joyul data`."""

import json
from pathlib import Path


def test_the_command_line_writes_a_new_file_only(joyul, tmp_path: Path) -> None:
    assert joyul("ask", "How much is parking?", "-c", "new", "-v", "rag").code == 0
    assert joyul("chats", "list", "--json").document["conversations"][0]["title"] == "How much is parking?"
    file = tmp_path / "all.jsonl"
    assert joyul("chats", "export", str(file), "--json").document["conversations"] == 1
    assert json.loads(file.read_text("utf-8"))["messages"][0] == {"role": "user", "content": "How much is parking?"}
    assert joyul("chats", "export", str(file)).code == 2
    assert joyul("chats", "export", str(tmp_path / "all.txt")).code == 2
    assert joyul("data", "validate", str(file), "--json").document["rows"] == 1

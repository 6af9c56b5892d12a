"""A server that misbehaves in the middle of a conversation: said in one line, kept, and the chat goes on."""

from collections.abc import Iterator

import pytest

from assistant.chat import ChatService
from assistant.models.pool import ModelPool
from assistant.paths import Home
from assistant.retrieval.library import Library
from assistant.settings import EngineSettings, ModelSettings, RetrievalSettings, Settings
from assistant.store import Store
from assistant.variants import VariantFactory
from tests.load.stub import FAULTS, Stub

TIMEOUT = 0.5
HURRIED = "variants:\n  hurried: {recipe: zero_shot, model: impatient}\n"  # waits no longer than TIMEOUT
SAID = {
    "refused": "the key was refused (401)",
    "busy": "too many requests (429)",
    "failed": "it failed (500)",
    "silent": f"no answer within {TIMEOUT} s",
    "stalled": f"no answer within {TIMEOUT} s",
    "pinging": f"no answer within {TIMEOUT} s",
    "one-endless-line": "in one answer",
    "cut": "cut off",
    "cut-in-a-character": "damaged answer",
    "damaged": "damaged answer",
    "page": "text/html instead of a stream",
    "not-http": "no connection",
}
CUT_SHORT = {"endless", "empty-events"}  # ended by us, with what there is


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with Stub(tokens=5) as running:
        yield running


@pytest.fixture
def chat(home: Home, stub: Stub) -> Iterator[ChatService]:
    settings = Settings(
        home=home.root,
        model=ModelSettings(name="m", base_url=stub.url),
        models={"impatient": ModelSettings(name="m", base_url=stub.url, timeout_seconds=TIMEOUT)},
        engine=EngineSettings(max_tokens=16),
        retrieval=RetrievalSettings(embedder="hashing"),
    )
    (home.root / "variants.yaml").write_text(HURRIED, encoding="utf-8")
    store = Store(home.database)
    library, pool = Library(home, store, settings.retrieval), ModelPool(settings)
    service = ChatService(store, VariantFactory(settings, home, pool, library))
    service.store = store  # type: ignore[attr-defined]
    yield service
    pool.close()
    library.close()
    store.close()


def _ask(chat: ChatService, where: str, text: str, variant: str = "zero-shot"):  # type: ignore[no-untyped-def]
    return list(chat.answer(where, text, variant))[-1]


def test_every_fault_has_its_words() -> None:
    assert set(SAID) | CUT_SHORT == set(FAULTS)


@pytest.mark.parametrize("turn", [1, 3])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_in_the_first_or_third_turn_leaves_the_chat_whole(
    chat: ChatService, stub: Stub, fault: str, turn: int
) -> None:
    store: Store = chat.store  # type: ignore[attr-defined]
    where = store.create_conversation()
    for number in range(1, turn):
        assert _ask(chat, where, f"u0-{number} earlier").status == "done"
    before = store.messages(where)
    variant = "hurried" if "no answer" in SAID.get(fault, "") else "zero-shot"
    update = _ask(chat, where, f"fault:{fault}", variant)
    if fault in CUT_SHORT:
        assert (update.status, update.generation.finish) == ("done", "length")
    else:
        assert update.status == "failed" and SAID[fault] in update.error and "127.0.0.1" in update.error
        assert "Traceback" not in update.error and "\n" not in update.error
    assert stub.wait_until_closed(20), "the connection is still open"
    kept = store.messages(where)
    assert kept[: len(before)] == before and kept[-2].content == f"fault:{fault}"

    again = list(chat.regenerate(where, kept[-1].id, variant))[-1]
    assert again.status == update.status
    assert len(store.messages(where)[-1].siblings) == 2, "the earlier version is kept"
    assert _ask(chat, where, "u0-9 and now?").generation.text.split()[0] == "answer:u0-9"


@pytest.mark.parametrize("fault", ["stalled", "pinging", "endless"])
def test_stop_frees_the_connection_at_once(chat: ChatService, stub: Stub, fault: str) -> None:
    store: Store = chat.store  # type: ignore[attr-defined]
    where = store.create_conversation()
    updates = chat.answer(where, f"fault:{fault}", "zero-shot")
    next(update for update in updates if update.generation.text)
    updates.close()
    assert stub.wait_until_closed(20)
    assert store.messages(where)[-1].status == "stopped" and store.messages(where)[-1].content.startswith("half")

"""Two tabs on one conversation at the same time: nothing acknowledged is lost or doubled, and both show the same."""

import random
import threading
from collections import Counter

from sqlalchemy import select

from assistant.errors import InputError
from assistant.tables import messages
from assistant.ui.chat_view import ChatPage
from assistant.ui.context import Page
from assistant.ui.tab import Tab

TIMES = 50


def _work(chat: ChatPage, tab: Tab, name: str, acknowledged: list[str], bugs: list[Exception]) -> None:
    chance, knobs = random.Random(name), chat.knobs("zero-shot")
    for number in range(TIMES):
        text = f"{name}-{number} hello"
        branch = chat.store.messages(tab.conversation)
        kind = chance.choice(["send", "send", "revise", "regenerate", "branch"])
        try:
            if kind == "send":
                chat.send(tab, text, "zero-shot", knobs)
                acknowledged.append(text)
            elif kind == "revise":
                asked = chance.choice([each for each in branch if each.role == "user"])
                chat.revise(tab, asked.id, text, "zero-shot", knobs)
                acknowledged.append(text)
            elif kind == "regenerate":
                chat.regenerate(tab, branch[-1].id, "zero-shot", knobs)
            else:
                chat.branch(tab, chance.choice(branch[-1].siblings))
        except InputError:  # the other tab is being answered, or has gone to another branch: the text stays in the box
            continue
        except Exception as error:
            bugs.append(error)
            return
        list(chat.follow(tab))
        chat.settle(tab)


def test_two_tabs_lose_and_double_nothing(page: Page) -> None:
    chat, first = ChatPage(page), Tab()
    chat.send(first, "a-first hello", "zero-shot", chat.knobs("zero-shot"))
    list(chat.follow(first))
    second = Tab()
    chat.open(second, first.conversation)
    acknowledged, bugs = ["a-first hello"], list[Exception]()
    threads = [
        threading.Thread(target=_work, args=(chat, tab, name, acknowledged, bugs))
        for name, tab in (("a", first), ("b", second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bugs == []
    with chat.store.engine.connect() as connection:
        rows = connection.execute(select(messages).where(messages.c.conversation == first.conversation)).all()
    asked = Counter(row.content for row in rows if row.role == "user")
    assert asked == Counter(acknowledged) and set(asked.values()) == {1}
    assert {text[:2] for text in acknowledged} >= {"a-", "b-"}, "both got through"
    assert {row.status for row in rows} == {"done"}
    parents = {row.id: row.role for row in rows}
    assert all(row.parent is None or parents[row.parent] != row.role for row in rows), "turns alternate on every branch"
    assert chat.state(first).thread == chat.state(second).thread

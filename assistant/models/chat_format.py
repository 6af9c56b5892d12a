"""From messages to token ids and back, by the tokenizer's own chat template."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assistant.errors import InputError, UnavailableError
from assistant.schema import Message, digest

logger = logging.getLogger(__name__)
# Used where a model brings no template (a base model that was never taught to chat): plain roles.
FALLBACK = (
    "{% for m in messages %}{{ m['role'].capitalize() }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
FALLBACK_STOPS = ("\nUser:", "\nSystem:")


class ChatFormat:
    """A tokenizer with its chat template.

    Args:
        folder: the model's folder.

    Raises:
        UnavailableError: the folder has no tokenizer that can be loaded without running its code.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError, TypeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UnavailableError(
                f"{folder}: the tokenizer cannot be loaded ({reason:.160})", "choose another model"
            ) from error
        self._lock = threading.Lock()
        self.stops: tuple[str, ...] = ()
        if not self.tokenizer.chat_template:
            self.tokenizer.chat_template = FALLBACK
            self.stops = FALLBACK_STOPS
            logger.warning("%s has no chat template; plain 'User:' and 'Assistant:' lines are used", folder.name)
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:  # never changed again, so that threads may decode while others encode
            backend.no_truncation()
            backend.no_padding()
        special = self.tokenizer.added_tokens_decoder.values()
        self._special = [token.content for token in special if token.special and len(token.content) > 1]
        self.template_hash = digest(self.tokenizer.chat_template, 64)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Return the prompt's token ids, ending where the assistant begins to speak.

        Control tokens inside a message are data: they are broken up, so that no document can end
        a turn or speak in another role.

        Raises:
            InputError: the template refuses this order of roles.
        """
        from jinja2 import TemplateError

        turns = [{"role": message.role, "content": self._plain(message.content)} for message in messages]
        try:
            return self._rendered(turns)
        except TemplateError as error:
            merged = _without_system(turns)
            try:
                return self._rendered(merged)  # some templates know no system role
            except TemplateError:
                raise InputError(
                    f"the model's chat template refuses this conversation: {error!s:.160}",
                    "alternate user and assistant messages",
                ) from error

    def _rendered(self, turns: list[dict[str, str]]) -> list[int]:
        with self._lock:
            ids: list[int] = self.tokenizer.apply_chat_template(
                turns,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
                tokenizer_kwargs={"verbose": False},  # a long prompt is fitted here; the library only warns of it
                enable_thinking=False,  # answers are short here; templates that know no such switch ignore it
            )
        return ids

    def _plain(self, text: str) -> str:
        for token in self._special:
            if token in text:
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids without control tokens."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def text_ids(self, text: str) -> list[int]:
        """Return the token ids of plain text, headed by a token that stands for its beginning."""
        with self._lock:
            ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        head = self.tokenizer.bos_token_id
        head = self.tokenizer.eos_token_id if head is None else head
        return ids if head is None else [head, *ids]


def _without_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the turns with system text at the head of the first user message."""
    system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    rest = [dict(turn) for turn in turns if turn["role"] != "system"]
    for turn in rest:
        if turn["role"] == "user" and system:
            turn["content"] = f"{system}\n\n{turn['content']}"
            break
    return rest

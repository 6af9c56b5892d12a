"""The connection to the judge: one question, one reply; retried, bounded in time, given up when it is gone."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from assistant.errors import UsageError
from assistant.models.openai_compatible import explain
from assistant.schema import Message
from assistant.settings import JudgeSettings, ModelSettings

# This many calls in a row without an answer, retries included, and judging pauses.
DEAD_AFTER = 5
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
MAX_TOKENS = 2048
# Every call would be refused in the same way.
HOPELESS = frozenset({401, 403, 404})
PASSING = frozenset({408, 409, 425, 429})


class JudgeFailure(Exception):
    """An item stays unscored: ``cause`` is a key of ``eval.judge.words.CAUSES``, ``passing`` whether to ask again."""

    def __init__(self, cause: str, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason
        self.passing = passing


class JudgeClient:
    """Asks the judge; used inside one event loop, as ``async with``.

    Raises:
        UsageError: ``judge.base_url`` or ``judge.name`` is missing or no http address.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        parts = urlsplit(settings.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"judge.base_url {settings.base_url!r:.80} is not an http address",
                "set JOYUL_JUDGE__BASE_URL, e.g. http://host:port/v1, and JOYUL_JUDGE__NAME",
            )
        if not settings.name:
            raise UsageError("judge.name is not set", "set JOYUL_JUDGE__NAME to the judge's model name")
        self.settings = settings
        self.identity = f"{parts.netloc.rpartition('@')[2]}/{settings.name}"
        self.down = ""
        self.calls = 0
        self._answered = False
        self._lost = ""
        self._unanswered = 0
        self._stack = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> "JudgeClient":
        import openai

        secret = self.settings.api_key.get_secret_value()
        self._headers: Any = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        if not secret:
            self._headers["Authorization"] = openai.Omit()
        http = await self._stack.enter_async_context(openai.DefaultAsyncHttpxClient(follow_redirects=False))
        self._client = await self._stack.enter_async_context(
            # Retries are counted here: the library's own repeat time-outs and hide a judge that is gone.
            openai.AsyncOpenAI(
                base_url=self.settings.base_url, api_key=secret or "none", max_retries=0, http_client=http
            )
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def settle(self) -> None:
        """Take a judge for gone that never answered, also where too few calls were made to notice."""
        if not self._answered:
            self.down = self.down or self._lost

    async def ask(self, messages: Sequence[Message]) -> str:
        """Return the judge's reply.

        Overload, server errors and broken connections are tried again with exponential backoff, as
        the server's Retry-After says; a time-out is not, so that no call takes longer than the waits
        and one time-out.

        Raises:
            JudgeFailure: no reply, or one that was cut off.
        """
        import openai

        for attempt in range(self.settings.retries + 1):
            if self.down:
                raise JudgeFailure("paused", self.down, passing=True)
            try:
                reply = await self._once(messages)
            except (openai.OpenAIError, TimeoutError, OSError, ValueError) as error:
                status = getattr(error, "status_code", 0)
                retried = _again(error, status) and attempt < self.settings.retries
                if retried:
                    await asyncio.sleep(_wait(error, attempt))
                    continue
                raise self._given_up(error, status) from error
            return reply
        raise AssertionError("unreachable")

    async def _once(self, messages: Sequence[Message]) -> str:
        self.calls += 1
        async with asyncio.timeout(self.settings.timeout_seconds):
            reply = await self._client.chat.completions.create(
                model=self.settings.name,
                messages=[{"role": message.role, "content": message.content} for message in messages],
                temperature=0.0,
                max_tokens=MAX_TOKENS,
                timeout=self.settings.timeout_seconds,
                extra_headers=self._headers,
            )
        self._unanswered, self._answered = 0, True
        choices = getattr(reply, "choices", None)
        if not choices:
            raise JudgeFailure("strange", "the server answered, but not as a chat model does")
        if choices[0].finish_reason == "length":
            raise JudgeFailure("cut_off", f"the reply was cut off after {MAX_TOKENS} tokens")
        return str(choices[0].message.content or "")

    def _given_up(self, error: Exception, status: int) -> JudgeFailure:
        """Return the failure of a call; where the judge seems gone, nothing is asked any more."""
        reason = self._explained(error)
        if 400 <= status < 500 and status not in HOPELESS | PASSING:
            self._unanswered, self._answered = 0, True
            return JudgeFailure("refused", reason)
        self._unanswered += 1
        self._lost = reason
        if status in HOPELESS or self._unanswered >= DEAD_AFTER:
            self.down = self.down or reason
        cause = "timeout" if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ else "unreachable"
        if status == 429:
            cause = "overloaded"
        elif status >= 500:
            cause = "server_error"
        return JudgeFailure("paused" if self.down else cause, reason, passing=True)

    def _explained(self, error: Exception) -> str:
        settings = self.settings
        told = ModelSettings(
            name=settings.name,
            base_url=settings.base_url,
            api_key=settings.api_key,
            timeout_seconds=settings.timeout_seconds,
        )
        return explain(error, told).message


def _again(error: Exception, status: int) -> bool:
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return False
    return status == 0 or status >= 500 or status in PASSING


def _wait(error: Any, attempt: int) -> float:
    """Return the seconds to wait: exponential with jitter, and at least what the server asks for (60 at most)."""
    backoff: float = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * random.uniform(0.75, 1.0)
    response = getattr(error, "response", None)
    asked = response.headers.get("retry-after", "") if response is not None else ""
    return max(backoff, min(LONGEST_WAIT, retry_after(asked)))


def retry_after(header: str) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3); 0 where it cannot be read."""
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0

"""OpenAI's chat API over the variants: ``model`` is a variant's name."""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from assistant.api.openai_shapes import STATUS, error_object
from assistant.chat import ChatUpdate, Options, follow, live_variant
from assistant.errors import JoyulError, UnavailableError, UsageError
from assistant.logs import explain
from assistant.operations.answers import answer_json
from assistant.records import new_id
from assistant.schema import Message, Sampling, well_formed
from assistant.services import Services

# A request beyond these would only wait, so it is told at once how long the queue is.
AT_ONCE = 200
# Threads of our own: answers that wait for the model must not take those that the page needs.
THREADS = 64
GONE = 499
Updates = Generator[ChatUpdate, None, None]
FINISH = {"stop": "stop", "length": "length", "loop": "length", "cancelled": "stop", "error": "stop"}


class Part(BaseModel):
    """A piece of a message; only text is understood."""

    type: Literal["text"]
    text: str


class Turn(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] = ""

    def message(self) -> Message:
        """Return it as one of ours."""
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        role: Literal["system", "user", "assistant"] = "system" if self.role == "developer" else self.role
        return Message(role, well_formed(text))


class StreamOptions(BaseModel):
    """What a stream carries besides text."""

    include_usage: bool = False


class Completion(BaseModel):
    """The request; parameters that are not known are ignored, as OpenAI's clients expect."""

    model: str
    messages: list[Turn] = Field(min_length=1, max_length=1000)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int | None = Field(None, ge=1, le=8192)
    max_completion_tokens: int | None = Field(None, ge=1, le=8192)
    temperature: float | None = Field(None, ge=0.0, le=2.0)
    top_p: float | None = Field(None, gt=0.0, le=1.0)
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Literal[1] = 1

    def sampling(self, own: Sampling, most: int) -> Sampling:
        """Return the variant's own sampling with what the request changes."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop) if self.stop else None
        wanted: dict[str, Any] = {
            "max_tokens": min(self.max_completion_tokens or self.max_tokens or own.max_tokens, most),
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": stop,
        }
        return replace(own, **{key: value for key, value in wanted.items() if value is not None})


class Lane:
    """The answers that the API is writing, and the threads that drive them."""

    def __init__(self) -> None:
        self.live = 0
        self.threads = anyio.CapacityLimiter(THREADS)

    async def start(self, services: Services, request: Completion) -> Updates:
        """Prepare an answer; it counts from here on."""
        self.live += 1
        try:
            return await anyio.to_thread.run_sync(_start, services, request, limiter=self.threads)
        finally:
            self.live -= 1

    async def drive(self, updates: Updates) -> AsyncGenerator[ChatUpdate, None]:
        """Yield what a blocking generator yields; leaving early closes it, which frees the engine's row."""
        self.live += 1
        try:
            while (update := await anyio.to_thread.run_sync(next, updates, None, limiter=self.threads)) is not None:
                yield update
        finally:
            self.live -= 1
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(updates.close, limiter=self.threads)


def routes(services: Services) -> APIRouter:
    """Return ``/v1/models`` and ``/v1/chat/completions``."""
    router = APIRouter(prefix="/v1")
    lane = Lane()

    @router.get("/models")
    def models() -> dict[str, Any]:
        """List the variants."""
        names = services.variants.names()
        return {
            "object": "list",
            "data": [{"id": n, "object": "model", "created": 0, "owned_by": "joyul"} for n in names],
        }

    @router.post("/chat/completions")
    async def complete(request: Completion, caller: Request) -> Response:
        """Answer a conversation with a variant."""
        if lane.live >= AT_ONCE:
            many = "answer" if lane.live == 1 else "answers"
            full = UnavailableError(f"queue full, {lane.live} {many} ahead", "try again in a moment")
            return JSONResponse(error_object(full), 429, {"retry-after": "2"})
        try:
            updates = await lane.start(services, request)
            if request.stream:
                return StreamingResponse(_events(lane, updates, request), media_type="text/event-stream")
            return await _whole(lane, updates, request, caller)
        except Exception as error:
            known = explain(error)
            return JSONResponse(error_object(known), 404 if _unknown_model(known) else STATUS.get(known.kind, 500))

    return router


def _start(services: Services, request: Completion) -> Updates:
    messages = [turn.message() for turn in request.messages]
    if messages[-1].role != "user":
        raise UsageError("the last message must be the user's", "send the question last")
    own = services.variants.spec(request.model)
    options = Options(sampling=request.sampling(own.sampling, services.settings.engine.max_tokens))
    return follow(live_variant(services.variants, own, options), messages, options)


async def _events(lane: Lane, updates: Updates, request: Completion) -> AsyncIterator[str]:
    frame = {"id": f"chatcmpl-{new_id()}", "created": int(time.time()), "model": request.model}
    frame["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, str], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**frame, 'choices': [choice], **more}, ensure_ascii=False)}\n\n"

    yield chunk({"role": "assistant", "content": ""})
    shown = 0
    try:
        async with aclosing(lane.drive(updates)) as driven:
            async for update in driven:
                text = update.generation.text
                if len(text) > shown:
                    yield chunk({"content": text[shown:]})
                    shown = len(text)
                elif update.receipt is None:
                    yield ": waiting\n\n"  # lets us notice that the caller left
                if update.receipt is not None:
                    made = answer_json(update.generation, update.receipt)
                    extra = {"joyul": {key: made[key] for key in ("passages", "receipt")}}
                    yield chunk({}, FINISH[update.generation.finish], **extra)
                    if request.stream_options.include_usage:
                        usage = {**frame, "choices": [], "usage": _usage(update)}
                        yield f"data: {json.dumps(usage)}\n\n"
    except Exception as error:
        yield f"data: {json.dumps(error_object(explain(error)), ensure_ascii=False)}\n\n"
    yield "data: [DONE]\n\n"


async def _whole(lane: Lane, updates: Updates, request: Completion, caller: Request) -> Response:
    """Return the whole answer; a caller who hangs up ends it."""
    update: ChatUpdate | None = None
    async with aclosing(lane.drive(updates)) as driven:
        async for update in driven:  # noqa: B007 - the last one is the answer
            if await caller.is_disconnected():
                return Response(status_code=GONE)
    if update is None or update.receipt is None or update.status == "failed":
        raise JoyulError((update.error if update else "") or "the model stopped before it had answered", "try again")
    made = answer_json(update.generation, update.receipt)
    message = {"role": "assistant", "content": update.generation.text}
    answer = {
        "id": f"chatcmpl-{new_id()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [{"index": 0, "message": message, "finish_reason": FINISH[update.generation.finish]}],
        "usage": _usage(update),
        "joyul": {"passages": made["passages"], "receipt": made["receipt"]},
    }
    return JSONResponse(answer)


def _usage(update: ChatUpdate) -> dict[str, int]:
    used = update.generation.usage
    return {
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
    }


def _unknown_model(error: JoyulError) -> bool:
    return isinstance(error, UsageError) and error.message.startswith("unknown variant")

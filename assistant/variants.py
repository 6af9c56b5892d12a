"""Variants: a specification becomes a live object that searches, frames the question and streams.

Chat, compare, the command line, the HTTP API and the evaluation all run this one object.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from assistant.adapters import Adapter, Manifest, get_adapter, list_adapters
from assistant.errors import UsageError
from assistant.lazy import nearest
from assistant.models.context import prompt_room
from assistant.paths import Home, data_root
from assistant.prompts import Prompt, load_prompt
from assistant.protocols import ChatModel, Retriever, Window
from assistant.schema import Delta, Language, Message, Notice, Passage, Sampling, Variant, digest, language_of
from assistant.settings import Settings
from assistant.variant_files import as_trained, read_variants

if TYPE_CHECKING:
    from assistant.models.pool import ModelPool
    from assistant.retrieval.library import Library


@dataclass(frozen=True)
class VariantModel:
    """A live variant; itself a :class:`assistant.protocols.ChatModel`."""

    spec: Variant
    fingerprint: str
    model: ChatModel
    prompt: Prompt
    retriever: Retriever | None

    def stream(self, messages: Sequence[Message], sampling: Sampling | None = None) -> Generator[Delta, None, None]:
        """Answer a plain conversation whose last message is the person's question.

        Yields the passages that the model will really see, then its tokens.
        """
        *earlier, question = messages
        sampling = sampling or self.spec.sampling
        history = [message for message in earlier if message.role != "system"]
        own = "\n".join(message.content for message in earlier if message.role == "system")
        language = language_of(question.content)
        found: list[Passage] = []
        if self.retriever is not None:
            from assistant.retrieval.query import search_query

            query = search_query(messages)
            found = self.retriever.search(query, self.spec.k)
            kept = self._fitting(question.content, history, found, own, language, sampling)
            yield Delta(query=query, passages=tuple(kept))
            if len(kept) < len(found):
                yield Delta(notice=Notice("passages_trimmed", {"passages": len(found) - len(kept)}))
            if not found:
                yield Delta(notice=Notice("nothing_found"))
            found = kept
        yield from self.model.stream(self.render(question.content, history, found, own, language), sampling)

    def render(
        self, question: str, history: Sequence[Message], passages: Sequence[Passage], own: str, language: Language
    ) -> list[Message]:
        """Return the messages for the model; ``own`` is the person's system prompt, after the variant's."""
        system = "\n".join(part for part in (self.spec.instruction(language), own) if part)
        return self.prompt.render(
            question, language=language, history=history, passages=passages, shots=self.spec.shots, system=system
        )

    def _fitting(
        self,
        question: str,
        history: Sequence[Message],
        passages: Sequence[Passage],
        own: str,
        language: Language,
        sampling: Sampling,
    ) -> list[Passage]:
        """Drop the weakest passages until the prompt without its history fits the model's window."""
        kept = list(passages)
        if isinstance(self.model, Window):
            room = prompt_room(self.model.window, sampling.max_tokens)
            while kept and self.model.count_tokens(self.render(question, (), kept, own, language)) > room:
                kept.pop()
        return kept


class VariantFactory:
    """Knows every variant by name and makes the live ones, once per fingerprint."""

    def __init__(self, settings: Settings, home: Home, pool: "ModelPool", library: "Library") -> None:
        self._settings = settings
        self.home = home
        self._pool = pool
        self._library = library
        self._live: dict[str, VariantModel] = {}

    def declared(self) -> dict[str, Variant]:
        """Return the demo's variants, then those of ``<home>/variants.yaml``, which win."""
        found: dict[str, Variant] = {}
        for file in (data_root() / "demo" / "variants.yaml", self.home.root / "variants.yaml"):
            if file.is_file():
                found.update(read_variants(file))
        return {name: self._with_defaults(spec) for name, spec in found.items()}

    def names(self) -> list[str]:
        """Return every variant: the declared ones, then one for each adapter that none of them uses."""
        declared = self.declared()
        used = {spec.adapter for spec in declared.values()}
        return [*declared, *(a.manifest.name for a in list_adapters(self.home) if a.manifest.name not in used)]

    def spec(self, name: str) -> Variant:
        """Return a variant's specification.

        Raises:
            UsageError: there is none of that name; the nearest is suggested.
        """
        declared = self.declared()
        if name in declared:
            return declared[name]
        for adapter in list_adapters(self.home):
            if adapter.manifest.name == name:
                return self._with_defaults(as_trained(adapter))
        raise UsageError(f"unknown variant {name!r}", nearest(name, self.names()))

    def _with_defaults(self, spec: Variant) -> Variant:
        limit = min(spec.sampling.max_tokens, self._settings.engine.max_tokens)
        return replace(spec, sampling=replace(spec.sampling, max_tokens=limit))

    def fingerprint(self, spec: Variant) -> str:
        """Return a hash of everything an answer depends on: specification, weights, prompt text, index."""
        prompt = load_prompt(spec.recipe)
        adapter = get_adapter(self.home, spec.adapter).manifest.weights_hash if spec.adapter else None
        index = self._library.identity(spec.collection) if prompt.needs == "passages" else None
        base = self._pool.get(spec.model).base_hash
        parts: Mapping[str, Any] = {"spec": asdict(spec) | {"name": ""}, "base": base, "adapter": adapter}
        return digest({**parts, "prompt": prompt.hash, "index": index})

    def adapter(self, spec: Variant) -> Adapter | None:
        """Return a variant's adapter, None where it has none.

        Raises:
            InputError: it is not installed.
        """
        return get_adapter(self.home, spec.adapter) if spec.adapter else None

    def manifest(self, spec: Variant) -> Manifest | None:
        """Return the manifest of a variant's adapter, None where it has none."""
        adapter = self.adapter(spec)
        return adapter.manifest if adapter else None

    def memory_mb(self, spec: Variant) -> float:
        """Return the megabytes that a variant's base holds, with every adapter on it."""
        return self._pool.get(spec.model).memory_mb()

    def build(self, spec: Variant | str) -> VariantModel:
        """Return the live variant.

        Raises:
            UsageError: unknown variant, recipe or model.
            InputError: the adapter is missing or was made for another base.
            UnavailableError: the model cannot be opened.
        """
        spec = self.spec(spec) if isinstance(spec, str) else spec
        mark = self.fingerprint(spec)
        if mark not in self._live:
            prompt = load_prompt(spec.recipe)
            adapter = get_adapter(self.home, spec.adapter) if spec.adapter else None
            model = self._pool.get(spec.model).model(adapter)
            retriever = self._library.retriever(spec.collection) if prompt.needs == "passages" else None
            self._live[mark] = VariantModel(spec, mark, model, prompt, retriever)
        live = self._live[mark]
        return live if live.spec == spec else replace(live, spec=spec)

"""Is a model still the same one after it was saved, merged, or put into another number format?

Fixed prompts are answered by the one that was measured; then both read these answers, and what counts is
how often the next token is the same and how far the logits are apart. An export that is another model than
the one that was measured in chat is the complaint most often heard of tuning tools, so nothing is written
out unseen. Points of comparison: ``reload`` (in memory after training against read from disk), ``merge``
(base and adapter against folded into one), ``written`` (against the folder that was written, in its number
format).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Fractions of equal next tokens; float32 merges differ by rounding only.
ENOUGH = 0.99
PROMPTS = (
    "What are the opening hours on Sunday?",
    "Answer in one word: is a whale a fish?",
    'Return JSON with the keys "label" and "urgency".',
    "Thank you, that was all I needed.",
    "일요일에는 몇 시에 문을 여나요?",
    "한 낱말로 답해 주세요. 고래는 물고기인가요?",
    "다음 문의를 label과 urgency가 있는 JSON으로 분류해 주세요.",
    "고마워요, 궁금한 건 다 풀렸어요.",
)
ANSWER_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Parity:
    """How alike two models are: ``agreement`` of next tokens (0 to 1) and the largest logit difference."""

    agreement: float
    logit_difference: float
    tokens: int

    @property
    def passes(self) -> bool:
        """Whether the second may stand for the first."""
        return self.agreement >= ENOUGH

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"passes": self.passes}


@dataclass(frozen=True, slots=True)
class Reference:
    """What one model said, kept so that it need not stay in memory beside the one it is compared with.

    ``texts`` are token ids, ``logits`` one float32 tensor each, shape (tokens, vocabulary), on the CPU;
    ``half`` says that all passes compute in bfloat16, as the training did.
    """

    texts: tuple[tuple[int, ...], ...]
    logits: "tuple[torch.Tensor, ...]"
    half: bool = False


def remember(model: Any, encode: Any, end: int, half: bool = False) -> Reference:
    """Let a model answer the fixed prompts and keep its logits over prompt and answer.

    Args:
        model: a transformers or PEFT model.
        encode: messages -> prompt ids, of the model's chat format.
        end: the token that ends an answer.
        half: compute in bfloat16.
    """
    import torch

    from assistant.schema import Message

    model.eval()
    texts = []
    for prompt in PROMPTS:
        ids = torch.tensor([list(encode([Message("user", prompt)]))], device=model.device)
        with torch.inference_mode(), _format(model, half):
            answered = model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=ANSWER_TOKENS,
                do_sample=False,
                use_cache=True,
                eos_token_id=end,
                pad_token_id=end,
            )
        texts.append(tuple(answered[0].tolist()))
    return Reference(tuple(texts), tuple(_logits(model, text, half) for text in texts), half)


def compare(reference: Reference, model: Any) -> Parity:
    """Return how alike a model is to the one that was remembered, over every position of its texts."""
    same = count = 0
    apart = 0.0
    model.eval()
    for text, wanted in zip(reference.texts, reference.logits, strict=True):
        found = _logits(model, text, reference.half)
        same += int((found.argmax(-1) == wanted.argmax(-1)).sum())
        count += len(text)
        apart = max(apart, float((found - wanted).abs().max()))
    return Parity(same / count, apart, count)


def _logits(model: Any, text: Sequence[int], half: bool) -> "torch.Tensor":
    """Return the logits after every token of a text; a soft prompt's own positions come before and are left out."""
    import torch

    with torch.inference_mode(), _format(model, half):
        logits: torch.Tensor = model(input_ids=torch.tensor([list(text)], device=model.device)).logits[0]
    return logits[-len(text) :].float().cpu()


def _format(model: Any, half: bool) -> Any:
    import torch

    return torch.autocast(model.device.type, torch.bfloat16, enabled=half)

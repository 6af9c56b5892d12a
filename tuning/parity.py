"""Is a model still the same one after it was merged, saved, or put into another number format?

Fixed prompts are answered greedily by both; what counts is how often the next token is the same and
how far the logits are apart. An export that is another model than the one that was measured in chat is the
complaint most often heard of tuning tools, so nothing is written out unseen.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

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


def references(model: Any, encode: Any, end: Sequence[int]) -> list[list[int]]:
    """Return the fixed prompts with the model's own greedy answers, as token ids.

    Args:
        model: a transformers or PEFT model.
        encode: messages -> prompt ids, of the model's chat format.
        end: tokens that end an answer.
    """
    import torch

    from assistant.schema import Message

    made = []
    for prompt in PROMPTS:
        ids = list(encode([Message("user", prompt)]))
        for _ in range(ANSWER_TOKENS):
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -1]
            ids.append(int(logits.argmax()))
            if ids[-1] in end:
                break
        made.append(ids)
    return made


def compare(first: Any, second: Any, texts: Sequence[Sequence[int]]) -> Parity:
    """Return how alike two models are on the given token sequences (teacher forcing, every position).

    Args:
        first: the model that was measured.
        second: the one that is to stand for it.
        texts: token ids, e.g. from :func:`references` of the first.
    """
    import torch

    same = count = 0
    apart = 0.0
    for ids in texts:
        rows = []
        for model in (first, second):
            with torch.inference_mode():
                rows.append(model(input_ids=torch.tensor([list(ids)], device=model.device)).logits[0].float().cpu())
        same += int((rows[0].argmax(-1) == rows[1].argmax(-1)).sum())
        count += len(ids)
        apart = max(apart, float((rows[0] - rows[1]).abs().max()))
    return Parity(same / count, apart, count)

"""Print the table of what the model must do, from a model folder, through transformers.

``python -m data.models.recipe.evaluate --model data/models/embedded --out FOLDER`` writes
``evaluation.json`` and ``evaluation.md``. Answers are greedy. Two runs give the same figures but
for speed.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import scores
from .evaluation_sets import Item, Sets, all_sets
from .words import Messages

HERE = Path(__file__).parent
LONGEST_ANSWER = 48


class Answerer:
    """A model folder that answers many prompts at once."""

    def __init__(self, folder: Path, threads: int, batch: int = 16) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(threads)
        self.torch, self.batch = torch, batch
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def ids(self, messages: Messages) -> list[int]:
        """Return the token ids of a prompt by the model's own chat template."""
        rows = [{"role": role, "content": content} for role, content in messages]
        ids: list[int] = self.tokenizer.apply_chat_template(rows, add_generation_prompt=True, return_dict=False)
        return ids

    def answers(self, prompts: Sequence[Messages], longest: int = LONGEST_ANSWER) -> list[str]:
        """Return the greedy answer to every prompt, in order."""
        encoded = [self.ids(prompt) for prompt in prompts]
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]))
        result = [""] * len(encoded)
        for start in range(0, len(order), self.batch):
            chosen = order[start : start + self.batch]
            for index, text in zip(chosen, self._generate([encoded[i] for i in chosen], longest), strict=True):
                result[index] = text
        return result

    def _generate(self, rows: list[list[int]], longest: int) -> list[str]:
        torch, width = self.torch, max(map(len, rows))
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, width - len(row) :] = torch.tensor(row)
            mask[at, width - len(row) :] = 1
        with torch.no_grad():
            made = self.model.generate(
                input_ids=ids, attention_mask=mask, max_new_tokens=longest, do_sample=False, pad_token_id=0
            )
        return [text.strip() for text in self.tokenizer.batch_decode(made[:, width:], skip_special_tokens=True)]

    def talk(self, items: Sequence[Item]) -> list[str]:
        """Return the last answer to every conversation, each earlier turn answered first."""
        history: list[Messages] = [[] for _ in items]
        last = [""] * len(items)
        for turn in range(max(len(item.messages) for item in items)):
            active = [i for i, item in enumerate(items) if turn < len(item.messages)]
            for i in active:
                history[i].append(items[i].messages[turn])
            for i, text in zip(active, self.answers([history[i] for i in active], 64), strict=True):
                history[i].append(("assistant", text))
                last[i] = text
        return last

    def speed(self, tokens: int = 120) -> float:
        """Return tokens a second of one stream after a prompt of about a hundred tokens."""
        ids = self.torch.tensor([self.ids([("user", "문서를 읽고 답하세요. " * 16)])])
        best = 0.0
        for _ in range(2):
            start = time.perf_counter()
            self.model.generate(
                input_ids=ids, attention_mask=self.torch.ones_like(ids), max_new_tokens=tokens,
                min_new_tokens=tokens, do_sample=False, pad_token_id=0,
            )  # fmt: skip
            best = max(best, tokens / (time.perf_counter() - start))
        return best


def _mean(values: Sequence[float]) -> float:
    return round(100 * sum(values) / len(values), 1) if values else float("nan")


def span_scores(items: Sequence[Item], answers: Sequence[str]) -> dict[str, float]:
    """Return exact match, both F1s and the share refused, in percent."""
    pairs = list(zip(items, answers, strict=True))
    return {
        "n": len(pairs),
        "exact": _mean([scores.exact(a, i.references) for i, a in pairs]),
        "word_f1": _mean([scores.word_f1(a, i.references, i.language) for i, a in pairs]),
        "letter_f1": _mean([scores.letter_f1(a, i.references) for i, a in pairs]),
        "refused": _mean([scores.refuses(a) for a in answers]),
    }


def follow_scores(items: Sequence[Item], answers: Sequence[str]) -> dict[str, float]:
    """Return the share of well-formed and of right answers, in percent."""
    pairs = list(zip(items, answers, strict=True))
    return {
        "n": len(pairs),
        "valid": _mean([scores.valid_form(a, i.extra["kind"], i.extra["shown"]) for i, a in pairs]),
        "right": _mean([float(a.strip() == i.references[0]) for i, a in pairs]),
    }


def talk_scores(items: Sequence[Item], answers: Sequence[str]) -> dict[str, float]:
    """Return the share of fitting, of polite Korean and of looping answers, in percent."""
    pairs = list(zip(items, answers, strict=True))
    korean = [a for i, a in pairs if i.language == "ko"]
    return {
        "n": len(pairs),
        "fits": _mean([float(bool(re.search(i.extra["fits"], a))) for i, a in pairs]),
        "polite_korean": _mean([float(bool(re.search(r"[요죠다][.!?~]*$", a))) for a in korean]),
        "loops": _mean([float(scores.loops(a)) for a in answers]),
    }


def evaluate(answerer: Answerer, sets: Sets) -> tuple[dict[str, dict[str, float]], dict[str, list[list[str]]]]:
    """Return scores by set and, for reading through, every question's end with its answer."""
    results: dict[str, dict[str, float]] = {}
    said: dict[str, list[list[str]]] = {}
    for name, items in sets.items():
        if not items:
            continue
        answers = answerer.talk(items) if name == "talk" else answerer.answers([i.messages for i in items])
        if name == "talk":
            results[name] = talk_scores(items, answers)
        elif name in ("shots", "no_shots"):
            results[name] = follow_scores(items, answers)
        elif name.startswith("absent"):
            results[name] = {"n": len(items), "refused": _mean([float(scores.refuses(a)) for a in answers])}
        else:
            results[name] = span_scores(items, answers)
        said[name] = [[i.messages[-1][1][-160:], *i.references[:1], a] for i, a in zip(items, answers, strict=True)]
    results["speed"] = {"tokens_per_second": round(answerer.speed(), 1)}
    return results, said


def table(results: dict[str, dict[str, float]], model: str) -> str:
    """Return the results as a Markdown table; sets that are missing are named."""
    lines = [f"# {model}", "", "| set | n | scores (%) |", "| --- | ---: | --- |"]
    for name, row in results.items():
        values = ", ".join(f"{key} {value}" for key, value in row.items() if key != "n")
        lines.append(f"| {name} | {row.get('n', '')} | {values} |")
    for name in ("prose_en", "prose_ko", "squad_en"):
        if name not in results:
            lines.append(f"| {name} | 0 | absent: its file is not there |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the command line, evaluate, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=HERE.parent / "embedded")
    parser.add_argument("--corpus", type=Path, help="corpus folder, for the SQuAD development questions")
    parser.add_argument("--count", type=int, default=100, help="items a set")
    parser.add_argument("--split", default="validation", help="handbook split: validation, or test for the final table")
    parser.add_argument("--sets", nargs="*", default=[], help="only sets whose name starts so")
    parser.add_argument(
        "--labelled", action="store_true", help="ask in the frame with 'Question:' and not the bare one"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sets = all_sets(options.corpus, options.count, options.split, options.labelled)
    if options.sets:
        sets = {name: items for name, items in sets.items() if name.startswith(tuple(options.sets))}
    results, said = evaluate(Answerer(options.model, options.threads), sets)
    text = table(results, str(options.model))
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "evaluation.md").write_text(text, encoding="utf-8")
        record = {"model": str(options.model), "count": options.count, "split": options.split, "results": results}
        (options.out / "evaluation.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        answers = json.dumps(said, ensure_ascii=False, indent=1)
        (options.out / "answers.json").write_text(answers + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

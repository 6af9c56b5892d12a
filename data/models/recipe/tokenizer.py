"""Train the tokenizer: ``python -m data.models.recipe.tokenizer --prepared FOLDER --out FOLDER``.

Byte-level BPE (Sennrich et al. 2016; bytes after Radford et al. 2019) with three choices that make
copying a word the same tokens wherever it stands: every segment starts with one space, roles are
single tokens without line breaks, and Korean particles are split from what they follow before merges
are learnt, so a name has the same tokens before any particle. Digits stand alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from .korean_grammar import lists
from .mixture import Mixture
from .words import stream

SPECIAL = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<think>", "</think>"]
CHAT_TEMPLATE = (
    "{%- for m in messages -%}{%- if m['role'] == 'assistant' -%}{{- '<|assistant|>' -}}"
    "{%- generation -%}{{- m['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- '<|' + m['role'] + '|>' + m['content'] + '<|end|>' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def pattern() -> str:
    """Return the regular expression that cuts text into pieces no merge may cross."""
    stem = rf" ?[가-힣]{{2,}}?(?=(?:{'|'.join(lists()['particles'])})(?![가-힣]))"
    rest = [r" ?[가-힣]+", r" ?[A-Za-z]+", r" ?[^\W\d_가-힣A-Za-z]+", "[0-9]", r" ?[^\s\w]+", "_+", r"[\r\n]+"]
    return "|".join(["'(?:[sdmt]|ll|ve|re)", stem, *rest, r"\s+(?=\S)", r"\s+"])


def training_texts(prepared: Path, samples: int, characters: int) -> Iterator[str]:
    """Yield contents of generated samples and general text of both languages, by a fixed seed."""
    mixture = Mixture(prepared)
    rng = stream("tokenizer")
    for position in range(samples):
        for _, content in mixture.sample(rng, position).messages:
            yield content
    for texts in mixture.library.plain.values():
        size = 0
        for text in sorted(set(texts)):
            size += len(text)
            yield text
            if size > characters:
                break


def train(prepared: Path, out: Path, size: int, samples: int = 15000, characters: int = 4_500_000) -> None:
    """Train and save ``tokenizer.json``, its configuration and the chat template."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    strip = normalizers.Strip(left=True, right=False)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), strip, normalizers.Prepend(" ")])
    split = pre_tokenizers.Split(Regex(pattern()), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=3,
        max_token_length=30,
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(prepared, samples, characters), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|endoftext|>", clean_up_tokenization_spaces=False
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.model_max_length = 2048
    fast.save_pretrained(out)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--samples", type=int, default=15000, help="generated samples to learn from")
    options = parser.parse_args()
    train(options.prepared, options.out, options.size, options.samples)


if __name__ == "__main__":
    main()

"""Drawing tokens: distributions, nuclei, penalties."""

from collections import Counter

import torch

from assistant.models.sampler import Chooser, choose
from assistant.schema import Sampling

LOGITS = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))


def _draws(count: int = 4000, **sampling: float) -> Counter[int]:
    return Counter(Chooser(Sampling(seed=seed, **sampling), []).choose(LOGITS) for seed in range(count))  # type: ignore[arg-type]


def test_draws_follow_the_distribution() -> None:
    seen = _draws(temperature=1.0)
    assert all(abs(seen[token] / 4000 - chance) < 0.03 for token, chance in enumerate([0.5, 0.3, 0.15, 0.05]))


def test_temperature_sharpens() -> None:
    assert _draws(1000, temperature=0.25)[0] > 850


def test_the_nucleus_is_the_smallest_set_that_reaches_top_p() -> None:
    assert set(_draws(temperature=1.0, top_p=0.7)) == {0, 1}
    assert set(_draws(500, temperature=1.0, top_p=0.1)) == {0}


def test_a_flat_distribution_over_many_tokens_is_not_cut_at_the_head() -> None:
    logits = torch.zeros(5000)
    seen = {Chooser(Sampling(temperature=1.0, top_p=0.9, seed=seed), []).choose(logits) for seed in range(800)}
    assert len(seen) > 600


def test_the_penalty_is_that_of_transformers() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    torch.manual_seed(0)
    logits, prompt = torch.randn(1, 60), [3, 7, 7, 12]
    theirs = RepetitionPenaltyLogitsProcessor(1.7)
    chooser = Chooser(Sampling(repetition_penalty=1.7), prompt)
    written: list[int] = []
    for _ in range(25):
        wanted = int(theirs(torch.tensor([prompt + written]), logits.clone()).argmax())
        assert chooser.choose(logits[0]) == wanted
        written.append(wanted)
    assert len(set(written)) > 3


def test_rows_keep_to_themselves() -> None:
    rows = [Chooser(Sampling(), []), Chooser(Sampling(temperature=1.0, seed=3), []), Chooser(Sampling(), [])]
    tokens = choose(torch.stack([LOGITS, LOGITS, LOGITS.flip(0)]), rows)
    assert tokens[0] == 0
    assert tokens[2] == 3
    assert tokens[1] == Chooser(Sampling(temperature=1.0, seed=3), []).choose(LOGITS)

"""The verdict in a few natural sentences, Korean and English, with the numbers it rests on."""

from collections.abc import Mapping
from dataclasses import replace

from assistant.locales.particles import josa
from assistant.schema import Language, Variant
from eval.schema import TUNED, Choice, Comparison, Price, Suite, Verdict
from eval.words import metric_name, variant_name, word

LANGUAGES: tuple[Language, ...] = ("ko", "en")
# Below this share a change of the loss is not worth a word.
SEEN_CHANGE = 0.0005
_LEAD: dict[Choice, tuple[str, str]] = {
    "prompt": ("프롬프트면 충분해요.", "A prompt is enough."),
    "rag": ("RAG면 충분해요.", "RAG is enough."),
    "tune": ("튜닝이 제값을 해요.", "Tuning pays."),
    "rag+tune": ("RAG에 튜닝까지 더하면 제값을 해요.", "Tuning pays on top of RAG."),
    "not_enough_evidence": ("아직 판단하기 어려워요.", "Not enough evidence yet."),
}
# With too few training seeds the result is one of these weights, not of tuning.
_LEAD_FEW_SEEDS: dict[Choice, tuple[str, str]] = {
    "tune": ("이 어댑터를 쓸 만해요.", "Use this adapter."),
    "rag+tune": ("RAG에 이 어댑터까지 더할 만해요.", "Use this adapter, and keep RAG."),
}
_LEAD_MODEL: dict[Choice, tuple[str, str]] = {
    "tune": ("튜닝한 이 모델을 쓸 만해요.", "Use this tuned model."),
    "rag+tune": ("RAG에 튜닝한 이 모델까지 더할 만해요.", "Use this tuned model, and keep RAG."),
}
_MISSING = {
    "no_tuned_row": (
        "튜닝한 방식이 평가에 없어서 튜닝이 나은지 비교할 수 없어요. 어댑터를 쓰는 방식을 하나 넣어 주세요.",
        "No tuned variant took part, so there is nothing to weigh. Add one with an adapter.",
    ),
    "no_prompt_row": (
        "프롬프트만 쓰는 방식이 없어서 튜닝이 필요한지 말할 수 없어요. zero-shot이나 few-shot을 넣어 주세요.",
        "No prompt-only variant took part, and tuning must beat one. Add zero-shot or few-shot.",
    ),
    "no_rag_row": (
        "RAG 방식이 없어서 튜닝이 필요한지 말할 수 없어요. 튜닝하지 않은 RAG를 같은 문항으로 함께 평가해 주세요.",
        "No untuned RAG variant took part, and tuning must beat one. Add rag to the suite.",
    ),
    "nothing_scored": (
        "점수를 하나도 매기지 못한 방식이 있어요. 보고서에서 실패 이유를 확인해 주세요.",
        "At least one variant has no score at all. The report says why.",
    ),
    "too_many_unscored": (
        "점수를 매기지 못한 답이 10%를 넘어서 비교할 수 없어요. 실패 이유를 고친 뒤 다시 실행해 주세요.",
        "More than 10% of the answers could not be scored, so nothing can be compared. Mend that and run again.",
    ),
    "too_few_groups": (
        "문항 묶음이 하나뿐이라 오차를 계산할 수 없어요. 서로 다른 문서나 유형의 문항을 더 넣어 주세요.",
        "All items belong to one group, so no interval can be computed. Add items from other documents.",
    ),
}
_BODY = {
    "beats_every_rival": (
        "{base} 모델에서 {chosen} 방식은 {metric} 점수로 튜닝하지 않은 모든 방식을 앞섰어요. "
        "가장 따라붙은 {against} 방식과 비교해도 {size}점 높아요({numbers}).",
        "On {base}, {chosen} beats every untuned variant in {metric}; "
        "against {against}, the closest, by {size} points ({numbers}).",
    ),
    "not_inferior": (
        "{base} 모델에서 튜닝한 어떤 방식도 {chosen} 방식보다 {metric} 점수가 {margin}점 넘게 높지 않아요. "
        "튜닝한 것 중 가장 나은 {against} 방식과 비교하면 {chosen} 쪽이 {standing}({numbers}).",
        "On {base}, no tuned variant beats {chosen} in {metric} by more than {margin} points; "
        "next to {against}, the best tuned one, {chosen} is {standing} ({numbers}).",
    ),
    "unsettled": (
        "{base} 모델에서 튜닝한 것 중 가장 나은 {chosen} 방식이 튜닝하지 않은 것 중 가장 나은 {against} 방식보다 "
        "{metric} 점수가 {standing}, 이 결과만으로는 우열이 가려지지 않아요({numbers}). "
        "이 평가 세트로는 {effect}점쯤은 차이 나야 알아볼 수 있어요. {need}",
        "On {base}, {chosen}, the best tuned variant, is {standing} {against}, the best untuned one, in {metric}, "
        "which is not enough to tell them apart ({numbers}). "
        "This set can detect a difference of about {effect} points or more. {need}",
    ),
}
# First behind, level, then ahead.
_STANDING = {
    "not_inferior": (
        ("{size}점 낮을 뿐이에요", "점수가 같아요", "{size}점 높아요"),
        ("{size} points behind", "level", "{size} points ahead"),
    ),
    "unsettled": (
        ("{size}점 낮지만", "같지만", "{size}점 높지만"),
        ("{size} points behind", "level with", "{size} points ahead of"),
    ),
}
_NEED = (
    ("문항을 {more}개쯤 더 모으면 가려질 수 있어요.", "About {more} more items may settle it."),
    (
        "차이가 기준과 너무 가까워서, 문항을 웬만큼 더 모아도 가리기 어려워요.",
        "The difference lies so close to the margin that no reasonable number of items would settle it.",
    ),
)


def in_words(
    verdict: Verdict, suite: Suite, base: str, specs: Mapping[str, Variant], price: Price | None = None
) -> Verdict:
    """Return the verdict with its ``text`` in both languages.

    Args:
        verdict: what the rule says.
        suite: what was declared, the training seeds among it.
        base: the base model as people name it.
        specs: every variant.
        price: break-even and forgetting, where they are known.
    """
    return replace(
        verdict, text={language: _text(verdict, suite, base, specs, price, language) for language in LANGUAGES}
    )


def _text(
    verdict: Verdict, suite: Suite, base: str, specs: Mapping[str, Variant], price: Price | None, language: Language
) -> str:
    seen = verdict.comparison
    if seen is None:
        return f"{_in(_LEAD[verdict.choice], language)} {_in(_MISSING[verdict.reason], language)}"
    parts = [_lead(verdict, suite, specs, language), _body(verdict, seen, base, language)]
    parts += [_tie(verdict, language), _few(seen, language), _price(verdict, price, language)]
    parts += [_leaked(verdict, language), _caveat(verdict, suite, specs, language)]
    return " ".join(part for part in parts if part)


def points(value: float | None, *, signed: bool = False) -> str:
    """Return a fraction in points with one decimal: 0.061 -> '6.1'."""
    if value is None:
        return "–"
    text = f"{100.0 * value:{'+' if signed else ''}.1f}"
    return text.replace("-0.0", "0.0").replace("+0.0", "0.0").replace("-", "−")


def _in(both: tuple[str, str], language: Language) -> str:
    return both[language != "ko"]


def _adapters(verdict: Verdict, suite: Suite, specs: Mapping[str, Variant]) -> list[str]:
    """Return the adapters on the tuned side of the comparison; none where that is a whole model."""
    for name in (verdict.chosen, verdict.against):
        if name in suite.replicates:
            return list(suite.replicates[name])
        adapter = specs[name].adapter if name in specs else None
        if adapter:
            return [adapter]
    return []


def _lead(verdict: Verdict, suite: Suite, specs: Mapping[str, Variant], language: Language) -> str:
    few = verdict.seeds < suite.training_seeds
    leads = (_LEAD_FEW_SEEDS if _adapters(verdict, suite, specs) else _LEAD_MODEL) if few else _LEAD
    return _in(leads.get(verdict.choice, _LEAD[verdict.choice]), language)


def _body(verdict: Verdict, seen: Comparison, base: str, language: Language) -> str:
    delta, more = seen.delta or 0.0, verdict.more_items
    size, need = points(abs(delta)), _in(_NEED[more is None], language)
    standings = _STANDING.get(verdict.reason)
    # What is shown as level is called level.
    place = 1 if size == "0.0" else 2 if delta > 0 else 0
    return _in(_BODY[verdict.reason], language).format(
        base=base,
        chosen=variant_name(verdict.chosen, language),
        against=variant_name(verdict.against, language),
        metric=metric_name(verdict.metric, language),
        size=size,
        margin=points(verdict.margin),
        numbers=_numbers(verdict, seen, language),
        effect=points(verdict.detectable),
        need=need.format(more="" if more is None else f"{more:,}"),
        standing=standings[language != "ko"][place].format(size=size) if standings else "",
    )


def _numbers(verdict: Verdict, seen: Comparison, language: Language) -> str:
    level, margin = f"{100 * seen.level:.4g}", points(verdict.margin)
    low, high = points(seen.low, signed=True), points(seen.high, signed=True)
    if language == "ko":
        seeds = f", 학습 시드 {verdict.seeds}개" if verdict.seeds > 1 else ""
        return f"동시 신뢰 구간 {level}%: {low}점에서 {high}점, 짝지은 문항 {seen.n:,}개, 기준 차이 {margin}점{seeds}"
    seeds = f", {verdict.seeds} training seeds" if verdict.seeds > 1 else ""
    return f"simultaneous {level}% bounds {low} to {high}, {seen.n:,} paired items, margin {margin}{seeds}"


def _tie(verdict: Verdict, language: Language) -> str:
    if not verdict.tied:
        return ""
    names = ", ".join(variant_name(name, language) for name in verdict.tied)
    if language == "ko":
        return f"{names} 방식과는 우열이 가려지지 않아 더 단순한 쪽을 골랐어요."
    return f"It is not told apart from {names}; the simpler one is named."


def _few(seen: Comparison, language: Language) -> str:
    if seen.method != "few differ":
        return ""
    if language == "ko":
        return "점수가 갈린 문항이 몇 개뿐이어서 구간을 넉넉하게 잡았어요."
    return "Only a few items differ in score, so the bounds are exact and wide."


def _price(verdict: Verdict, price: Price | None, language: Language) -> str:
    """Say from which volume the tuned side is cheaper, and what tuning did to general language."""
    if price is None or verdict.choice == "not_enough_evidence":
        return ""
    wins = verdict.choice in TUNED
    return " ".join(
        part for part in (_volume(verdict, price, language), _lost(price, language) if wins else "") if part
    )


def _volume(verdict: Verdict, price: Price, language: Language) -> str:
    if not price.break_even_known:
        return ""
    tuned, rival = verdict.chosen, verdict.against
    if verdict.choice not in TUNED:
        tuned, rival = rival, tuned
    tuned, rival = variant_name(tuned, language), variant_name(rival, language)
    volume = price.break_even_requests_per_month
    if volume is None:
        if language == "ko":
            return f"비용은 요청이 아무리 많아도 {rival} 쪽이 더 적게 들어요."
        return f"At no volume does {tuned} become cheaper than {rival}."
    if volume < 1:
        if language == "ko":
            return f"비용도 {tuned} 쪽이 더 적게 들어요."
        return f"{tuned[:1].upper()}{tuned[1:]} is also the cheaper one at any volume."
    if language == "ko":
        return f"한 달 요청이 {volume:,.0f}건보다 적으면 {rival} 쪽이 더 싸요."
    return f"Below {volume:,.0f} requests a month {rival} is cheaper."


def _lost(price: Price, language: Language) -> str:
    names = {"ko": ("한국어", "Korean"), "en": ("영어", "English")}
    changes = [(_in(names[key], language), change) for key, change in price.forgetting.items()]
    if not changes:
        return ""
    if language == "ko":
        said = [
            f"{josa(name, '은/는')} {_percent(change)} {'나빠졌' if change > 0 else '좋아졌'}"
            if abs(change) >= SEEN_CHANGE
            else f"{josa(name, '은/는')} 그대로였"
            for name, change in changes
        ]
        return f"일반 {'고, '.join(said)}어요."
    said = [
        f"general {name} got {_percent(change)} {'worse' if change > 0 else 'better'}"
        if abs(change) >= SEEN_CHANGE
        else f"general {name} stayed as it was"
        for name, change in changes
    ]
    text = ", ".join(said)
    return f"{text[:1].upper()}{text[1:]}."


def _percent(change: float) -> str:
    return f"{100 * abs(change):.1f}%"


def _leaked(verdict: Verdict, language: Language) -> str:
    """Say how much of the set a model may have seen, and what the rule says without it."""
    if not verdict.leaked:
        return ""
    same = verdict.without_leaked == verdict.choice
    other = word(verdict.without_leaked or "not_enough_evidence", language)
    if language == "ko":
        then = "빼고 판정해도 같아요." if same else f"빼고 판정하면 ‘{josa(other + '’', '이에요/예요')}."
        return f"문항 {verdict.leaked:,}개는 학습 데이터나 예시에도 있어요. {then}"
    then = "the verdict is the same." if same else f"it would be: {other}."
    items, them = ("item is", "it") if verdict.leaked == 1 else ("items are", "them")
    return f"{verdict.leaked:,} {items} also in the training data or the examples; without {them} {then}"


def _caveat(verdict: Verdict, suite: Suite, specs: Mapping[str, Variant], language: Language) -> str:
    """Say what few adapters can show: training again with another seed is noise this run hardly saw."""
    adapters = _adapters(verdict, suite, specs)
    if not adapters or verdict.seeds >= suite.training_seeds:
        return ""
    if len(adapters) == 1:
        if language == "ko":
            return f"학습 시드가 하나뿐이어서 ‘{adapters[0]}’ 어댑터에만 해당하는 결과예요."
        return f"One training seed: this holds for this adapter, {adapters[0]}."
    names = ", ".join(adapters)
    if language == "ko":
        return f"학습 시드가 {len(adapters)}개뿐이어서 이 어댑터들({names})에만 해당하는 결과예요."
    return f"{len(adapters)} training seeds: this holds for these adapters, {names}."

"""The verdict in a few natural sentences, Korean and English, with the numbers it rests on."""

from collections.abc import Mapping
from dataclasses import replace

from assistant.locales.particles import josa
from assistant.schema import Language, Variant
from eval.schema import TUNED, Comparison, Price, Suite, Verdict
from eval.verdict import FEW_GROUPS
from eval.verdict_words import BODY, EFFECT, LEAD, LEAD_DEARER, LEAD_FEW_SEEDS, LEAD_MODEL, MISSING, NEED, STANDING
from eval.words import metric_name, variant_name, word

LANGUAGES: tuple[Language, ...] = ("ko", "en")
# Below this share a change of the loss is not worth a word.
SEEN_CHANGE = 0.0005


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
        return f"{_in(LEAD[verdict.choice], language)} {_in(MISSING[verdict.reason], language)}"
    parts = [_lead(verdict, suite, specs, price, language), _body(verdict, seen, base, language)]
    parts += [_tie(verdict, language), _wide(verdict, seen, language), _price(verdict, price, language)]
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


def _lead(verdict: Verdict, suite: Suite, specs: Mapping[str, Variant], price: Price | None, language: Language) -> str:
    leads = LEAD_DEARER if price is not None and price.dearer else LEAD
    if verdict.seeds < suite.training_seeds:
        leads = LEAD_FEW_SEEDS if _adapters(verdict, suite, specs) else LEAD_MODEL
    return _in(leads.get(verdict.choice, LEAD[verdict.choice]), language)


def _body(verdict: Verdict, seen: Comparison, base: str, language: Language) -> str:
    delta, more = seen.delta or 0.0, verdict.more_items
    size, need = points(abs(delta)), _in(NEED[more is None], language)
    standings = STANDING.get(verdict.reason)
    # What is shown as level is called level.
    place = 1 if size == "0.0" else 2 if delta > 0 else 0
    return _in(BODY[verdict.reason], language).format(
        base=base,
        chosen=variant_name(verdict.chosen, language),
        against=variant_name(verdict.against, language),
        metric=metric_name(verdict.metric, language),
        size=size,
        margin=points(verdict.margin),
        numbers=_numbers(verdict, seen, language),
        effect=_in(EFFECT[verdict.detectable is None], language).format(
            effect=points(verdict.detectable), against=variant_name(verdict.against, language)
        ),
        few=_few(seen, language),
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
    """Say on how many items the scores differ, and in how few groups they come."""
    grouped = seen.clusters < min(FEW_GROUPS, seen.n)
    if language == "ko":
        some = (
            f"{seen.differing:,}개뿐이라 판단하기에 너무 적어요" if seen.differing else "하나도 없어서 판단할 수 없어요"
        )
        return f"{f'묶음이 {seen.clusters}개뿐인 ' if grouped else ''}문항 {seen.n:,}개 중 점수가 갈린 것이 {some}"
    some = f"only {seen.differing:,}" if seen.differing else "none"
    groups = f" in only {seen.clusters} groups" if grouped else ""
    return f"of {seen.n:,} items{groups} {some} differ{'s' if seen.differing == 1 else ''} in score"


def _wide(verdict: Verdict, seen: Comparison, language: Language) -> str:
    if seen.method != "few differ" or verdict.reason == "few_differ":
        return ""
    if language == "ko":
        return "점수가 갈린 문항이 몇 개뿐이어서 구간을 넉넉하게 잡았어요."
    return "Only a few items differ in score, so the bounds are exact and wide."


def requests_a_month(volume: float, language: Language) -> str:
    """Return a volume as people write it: 41,000,000 is '4,100만 건' in Korean."""
    if language != "ko":
        return f"{volume:,.0f}"
    parts, rest = [], round(volume)
    for unit, size in (("억", 100_000_000), ("만", 10_000), ("", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:,}{unit}")
    text = " ".join(parts) or "0"
    return f"{text} 건" if text[-1] in "억만" else f"{text}건"


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
    below, assumed = requests_a_month(volume, language), price.assumed_requests_per_month
    given = "" if assumed is None else requests_a_month(assumed, language)
    if language == "ko":
        return f"한 달 요청이 {below}보다 적으면 {rival} 쪽이 더 싸요{f'(가정은 한 달 {given})' if given else ''}."
    return f"Below {below} requests a month {rival} is cheaper{f' ({given} are assumed)' if given else ''}."


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

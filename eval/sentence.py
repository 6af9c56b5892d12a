"""The verdict in one natural sentence or two, Korean and English, with the numbers it rests on."""

from collections.abc import Mapping
from dataclasses import replace

from assistant.schema import Variant
from eval.schema import Suite, Verdict
from eval.words import metric_name, variant_name

_LEAD = {
    "prompt": ("프롬프트면 충분해요.", "A prompt is enough."),
    "rag": ("RAG면 충분해요.", "RAG is enough."),
    "tune": ("튜닝할 만해요.", "Tune."),
    "rag+tune": ("RAG에 튜닝까지 더할 만해요.", "Tune, and keep RAG."),
    "not_enough_evidence": ("아직 판단하기 어려워요.", "Not enough evidence yet."),
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


def in_words(verdict: Verdict, suite: Suite, base: str, specs: Mapping[str, Variant]) -> Verdict:
    """Return the verdict with its ``text`` in both languages."""
    lead = dict(zip(("ko", "en"), _LEAD[verdict.choice], strict=True))
    if verdict.comparison is None:
        body = dict(zip(("ko", "en"), _MISSING[verdict.reason], strict=True))
    else:
        speak = {"beats_every_rival": _wins, "not_inferior": _enough, "unsettled": _unsettled}[verdict.reason]
        body = {language: speak(verdict, base, language) for language in ("ko", "en")}
        for language in body:
            body[language] += _tie(verdict, language) + _caveat(verdict, specs, language)
    return replace(verdict, text={language: f"{lead[language]} {body[language]}" for language in ("ko", "en")})


def points(value: float | None, *, signed: bool = False) -> str:
    """Return a fraction in points with one decimal: 0.061 -> '6.1'."""
    if value is None:
        return "–"
    text = f"{100.0 * value:{'+' if signed else ''}.1f}"
    return text.replace("-0.0", "0.0").replace("+0.0", "0.0").replace("-", "−")


def _numbers(verdict: Verdict, language: str, *, turned: bool = False) -> str:
    seen = verdict.comparison
    assert seen is not None
    seen = seen.turned() if turned else seen
    level = f"{100 * seen.level:.4g}"
    low, high = points(seen.low, signed=True), points(seen.high, signed=True)
    if language == "ko":
        margin = points(verdict.margin)
        return f"동시 신뢰 구간 {level}%: {low}점에서 {high}점, 짝지은 문항 {seen.n:,}개, 기준 차이 {margin}점"
    return f"simultaneous {level}% bounds {low} to {high}, {seen.n:,} paired items, margin {points(verdict.margin)}"


def _wins(verdict: Verdict, base: str, language: str) -> str:
    seen = verdict.comparison
    assert seen is not None
    chosen, against = variant_name(verdict.chosen, language), variant_name(verdict.against, language)
    metric, numbers = metric_name(verdict.metric, language), _numbers(verdict, language)
    if language == "ko":
        return (
            f"{base} 모델에서 {chosen} 방식은 {metric} 점수로 튜닝하지 않은 모든 방식을 앞섰어요. "
            f"가장 따라붙은 {against} 방식과 비교해도 {points(seen.delta)}점 높아요({numbers})."
        )
    return (
        f"On {base}, {chosen} beats every untuned variant in {metric}; "
        f"against {against}, the closest, by {points(seen.delta)} points ({numbers})."
    )


def _enough(verdict: Verdict, base: str, language: str) -> str:
    seen = verdict.comparison
    assert seen is not None
    chosen, against = variant_name(verdict.chosen, language), variant_name(verdict.against, language)
    metric, numbers = metric_name(verdict.metric, language), _numbers(verdict, language)
    delta = seen.delta or 0.0
    if language == "ko":
        standing = f"{points(abs(delta))}점 {'높아요' if delta > 0 else '낮을 뿐이에요'}" if delta else "점수가 같아요"
        return (
            f"{base} 모델에서 튜닝한 어떤 방식도 {chosen} 방식보다 "
            f"{metric} 점수가 {points(verdict.margin)}점 넘게 높지 않아요. "
            f"튜닝한 것 중 가장 나은 {against} 방식과 비교하면 {chosen} 쪽이 {standing}({numbers})."
        )
    standing = f"{points(abs(delta))} points {'ahead' if delta > 0 else 'behind'}" if delta else "level"
    return (
        f"On {base}, no tuned variant beats {chosen} in {metric} by more than {points(verdict.margin)} points; "
        f"next to {against}, the best tuned one, {chosen} is {standing} ({numbers})."
    )


def _unsettled(verdict: Verdict, base: str, language: str) -> str:
    seen = verdict.comparison
    assert seen is not None
    chosen, against = variant_name(verdict.chosen, language), variant_name(verdict.against, language)
    metric, numbers = metric_name(verdict.metric, language), _numbers(verdict, language)
    effect, more = points(verdict.detectable), verdict.more_items
    delta = seen.delta or 0.0
    if language == "ko":
        standing = f"{points(abs(delta))}점 {'높지만' if delta > 0 else '낮지만'}" if delta else "점수가 같지만"
        need = (
            f"문항을 {more:,}개쯤 더 모으면 가려질 수 있어요."
            if more
            else "차이가 기준과 너무 가까워서, 문항을 웬만큼 더 모아도 가리기 어려워요."
        )
        return (
            f"{base} 모델에서 튜닝한 것 중 가장 나은 {chosen} 방식이 튜닝하지 않은 것 중 가장 나은 {against} 방식보다 "
            f"{metric} 점수가 {standing}, 이 결과만으로는 우열이 가려지지 않아요({numbers}). "
            f"이 평가 세트로는 {effect}점 이상 차이 나야 알아볼 수 있어요. {need}"
        )
    standing = f"{points(abs(delta))} points {'ahead of' if delta > 0 else 'behind'}" if delta else "level with"
    need = (
        f"About {more:,} more items may settle it."
        if more
        else "The difference lies so close to the margin that no reasonable number of items would settle it."
    )
    return (
        f"On {base}, {chosen}, the best tuned variant, is {standing} {against}, the best untuned one, in {metric}, "
        f"which is not enough to tell them apart ({numbers}). "
        f"This set can detect a difference of {effect} points or more. {need}"
    )


def _tie(verdict: Verdict, language: str) -> str:
    if not verdict.tied:
        return ""
    names = ", ".join(variant_name(name, language) for name in verdict.tied)
    if language == "ko":
        return f" {names} 방식과는 우열이 가려지지 않아 더 단순한 쪽을 골랐어요."
    return f" It is not told apart from {names}; the simpler one is named."


def _caveat(verdict: Verdict, specs: Mapping[str, Variant], language: str) -> str:
    """Say what one adapter can show: training again with another seed is noise this run did not see."""
    adapters = [specs[name].adapter for name in (verdict.chosen, verdict.against) if name in specs]
    shown = next((adapter for adapter in adapters if adapter), "")
    if not shown:
        return ""
    if language == "ko":
        return f" 학습 시드가 하나뿐이어서 ‘{shown}’ 어댑터에만 해당하는 결과예요."
    return f" One training seed: this holds for this adapter, {shown}."

"""What the verdict's sentence is made of: Korean, then English, by what the rule says and why."""

from eval.schema import Choice

LEAD: dict[Choice, tuple[str, str]] = {
    "prompt": ("프롬프트면 충분해요.", "A prompt is enough."),
    "rag": ("RAG면 충분해요.", "RAG is enough."),
    "tune": ("튜닝이 제값을 해요.", "Tuning pays."),
    "rag+tune": ("RAG에 튜닝까지 더하면 제값을 해요.", "Tuning pays on top of RAG."),
    "not_enough_evidence": ("아직 판단하기 어려워요.", "Not enough evidence yet."),
}
# Better answers for more money: the first sentence must not sound as if tuning paid in every respect.
LEAD_DEARER: dict[Choice, tuple[str, str]] = {
    "tune": ("품질만 보면 튜닝할 만해요.", "Tuning pays in quality, not in money."),
    "rag+tune": ("품질만 보면 RAG에 튜닝까지 더할 만해요.", "On top of RAG, tuning pays in quality, not in money."),
}
# With too few training seeds the result is one of these weights, not of tuning.
LEAD_FEW_SEEDS: dict[Choice, tuple[str, str]] = {
    "tune": ("이 어댑터를 쓸 만해요.", "Use this adapter."),
    "rag+tune": ("RAG에 이 어댑터까지 더할 만해요.", "Use this adapter, and keep RAG."),
}
LEAD_MODEL: dict[Choice, tuple[str, str]] = {
    "tune": ("튜닝한 이 모델을 쓸 만해요.", "Use this tuned model."),
    "rag+tune": ("RAG에 튜닝한 이 모델까지 더할 만해요.", "Use this tuned model, and keep RAG."),
}
MISSING = {
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
BODY = {
    "beats_every_rival": (
        "{base} 모델에서 {chosen} 방식은 {metric}에서 튜닝하지 않은 모든 방식을 앞섰어요. "
        "가장 바짝 따라온 {against} 방식보다도 {size}점 높아요({numbers}).",
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
        "{effect} {need}",
        "On {base}, {chosen}, the best tuned variant, is {standing} {against}, the best untuned one, in {metric}, "
        "which is not enough to tell them apart ({numbers}). {effect} {need}",
    ),
    "few_differ": (
        "{base} 모델에서 튜닝한 것 중 가장 나은 {chosen} 방식이 튜닝하지 않은 것 중 가장 나은 {against} 방식보다 "
        "{metric} 점수가 {standing}, {few}({numbers}). 차이가 얼마나 나야 알아볼 수 있는지도 "
        "말할 수 없어요. 문항을 더 넣어 주세요.",
        "On {base}, {chosen}, the best tuned variant, is {standing} {against}, the best untuned one, in {metric}, "
        "but {few}, too few to go by ({numbers}). Nor can be said how large a difference this set would detect. "
        "Add items.",
    ),
}
EFFECT = (
    (
        "이만한 평가 세트로는 튜닝한 방식의 참 점수가 여기서 {against} 방식이 받은 점수보다 {effect}점쯤은 높아야 "
        "다섯 번에 네 번 알아볼 수 있어요.",
        "Four times in five a set like this one finds a tuned variant whose true score lies about {effect} points "
        "or more above what {against} scored here.",
    ),
    (
        "점수가 갈린 문항이 너무 적은 비교가 있어서 차이가 얼마나 나야 알아볼 수 있는지는 말할 수 없어요.",
        "In some comparison too few items differ to say how large a difference this set would detect.",
    ),
)
# First behind, level, then ahead.
STANDING = {
    "not_inferior": (
        ("{size}점 낮을 뿐이에요", "점수가 같아요", "{size}점 높아요"),
        ("{size} points behind", "level", "{size} points ahead"),
    ),
    "unsettled": (
        ("{size}점 낮지만", "같지만", "{size}점 높지만"),
        ("{size} points behind", "level with", "{size} points ahead of"),
    ),
}
STANDING["few_differ"] = STANDING["unsettled"]
NEED = (
    ("문항을 {more}개쯤 더 모으면 가려질 수 있어요.", "About {more} more items may settle it."),
    (
        "차이가 기준과 너무 가까워서, 문항을 웬만큼 더 모아도 가리기 어려워요.",
        "The difference lies so close to the margin that no reasonable number of items would settle it.",
    ),
)

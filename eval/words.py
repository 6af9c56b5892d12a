"""Every word of the reports, Korean and English. Variants of the usual names are called as people say them."""

_VARIANTS = {
    "zero-shot": ("제로샷", "zero-shot"),
    "few-shot": ("퓨샷", "few-shot"),
    "rag": ("RAG", "RAG"),
    "tuned": ("튜닝", "the tuned model"),
    "rag-tuned": ("RAG+튜닝", "RAG + tuned"),
}
_METRICS = {
    "exact_match": ("정확 일치", "exact match"),
    "token_f1": ("토큰 F1", "token F1"),
    "rouge_l": ("ROUGE-L", "ROUGE-L"),
    "contains": ("정답 포함", "answer contained"),
    "chrf": ("chrF", "chrF"),
    "semantic_similarity": ("의미 유사도", "semantic similarity"),
    "accuracy": ("정답률", "accuracy"),
    "macro_precision": ("매크로 정밀도", "macro precision"),
    "macro_recall": ("매크로 재현율", "macro recall"),
    "macro_f1": ("매크로 F1", "macro F1"),
    "micro_precision": ("마이크로 정밀도", "micro precision"),
    "micro_recall": ("마이크로 재현율", "micro recall"),
    "micro_f1": ("마이크로 F1", "micro F1"),
    "json_validity": ("JSON 형식 준수", "JSON validity"),
    "field_accuracy": ("항목 정확도", "field accuracy"),
    "hit_at_k": ("검색 적중(hit@k)", "hit@k"),
    "recall_at_k": ("검색 재현율(recall@k)", "recall@k"),
    "mrr": ("검색 순위(MRR)", "MRR"),
    "ndcg": ("검색 nDCG", "nDCG"),
    "citations_exist": ("인용 번호 유효", "citations exist"),
    "citations_support": ("인용 근거 일치", "citations supported"),
    "ragas_string_similarity": ("Ragas 문자열 유사도", "Ragas string similarity"),
    "ragas_context_precision": ("Ragas 문맥 정밀도", "Ragas context precision"),
    "ragas_context_recall": ("Ragas 문맥 재현율", "Ragas context recall"),
    "faithfulness": ("충실성(심사)", "faithfulness (judged)"),
    "response_relevancy": ("답변 관련성(심사)", "response relevancy (judged)"),
    "context_precision": ("문맥 정밀도(심사)", "context precision (judged)"),
    "context_recall": ("문맥 재현율(심사)", "context recall (judged)"),
    "factual_correctness": ("사실 정확도(심사)", "factual correctness (judged)"),
    "answer_accuracy": ("정답 일치도(심사)", "answer accuracy (judged)"),
    "prompt_tokens": ("읽은 토큰", "prompt tokens"),
    "completion_tokens": ("쓴 토큰", "completion tokens"),
    "seconds": ("응답 시간(초)", "seconds"),
    "first_token_seconds": ("첫 토큰(초)", "first token (s)"),
    "tokens_per_second": ("초당 토큰", "tokens/s"),
}
_WORDS = {
    "title": ("평가 보고서", "Evaluation report"),
    "prompt": ("프롬프트", "prompt"),
    "rag": ("RAG", "RAG"),
    "tune": ("튜닝", "tune"),
    "rag+tune": ("RAG+튜닝", "RAG + tune"),
    "not_enough_evidence": ("증거 부족", "not enough evidence"),
    "verdict": ("판정", "Verdict"),
    "declared": ("실행 전에 정한 것", "Declared before the run"),
    "points": ("{n}점", "{n} points"),
    "trials_unknown": ("적혀 있지 않아요", "not stated"),
    "trial_unknown": ("미기재", "not stated"),
    "reads": ("평가 문항을 읽은 횟수", "Reads of the test items"),
    "reads_count": (
        "이 설정 그대로 {declared}번, 같은 문항으로 모두 {items}번",
        "{declared} under this very declaration, {items} of these items in all",
    ),
    "reads_unknown": ("세지 않은 실행이에요", "not counted for this run"),
    "read_again": (
        "이 문항들은 벌써 {reads}번 읽혔어요. 결과를 보고 설정을 고쳤다면 판정이 실제보다 좋게 나올 수 있어요.",
        "These items have been read {reads} times. If anything was changed after seeing results, "
        "the verdict flatters what was changed.",
    ),
    "failed_answers": (
        "{name_ko}: 답 {n}개가 실패해서 채점하지 않았어요({reason}).",
        "{name_en}: {n} answers failed and are unscored ({reason}).",
    ),
    "compared": ("두 실행의 차이(나중 − 먼저)", "Two runs: later minus earlier"),
    "compared_note": (
        "두 실행에 모두 있는 문항 {n}개로 짝지어 견준 {metric_ko} 차이예요. 구간은 한 번만 견줄 때의 신뢰 구간이에요.",
        "Differences in {metric_en} on the {n} items that both runs asked, paired; the intervals are for one "
        "comparison each.",
    ),
    "other_items": (
        "두 실행의 문항이 같지 않아요. 먼저 {first}개, 나중 {second}개 가운데 함께 있는 {shared}개만 견줬어요"
        "(정답이 바뀐 문항 {other_reference}개 제외).",
        "The runs do not hold the same items: of {first} and {second}, the {shared} in both are compared "
        "({other_reference} with another reference left out).",
    ),
    "the_variant": ("방식 설정", "Variant"),
    "same_variant": ("그대로", "unchanged"),
    "changed_variant": ("바뀜", "changed"),
    "what": ("무엇", "What"),
    "changed": ("달라진 설정", "What was declared otherwise"),
    "nothing_changed": ("설정은 모두 같아요.", "Nothing; the declarations agree."),
    "rescored_from": ("다시 채점한 실행", "Rescored from"),
    "forest_rival": (
        "튜닝하지 않은 것 중 점수가 가장 높은 {rival_ko} 방식에서 얼마나 차이 나는지 보여 줘요.",
        "Each line shows how far a variant is from {rival_en}, the untuned one that scored highest.",
    ),
    "forest_note": (
        "점은 {metric_ko} 차이, 선은 {level}% 동시 신뢰 구간, 색칠한 띠는 의미 없다고 정한 차이예요. "
        "선 전체가 띠 오른쪽에 있으면 앞서는 거예요.",
        "Dots are differences in {metric_en}, lines simultaneous {level}% intervals, the band what was declared not "
        "to matter. A line wholly right of the band is ahead.",
    ),
    "decisive_note": (
        "판정은 튜닝한 방식과 튜닝하지 않은 방식을 하나씩 견준 이 구간만 봐요. 검정은 참고용이에요.",
        "The verdict reads these intervals, each tuned variant against each untuned one, and nothing else; the tests "
        "are descriptive.",
    ),
    "counted": ("문항 {items}개, 묶음 {groups}개.", "{items} questions in {groups} groups."),
    "primary_mark": ("주 지표", "primary"),
    "unscored_count": ("미채점 {n}", "{n} unscored"),
    "slice": ("부분", "Part"),
    "language_ko": ("한국어", "Korean"),
    "language_en": ("영어", "English"),
    "confusion_note": ("줄은 실제 분류, 칸은 답한 분류예요.", "Rows are the true labels, columns the answers."),
    "confusion_click": ("수를 누르면 그 문항이 나와요.", "Click a number for its items."),
    "confusion_seeds": (
        "학습 시드 {n}개의 답을 모두 셌어요.",
        "counts the answers of all {n} training seeds",
    ),
    "said_nothing": ("(해석 불가)", "(unparsable)"),
    "said_outside": ("(목록에 없음)", "(outside the labels)"),
    "unreadable_answers": (
        "{name_ko}: 답 {n}개 중 {bad}개에서 정해 둔 분류를 읽어 내지 못해 틀린 것으로 셌어요. "
        "이 방식과의 차이에는 답의 형식을 익힌 몫도 들어 있어요.",
        "{name_en}: {bad} of {n} answers name none of the declared labels and count as wrong. "
        "Part of any lead over it is knowing the form of the answer.",
    ),
    "unequal_trials": (
        "검증 세트에서 시도한 횟수가 방식마다 다르거나 적혀 있지 않아요({trials_ko}). 더 많이 시도한 쪽이 유리해요.",
        "Not every variant had as many trials on the validation split, or not all are stated ({trials_en}). "
        "Whoever was tried more often has an edge.",
    ),
    "base": ("기반 모델", "Base model"),
    "primary": ("주 지표", "Primary metric"),
    "margin": ("의미 있는 최소 차이", "Smallest difference that matters"),
    "alpha": ("유의 수준", "Alpha"),
    "items": ("문항", "Items"),
    "groups": ("묶음", "Groups"),
    "trials": ("검증 세트에서 시도한 횟수", "Trials on the validation split"),
    "warnings": ("주의", "Warnings"),
    "differences": ("방식 사이의 차이", "Differences between variants"),
    "scores": ("방식별 점수", "Scores by variant"),
    "scores_note": (
        "구간은 한 방식만 볼 때의 95% 신뢰 구간이에요. 구간이 겹쳐도 차이가 없다는 뜻은 아니에요.",
        "Intervals are 95% ones for one variant alone; overlapping ones do not mean that there is no difference.",
    ),
    "metric": ("지표", "Metric"),
    "variant": ("방식", "Variant"),
    "unscored": ("미채점", "unscored"),
    "pair": ("비교", "Pair"),
    "delta": ("차이(점)", "Difference (points)"),
    "differing": ("갈린 문항", "Differ"),
    "interval": ("구간", "Interval"),
    "method": ("방법", "Method"),
    "test": ("검정", "Test"),
    "slices": ("부분별 점수", "By slice"),
    "slices_note": (
        "주 지표예요. 참고용이며 판정에는 쓰지 않아요.",
        "Primary metric; descriptive, no part of the verdict.",
    ),
    "confusion": ("혼동 행렬", "Confusion"),
    "true_label": ("실제 ↓ / 답 →", "true ↓ / answered →"),
    "precision": ("정밀도", "precision"),
    "recall": ("재현율", "recall"),
    "f1": ("F1", "F1"),
    "costs": ("비용", "Costs"),
    "needs": ("메모리와 학습", "Memory and training"),
    "training_seconds": ("학습 시간(초)", "Training (s)"),
    "training_memory": ("학습 최대 메모리(MB)", "Training peak (MB)"),
    "training_tokens": ("학습 토큰", "Training tokens"),
    "memory": ("메모리(MB)", "Memory (MB)"),
    "adapter_size": ("어댑터 크기(MB)", "Adapter size (MB)"),
    "training": ("학습", "Training"),
    "browser": ("문항별 답", "Answers item by item"),
    "all": ("모두", "All"),
    "differ": ("점수가 갈린 문항", "Where they differ"),
    "wrong": ("모두 틀린 문항", "Wrong everywhere"),
    "failed": ("실패·해석 불가", "Failed or unparsable"),
    "search_items": ("질문, 정답, 답에서 찾기", "Search questions, references and answers"),
    "any_part": ("모든 언어와 부분", "All languages and parts"),
    "order": ("순서", "Order"),
    "order_file": ("평가 세트의 순서", "In the order of the set"),
    "order_low": ("점수가 낮은 것부터", "Lowest score first"),
    "order_gap": ("차이가 큰 것부터", "Widest gap first"),
    "clear": ("조건 지우기", "Clear"),
    "earlier": ("앞으로", "Back"),
    "later": ("다음", "Next"),
    "of_items": ("문항 {total}개 중 {n}개", "{n} of {total} questions"),
    "no_items": ("조건에 맞는 문항이 없어요.", "No question fits."),
    "page_of": ("{total}쪽 중 {n}쪽", "Page {n} of {total}"),
    "other_seeds": ("다른 학습 시드의 답", "Other training seeds"),
    "label_said": ("답한 분류", "Answered label"),
    "nothing_said": ("(빈 답)", "(empty answer)"),
    "group": ("묶음", "Group"),
    "open_items": ("이 문항들 보기", "Show these items"),
    "reference": ("정답", "Reference"),
    "unanswerable": ("문서에 답이 없어요(거절이 정답).", "The documents do not answer; refusing is right."),
    "passages": ("근거 문서", "Passages"),
    "query": ("검색어", "Query"),
    "history": ("앞선 대화", "Conversation so far"),
    "error": ("실패", "Failed"),
    "switch": ("English", "한국어"),
    "after_the_fact": (
        "결과를 보고 고른 비교예요.",
        "This pair was picked after seeing the results.",
    ),
    "run": ("실행", "Run"),
    "nothing": ("없음", "none"),
}


# How an interval or a test was made (``eval.stats``), as the Korean report says it.
_METHODS = {
    "nothing scored": "점수 없음",
    "one cluster": "묶음이 하나뿐",
    "cluster t": "묶음 t 구간",
    "no variation": "차이 없음",
    "few differ": "다른 문항이 적음",
    "BCa bootstrap": "BCa 부트스트랩",
    "percentile bootstrap": "백분위 부트스트랩",
    "McNemar exact": "맥니마 정확 검정",
    "sign-flip permutation": "부호 바꿈 순열 검정",
}


def method_name(name: str, language: str) -> str:
    """Return how an interval or a test was made; names without a Korean one stay as they are."""
    return _METHODS.get(name, name) if language == "ko" else name


def word(key: str, language: str, **values: object) -> str:
    """Return a report's word in a language."""
    return _WORDS[key][language != "ko"].format(**values)


def variant_name(name: str, language: str) -> str:
    """Return how people call a variant; other names stay as they are."""
    return _VARIANTS.get(name, (name, name))[language != "ko"]


def metric_name(name: str, language: str) -> str:
    """Return how people call a metric; other names stay as they are."""
    return _METRICS.get(name, (name, name))[language != "ko"]

"""The judge's part of a report in words, Korean and English."""

from eval.reports.blocks import Both

# Why an answer has no judgement.
CAUSES = {
    "prose": Both("글로만 답함", "answered in prose"),
    "not_json": Both("JSON이 아님", "not JSON"),
    "no_score": Both("점수가 없음", "no score in it"),
    "out_of_range": Both("범위를 벗어난 점수", "score out of range"),
    "empty": Both("빈 답", "empty reply"),
    "cut_off": Both("답이 잘림", "reply cut off"),
    "no_statements": Both("확인할 문장을 찾지 못함", "found no statement"),
    "incomplete": Both("일부만 확인함", "checked only a part"),
    "refused": Both("서버가 요청을 거절함", "request refused"),
    "strange": Both("서버의 답이 이상함", "strange reply of the server"),
    "timeout": Both("시간 초과", "timed out"),
    "unreachable": Both("연결 안 됨", "not reachable"),
    "overloaded": Both("요청이 너무 많음", "too many requests"),
    "server_error": Both("서버 오류", "server error"),
    "paused": Both("아직 심사하지 못함", "not judged yet"),
    "ragas": Both("Ragas 오류", "Ragas failed"),
    "nothing_stated": Both("주장하는 내용이 없음", "nothing stated"),
    "no_passages": Both("찾은 문서가 없음", "no passages"),
    "unreadable": Both("임베딩 모델이 읽지 못하는 언어", "language the embedder cannot read"),
    "no_answer": Both("답변이 없음", "no answer"),
}
_WORDS = {
    "title": Both("심사 모델의 채점", "What the judge says"),
    "note": Both(
        "심사 모델: {judge}. 심사 모델의 점수는 아래 점검표와 함께 읽어 주세요.",
        "Judge: {judge}. Read its scores together with the audit below them.",
    ),
    "paused": Both(
        "심사 모델에 연결할 수 없어 심사를 멈췄어요({reason}). 이미 받은 심사는 남아 있어요. 이어서 하려면: {resume}",
        "Judging paused, the judge is unavailable ({reason}). What it said is kept. Resume with: {resume}",
    ),
    "metric": Both("지표", "Metric"),
    "criterion": Both("기준: {name}", "criterion: {name}"),
    "failed": Both("{n}개 심사 실패", "{n} failed"),
    "pair": Both("비교", "Pair"),
    "difference": Both("차이(점)", "Difference (points)"),
    "comparisons": Both("심사 점수의 차이", "Differences in judged scores"),
    "not_comparable": Both(
        "비교할 수 없음: 심사한 답이 {least}%에 못 미쳐요", "not comparable: fewer than {least} % were judged"
    ),
    "wins": Both("이김 · 비김 · 짐", "Wins · ties · losses"),
    "share": Both("승률(비김은 절반)", "Win rate (a tie is half)"),
    "pairwise": Both(
        "짝 비교: 순서를 바꿔 두 번 묻고, 답이 갈리면 비긴 것으로 세요.",
        "Pairwise: asked in both orders; where the judge changes its mind it is a tie.",
    ),
    "audit": Both("심사 모델 점검", "Audit of the judge"),
    "coverage": Both("심사한 비율", "Coverage"),
    "causes": Both("심사하지 못한 까닭", "Why not judged"),
    "skipped": Both("심사할 필요가 없던 답: {causes}", "needed no judge: {causes}"),
    "length": Both("답변 길이와의 상관", "Correlation with length"),
    "leans": Both(
        "점수가 길이를 따라가요. 긴 답이 정말 나은지 살펴보세요",
        "scores follow length; see whether longer is really better",
    ),
    "constant": Both(
        "{metric}: 답의 {share}%에 똑같은 점수를 줬어요. 이 심사로는 답을 가려낼 수 없어요.",
        "{metric}: the same score for {share} % of the answers; this judge tells nothing apart.",
    ),
    "swapped": Both("순서를 바꾸면 뒤집힌 비율", "Changed its mind when the order changed"),
    "first_shown": Both(
        "그때 먼저 나온 답 쪽으로 기운 정도(50점이면 고름)", "Of these, leaned to the answer shown first (50 is even)"
    ),
    "longer": Both("승부가 난 짝에서 긴 답이 이긴 비율", "Decided pairs won by the longer answer"),
    "kappa": Both("사람 투표와의 일치(코헨 카파)", "Agreement with people's votes (Cohen's kappa)"),
    "agreed": Both("사람과 같은 선택을 한 비율", "Same choice as people"),
    "no_votes": Both(
        "사람 투표와의 일치는 재지 못했어요. 비교 페이지에서 투표하고 짝 비교(pairwise)를 켜면 함께 보여 드려요.",
        "Agreement with people was not measured: it needs votes from the Compare page and 'pairwise: true'.",
    ),
    "of": Both("{scored}/{asked}", "{scored} of {asked}"),
}


def judge_word(key: str, **values: object) -> Both:
    """Return a text of the judge's part in both languages."""
    return Both(_WORDS[key].ko.format(**values), _WORDS[key].en.format(**values))


def cause_word(cause: str) -> Both:
    """Return why an answer has no judgement; an unknown cause stays as it is."""
    return CAUSES.get(cause, Both(cause, cause))

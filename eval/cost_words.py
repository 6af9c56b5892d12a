"""Every word about costs, Korean and English: forgetting, break-even, the data curve and the checklist."""

from eval.reports.blocks import Both

_WORDS = {
    # forgetting
    "forgetting": ("잊은 것", "Forgetting"),
    "forgetting_note": (
        "튜닝하기 전과 뒤에 같은 글과 같은 문제로 잰 차이예요. 손실은 오를수록, 나머지 점수는 내릴수록 나빠진 거예요. "
        "손실의 변화는 비율(%), 나머지는 점수 차이예요.",
        "The same texts and probes before and after tuning. A loss that rises is worse, a score that falls is worse. "
        "Loss changes are relative (%), the others are points.",
    ),
    "not_forgetting": (
        "{name}: 아직 재지 않았어요. joyul eval forgetting {adapter}",
        "{name}: not measured yet; run joyul eval forgetting {adapter}",
    ),
    "adapter": ("어댑터", "Adapter"),
    "measure": ("잰 것", "Measured"),
    "before": ("전", "Before"),
    "after": ("뒤", "After"),
    "change": ("변화", "Change"),
    "loss_ko": ("일반 한국어 글의 손실", "Loss on general Korean"),
    "loss_en": ("일반 영어 글의 손실", "Loss on general English"),
    "knowledge_ko": ("상식(한국어)", "Knowledge (Korean)"),
    "knowledge_en": ("상식(영어)", "Knowledge (English)"),
    "instruction_ko": ("지시 따르기(한국어)", "Following instructions (Korean)"),
    "instruction_en": ("지시 따르기(영어)", "Following instructions (English)"),
    "refusal_ko": ("모를 때만 거절하기(한국어)", "Refusing only what is not there (Korean)"),
    "refusal_en": ("모를 때만 거절하기(영어)", "Refusing only what is not there (English)"),
    "format_ko": ("형식 지키기(한국어)", "Keeping a format (Korean)"),
    "format_en": ("형식 지키기(영어)", "Keeping a format (English)"),
    "floor": (
        "튜닝하기 전에도 0점이라 더 나빠질 수 없어요.",
        "0 before tuning: it could not get worse",
    ),
    "unscored": ("미채점 {count}개: {reason}", "{count} unscored: {reason}"),
    "part_of_texts": (
        "글은 일부만 뽑아 쟀어요. 전체로 재려면 --full을 붙이세요.",
        "Measured on a seeded part of the texts; --full takes all of them.",
    ),
    "over_adapters": (
        "{name}: 표는 첫 어댑터의 값이에요. 어댑터 {count}개의 평균 손실 변화(최소 … 최대): 한국어 {ko}, 영어 {en}",
        "{name}: the table shows the first adapter. Over its {count} adapters the loss changed by {ko} on Korean and "
        "{en} on English (mean, least … most).",
    ),
    # break-even
    "break_even": ("손익분기", "Break-even"),
    "break_even_note": (
        "품질은 빼고 돈만 따져요. 토큰과 시간은 이번 실행에서 잰 값이고, 단가와 사람 손은 아래 가격표의 가정이에요. "
        "가격표는 상태 폴더의 prices.yaml에서 고칠 수 있어요. 시간은 방식마다 차례로 쟀어요. "
        "그사이 기계가 다른 일로 바빴다면 그 몫이 시간에는 섞여 있고 구간에는 들어 있지 않아요.",
        "Money only, quality aside. Tokens and seconds were measured in this run; unit prices and people's time are "
        "assumptions from the table below. Change them in prices.yaml of the state folder. Variants were timed one "
        "after another: what else the machine did meanwhile is in the seconds and not in the interval.",
    ),
    "cost_per_request": ("요청 하나의 비용", "Cost of a request"),
    "variant": ("방식", "Variant"),
    "pair": ("튜닝 ↔ 비교 대상", "Tuned vs rival"),
    "saving": ("요청당 절약", "Saved per request"),
    "once": ("한 번 드는 비용", "Paid once"),
    "monthly": ("매달 더 드는 비용", "More each month"),
    "from_requests": ("튜닝이 더 싸지는 월 요청 수", "Requests a month from which tuning is cheaper"),
    "from_month": ("월 {volume}건일 때 본전을 뽑는 시점", "Paid back at {volume} requests a month"),
    "never": ("그런 지점이 없어요", "never"),
    "months": ("{months}개월째", "after {months} months"),
    "too_long": ("10년이 지나도 안 돼요", "not within ten years"),
    "unknown": ("알 수 없어요", "not known"),
    "no_training_record": (
        "어댑터에 학습 시간이나 행 수가 적혀 있지 않아요.",
        "the adapter does not say how long training took or on how many rows",
    ),
    "no_answers": ("두 방식이 함께 답한 문항이 없어요.", "no item was answered by both"),
    "in_sentence": ("판정에 나온 비교", "the pair of the verdict"),
    "sensitivity": ("가정을 바꾸면: {tuned} ↔ {rival}", "If an assumption changes: {tuned} vs {rival}"),
    "case": ("가정", "Assumption"),
    "as_is": ("지금 가정대로", "as assumed"),
    "price_half": ("요청 단가가 절반이면", "requests at half the price"),
    "price_double": ("요청 단가가 두 배면", "requests at twice the price"),
    "volume_tenth": ("요청이 10분의 1이면", "a tenth of the volume"),
    "volume_tenfold": ("요청이 10배면", "ten times the volume"),
    "retrain_never": ("다시 학습하지 않으면", "never retrained"),
    "retrain_monthly": ("매달 다시 학습하면", "retrained monthly"),
    "retrain_weekly": ("매주 다시 학습하면", "retrained weekly"),
    "labels_free": ("라벨링 비용이 없으면", "labels for free"),
    "labels_double": ("라벨링 단가가 두 배면", "labels at twice the price"),
    "assumptions": ("이 계산에 쓴 가정", "What this rests on"),
    "figure": ("값", "Value"),
    "source": ("출처", "Source"),
    "measured": ("이번 실행에서 잼", "measured in this run"),
    "manifest": ("학습 기록", "training record"),
    "training_seconds": ("{name}: 학습 시간(초)", "{name}: seconds of training"),
    "training_rows": ("{name}: 학습 행 수", "{name}: training rows"),
    "streams": ("동시에 답한 수(시간을 나눈 값)", "Answers at once (what seconds are divided by)"),
    "requests_month": ("월 요청 수", "requests a month"),
    "cost_month": ("월 비용({currency})", "cost a month ({currency})"),
    "price_currency": ("통화", "currency"),
    "price_krw_per_usd": ("1달러의 원화 값", "KRW for one USD"),
    "price_billing": ("비용을 세는 방법", "how requests are paid"),
    "price_prompt_million": ("프롬프트 토큰 100만 개", "a million prompt tokens"),
    "price_completion_million": ("답 토큰 100만 개", "a million completion tokens"),
    "price_tuned_prompt_million": ("튜닝한 모델의 프롬프트 토큰 100만 개", "a million prompt tokens, tuned model"),
    "price_tuned_completion_million": ("튜닝한 모델의 답 토큰 100만 개", "a million completion tokens, tuned model"),
    "price_answer_hour": ("답하는 기계 한 시간", "an hour of the machine that answers"),
    "price_training_hour": ("학습하는 기계 한 시간", "an hour of the machine that trains"),
    "price_answer_watts": ("답하는 기계의 전력(W)", "watts of the machine that answers"),
    "price_training_watts": ("학습하는 기계의 전력(W)", "watts of the machine that trains"),
    "price_kwh": ("전기 1kWh", "a kWh"),
    "price_label_row": ("학습 데이터 한 행 만들기", "making one training row"),
    "price_setup_hours": ("준비에 드는 사람 시간", "hours of people's time to set up"),
    "price_person_hour": ("사람 한 시간", "an hour of a person"),
    "price_tuned_hosting_month": ("튜닝한 모델을 두는 데 더 드는 월 비용", "hosting a tuned model, more a month"),
    "price_retrains_per_month": ("한 달에 다시 학습하는 횟수", "retrainings a month"),
    "price_relabelled_share": ("다시 학습할 때 새로 만드는 행의 비율", "share of rows made anew each time"),
    "price_requests_per_month": ("한 달 요청 수", "requests a month"),
    "price_months": ("한 번 드는 비용을 나누는 개월 수", "months over which what is paid once is spread"),
    "price_problem": ("가격표를 읽지 못했어요: {error}", "The price table could not be read: {error}"),
    # method table
    "methods": ("방법 비교", "Methods"),
    "methods_note": (
        "같은 데이터 {data_rows}행을 방법마다 같은 횟수만큼 배우고, {suite}의 같은 문항 {items}개에 답했어요. "
        "기반 모델: {base}. 학습률은 방법마다 자동으로 고른 값이고, 학습 시드는 하나예요. "
        "메모리는 학습 프로세스 전체의 최댓값이에요.",
        "The same {data_rows} rows, as many passes for every method, and the same {items} items of {suite}, on {base}. "
        "Each method has its automatic learning rate and one training seed. Memory is the most that the whole "
        "training process held.",
    ),
    "methods_method": ("방법", "Method"),
    "methods_untuned": ("튜닝 전, 같은 프롬프트", "not tuned, same prompt"),
    "methods_parameters": ("배운 매개변수", "Trained parameters"),
    "methods_memory": ("메모리", "Memory"),
    "methods_seconds": ("학습 시간(초)", "Seconds of training"),
    "methods_disk": ("디스크", "On disk"),
    "methods_forgetting": ("일반 글의 손실 변화", "Loss on general text"),
    "methods_rate": ("학습률 {rate}", "learning rate {rate}"),
    "methods_left_out": ("{name}: 빠졌어요. {reason}", "{name}: left out. {reason}"),
    "methods_classifier": (
        "feature-extraction은 기반 모델을 건드리지 않아 일반 글의 손실이 그대로예요. "
        "대신 어떤 물음에도 라벨로만 답해요.",
        "feature-extraction leaves its base untouched, so the loss on general text stays; but whatever it is asked, it "
        "answers with a label.",
    ),
    # data curve
    "curve": ("데이터 곡선", "Data curve"),
    "curve_note": (
        "학습 데이터를 늘려 가며 검증 문항으로 잰 점수예요. 작은 데이터는 큰 데이터에 모두 들어 있고, "
        "같은 묶음(group)의 행은 갈라지지 않아요.",
        "Quality on the validation items as training data grows. Every subset holds the smaller ones; rows of one "
        "group stay together.",
    ),
    "rows": ("학습 행", "Training rows"),
    "quality": ("점수", "Quality"),
    "seeds": ("학습 시드", "Training seeds"),
    "worth": (
        "데이터를 더 모을 만해요. {rows}행에서 {more}행으로 늘리면 {metric} 점수가 {gain}점 오를 것으로 보여요"
        "(95% 구간 {low}점에서 {high}점).",
        "More data is worth labelling: from {rows} to {more} rows, {metric} is expected to rise by {gain} points "
        "(95 % interval {low} to {high}).",
    ),
    "not_worth": (
        "데이터를 더 모아도 얻을 것이 거의 없어요. {rows}행에서 {more}행으로 늘려도 {metric} 점수는 {gain}점쯤 달라져요"
        "(95% 구간 {low}점에서 {high}점).",
        "More data is hardly worth labelling: from {rows} to {more} rows, {metric} is expected to change by {gain} "
        "points (95 % interval {low} to {high}).",
    ),
    "cannot_tell": (
        "데이터를 더 모을 만한지 아직 알 수 없어요. {rows}행에서 {more}행으로 늘리면 {metric} 점수가 "
        "{gain}점 달라질 것으로 보이지만, 95% 구간이 {low}점에서 {high}점까지로 넓어요.",
        "Whether more data is worth labelling cannot be told: from {rows} to {more} rows, {metric} may change by "
        "{gain} points, but the 95 % interval is {low} to {high}.",
    ),
    "no_fit": (
        "점이 모자라거나 흐름이 없어서 곡선을 맞출 수 없어요.",
        "No curve can be fitted: too few points, or no trend in them.",
    ),
    "model_power": ("역거듭제곱 곡선", "inverse power law"),
    "model_log": ("로그 직선", "straight line in log(rows)"),
    "fitted": (
        "{model}을 맞췄어요. 점 {n}개로 그은 선이니 어림으로 보세요.",
        "Fitted: {model}. It rests on {n} points; take it as a rough guide.",
    ),
    "label_cost": (
        "행을 두 배로 늘리는 데 라벨링 비용만 {cost} {currency} 들어요.",
        "Doubling the rows costs {cost} {currency} in labels.",
    ),
    # checklist
    "checklist": ("튜닝 점검표", "When and why to tune: the checklist"),
    "question": ("물어볼 것", "Question"),
    "found": ("잰 결과", "What was measured"),
    "not_measured": ("재지 않았어요.", "not measured"),
    "ask_use_case": ("무엇에 쓰나요?", "What is it for?"),
    "use_case": (
        "{suite}: {kind}, 문항 {items}개, 묶음 {groups}개, 주 지표는 {metric}",
        "{suite}: {kind}, {items} items in {groups} groups, primary metric {metric}",
    ),
    "kind_qa": ("질문에 답하기", "answering questions"),
    "kind_label": ("분류하기", "sorting into labels"),
    "ask_alternatives": ("튜닝 말고 무엇을 해 봤나요?", "What was tried instead of tuning?"),
    "score": ("{name} {mean} [{low}, {high}]", "{name} {mean} [{low}, {high}]"),
    "tried": (" (검증 세트에서 {trials}번 시도)", " ({trials} trials on validation)"),
    "ask_tunability": ("모델이 잘 튜닝되나요?", "Does the model take to tuning?"),
    "tunability": (
        "{name}({method}): 학습 손실 {first} → {final}",
        "{name} ({method}): training loss {first} → {final}",
    ),
    "ask_effort": ("손이 얼마나 갔나요?", "How much work was it?"),
    "effort": (
        "학습 데이터 {rows}행. 준비 {hours}시간은 가격표의 가정이에요.",
        "{rows} training rows; {hours} hours of setup are an assumption of the price table",
    ),
    "ask_compute": ("계산 자원이 얼마나 들었나요?", "What did it compute?"),
    "compute": ("{name}: 학습 {seconds}초, 메모리 {memory} MB", "{name}: {seconds} s of training, {memory} MB"),
    "ask_data": ("데이터가 넉넉하고 깨끗한가요?", "Is there enough data, and is it clean?"),
    "data": ("{name}: {rows}행", "{name}: {rows} rows"),
    "data_warnings": ("이 평가의 경고 {count}건", "{count} warnings in this run"),
    "ask_quality": ("품질이 나아졌나요?", "Did quality improve?"),
    "quality_gained": (
        "{tuned}, {rival}보다 {delta}점({low}점에서 {high}점, 문항 {n}개)",
        "{tuned} minus {rival}: {delta} points ({low} to {high}, n = {n})",
    ),
    "ask_tokens": ("토큰이 줄었나요?", "Were tokens saved?"),
    "tokens_saved": (
        "{tuned}, {rival}보다 요청당 프롬프트 토큰 {prompt}개, 답 토큰 {completion}개",
        "{tuned} minus {rival}: {prompt} prompt and {completion} completion tokens a request",
    ),
    "ask_cost": ("돈이 되나요?", "Does it pay?"),
    "pays": ("월 {requests}건부터 튜닝이 더 싸요.", "from {requests} requests a month tuning is cheaper"),
    "pays_never": ("요청이 아무리 많아도 튜닝이 더 싸지지 않아요.", "tuning never becomes cheaper"),
    "ask_reuse": ("다른 분야에서도 쓸 수 있나요?", "Is it of use in other domains?"),
    "reuse": (
        "재지 않았어요. 다른 평가 세트에 이 어댑터를 넣어 실행해 보세요.",
        "not measured; run another suite with this adapter in it",
    ),
    "ask_generality": ("두루 쓰는 능력을 얼마나 잃었나요?", "How much generality was lost?"),
    "generality": (
        "{name}: 일반 한국어 손실 {ko}%, 영어 손실 {en}%",
        "{name}: loss on general Korean {ko} %, English {en} %",
    ),
    "ask_seeds": ("우연은 아닌가요?", "Could it be luck?"),
    "seeds_seen": ("학습 시드 {count}개로 봤어요.", "training seeds seen: {count}"),
}


def cost_word(key: str, **values: object) -> Both:
    """Return a word about costs in both languages."""
    ko, en = _WORDS[key]
    return Both(ko.format(**values), en.format(**values))

"""Which of two answers is better: asked in both orders, and a judge that changes its mind has seen a tie.

Showing both orders and calling disagreement a tie follows Zheng et al. 2023, "Judging LLM-as-a-judge
with MT-bench and chatbot arena", section 3.4 (https://arxiv.org/abs/2306.05685).
"""

from assistant.schema import Language
from eval.judge.client import JudgeClient
from eval.judge.parse import choice_reply, json_reply
from eval.judge.prompts import ask
from eval.schema import Score

SIDES = {"a": 1.0, "tie": 0.5, "b": 0.0}


async def prefer(
    client: JudgeClient, question: str, language: Language, first: str, second: str, reference: str
) -> Score:
    """Ask once, ``first`` shown as A; 1 where it wins, 0.5 for a tie, 0 where ``second`` wins.

    Raises:
        JudgeFailure: no choice came of it.
    """
    values = {"question": question, "first": first, "second": second}
    reply = json_reply(await client.ask(ask("pairwise", language, values, reference)))
    winner = choice_reply(reply, "winner", tuple(SIDES))
    return Score(SIDES[winner], detail={"why": str(reply.get("reason", ""))[:500]})


def both_orders(shown_first: Score, shown_second: Score) -> Score:
    """Return one score for the pair from the judge's two: ``shown_first`` with our side as A, the other as B.

    Both are from the view of whoever was shown as A. Unscored where either order is.
    """
    if shown_first.value is None or shown_second.value is None:
        failed = shown_first if shown_first.value is None else shown_second
        return Score(None, failed.reason, dict(failed.detail))
    there, back = shown_first.value, 1.0 - shown_second.value
    swapped = there != back
    return Score(0.5 if swapped else there, detail={"swapped": swapped, "first_shown": there - back})

"""What was learned, for people and for programs: above all whether it helps."""

from __future__ import annotations

from dataclasses import asdict

from rlm_async.core.data import Data
from rlm_async.learning.comparison import Side
from rlm_async.learning.learner import Lesson

VERDICTS = {
    "better": "better: on items that were kept apart the learned profile beats the default; the interval excludes zero",
    "worse": "worse: on items that were kept apart the learned profile loses to the default; do not use it",
    "not shown to be better": "not shown to be better: the interval holds zero; more items may tell",
}


def lines_of(lesson: Lesson, path: str) -> list[str]:
    """The report for people."""
    found = lesson.comparison
    taught = len(lesson.lessons.rules), len(lesson.lessons.demonstrations)
    kept = len(lesson.file.rules), len(lesson.file.demonstrations)
    return [
        f"runs to learn from scored {100 * lesson.source_score:.1f}: {taught[0]} rules, {taught[1]} demonstrations",
        *(
            f"round of {rung.items} items: {len(rung.standings)} candidates, best {100 * rung.standings[0][1]:.1f}"
            for rung in lesson.rungs
        ),
        f"default:    {_side(found.default)}",
        f"learned:    {_side(found.learned)}",
        f"difference: {found.difference}, paired; 95 % interval over inputs",
        VERDICTS[found.verdict],
        f"{path}: {kept[0]} rules, {kept[1]} demonstrations, {lesson.runs:,} runs; use it with --profile {path}",
    ]


def data_of(lesson: Lesson, path: str) -> dict[str, Data]:
    """The report for programs."""
    found = lesson.comparison
    return {
        "profile": path,
        "verdict": found.verdict,
        "difference": asdict(found.difference),
        "default": asdict(found.default),
        "learned": asdict(found.learned),
        "rules": list(lesson.file.rules),
        "demonstrations": len(lesson.file.demonstrations),
        "rounds": [
            {
                "items": rung.items,
                "standings": [
                    {
                        "rules": len(one.rules),
                        "demonstrations": len(one.demonstrations),
                        "score": score,
                        "tokens": tokens,
                    }
                    for one, score, tokens in rung.standings
                ],
            }
            for rung in lesson.rungs
        ],
        "runs": lesson.runs,
    }


def _side(side: Side) -> str:
    return f"{side.score}, {side.tokens:,.0f} tokens and {side.calls:.1f} calls a question"

"""Whatever a model, a provider or a file has said is text on the page, and nothing else."""

from __future__ import annotations

import re

import pytest

from rlm_async.core import events
from rlm_async.core.context import Context, Document
from rlm_async.core.graph import State
from rlm_async.core.query import Query
from rlm_async.core.transcript import CodeError, Output, Submission
from rlm_async.core.usage import Limits, Usage
from rlm_async.telemetry.page import render

EVIL = [
    "</script><script>window.stolen = 1</script>",
    "<img src=x onerror='window.stolen = 1'>",
    "<!--<script>",
    "]]></style></title></body></html>",
    "{{policy}} {{data}} {{script}} $1 $& \\1 \\g<0>",
    "<svg/onload=window.stolen=1><iframe srcdoc='<script>parent.stolen=1</script>'>",
    "<meta http-equiv=refresh content='0;url=https://example.com/'>",
    "javascript:window.stolen=1",
    "\x00\x01\x07\x1b[31mred\x1b]0;title\x07\x7f\x9b",
    "\u202egnp.exe\u2066 \u2028 \u2029 \ufeff\U000e0041",
    "lone \ud800 and \udfff",
    "__proto__ constructor toString",
    "`${window.stolen = 1}` ${alert(1)}",
    "😀" * 50 + "ﷺ" * 50,
    "a\r\nb\rc\n\n\n" + "\t" * 50,
    "```repl\n" * 30,
    "x" * 200_000,
]


def about(text):
    """A query of which every part is `text`."""
    return Query(
        prompt=text,
        context=Context((Document(text[:300], text), Document("b", text)), "corpus"),
        model=text[:200],
        strategy=text[:100],
        schema=text,
        history=((text, text),),
    )


def tale(*texts):
    """A run in which each node says one of `texts` wherever it says anything."""
    first, usage = texts[0], Usage(calls=1, prompt_tokens=1, completion_tokens=1, nanos=1)
    told = [events.RunStarted(at=0.0, run=first[:100], started=0.0, query=about(first), limits=Limits())]
    for node, text in enumerate(texts):
        told += node_of(node, text, usage)
    return [*told, events.RunEnded(at=9.0, run=first[:100], status="partial", text=first, usage=usage)]


def node_of(node, text, usage):
    output = Output(
        stdout=text,
        stdout_characters=len(text),
        error=CodeError(text, text, 1, text),
        outcome="error",
        answer=Submission(text),
        draft=Submission([text]),
        lost=text[:500],
    )
    said = f"```repl\n{text}\n```"
    return [
        events.NodeAdded(at=0.0, node=node, parent=0 if node else None, depth=min(node, 1), query=about(text)),
        events.NodeMoved(at=0.0, node=node, state=State.RUNNING),
        events.StrategyChosen(at=0.0, node=node, strategy=text[:100], reason=text[:500]),
        events.SandboxOpened(at=0.0, node=node, layers=(text[:100],)),
        events.ModelAsked(at=0.0, node=node, call=0, model=text[:100], prompt_characters=1),
        events.ModelReplied(at=1.0, node=node, call=0, model=text[:100], usage=usage, text=said, error=text),
        events.CellStarted(at=1.0, node=node, cell=0, code=text),
        events.CellEnded(at=2.0, node=node, cell=0, output=output),
        events.LimitHit(at=2.0, node=node, scope=text[:100], resource=text[:100]),
        events.NodeAnswered(at=2.0, node=node, text=text, status="partial", usage=usage),
        events.NodeMoved(at=2.0, node=node, state=State.FAILED, error=text),
    ]


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_no_text_of_the_run_stands_in_the_markup(text):
    plain = re.sub(r'octet-stream" id="[\w-]+">[^<]*<', "", render(tale("plain")))
    hostile = re.sub(r'octet-stream" id="[\w-]+">[^<]*<', "", render(tale(text)))
    without = [re.sub(r"<title>.*?</title>", "", page, flags=re.DOTALL) for page in (plain, hostile)]
    assert without[0] == without[1]
    assert not re.search(r"<(?!/?title)", re.search(r"<title>.*?</title>", hostile, re.DOTALL)[0])
    hostile.encode("utf-8")


@pytest.mark.required_in_ci("the viewer is what shows hostile text to a person")
def test_hostile_text_is_shown_and_does_nothing(opened):
    tab = opened(render(tale(*EVIL)))
    tab.press("e")
    for node, text in enumerate(EVIL):
        tab.press("ArrowDown") if node else None
        tab.page.wait_for_function(
            "n => document.querySelector('#detail .crumbs')?.lastChild.textContent === '#' + n", arg=node
        )
        tab.page.evaluate("[...document.querySelectorAll('.more')].forEach(more => more.click())")
        shown = tab.page.locator("#detail pre").all_text_contents()
        if text.isprintable() and len(text) < 1_000:
            assert shown.count(text) >= 3
        assert not re.search(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "".join(shown).replace("\r\n", "")
        )
    for text in EVIL:
        tab.page.fill("#search", text[:40])
        tab.settled()
    tab.page.wait_for_function("() => document.getElementById('found').textContent !== ''")
    assert tab.page.evaluate("window.stolen") is None
    elements = set(tab.page.evaluate("[...document.querySelectorAll('*')].map(e => e.localName)"))
    assert not {"img", "iframe", "svg", "object", "embed", "a", "form"} & elements


@pytest.mark.required_in_ci("the policy is the last wall")
def test_the_policy_stops_scripts_styles_and_requests_that_got_in(opened, tmp_path):
    tab = opened(render(tale("plain")))
    refused = tab.page.evaluate(
        """async () => {
            const refused = [];
            document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "window.stolen = 1";
            document.body.append(script);
            const image = document.createElement("img");
            image.setAttribute("onerror", "window.stolen = 1");
            image.src = "https://127.0.0.1:9/x.png";
            document.body.append(image);
            const style = document.createElement("style");
            style.textContent = "body { background: url(https://127.0.0.1:9/) }";
            document.head.append(style);
            await fetch("https://127.0.0.1:9/").catch(() => {});
            await new Promise((done) => setTimeout(done, 50));
            return refused;
        }"""
    )
    assert {"script-src-elem", "img-src", "style-src-elem", "connect-src"} <= set(refused)
    assert tab.page.evaluate("window.stolen") is None
    tab.wrong.clear()  # the browser tells of each refusal
    tab.requests[1:] = []

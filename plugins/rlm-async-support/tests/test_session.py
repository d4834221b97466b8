"""What the loader makes of exports, and what the functions find in conversations of many forms."""

from __future__ import annotations

import json

import pytest
from rlm_async.core.context import Context
from rlm_async_support import profile

SUPPORT = profile()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ann: hello\nBob (agent): hi\nAnn: bye\n", [("Ann", "customer"), ("Bob", "agent"), ("Ann", "customer")]),
        ("[09:12] Ann: hello\n[09:13] Support: hi there\n", [("Ann", "customer"), ("Support", "agent")]),
        ("**Ann** (10:05): hello\n**Bot** (10:06): hi\n", [("Ann", "customer"), ("Bot", "bot")]),
        (
            "2024-01-02T10:00:00Z - Ann Lee: hello\n2024-01-02T11:00:00Z - Kim: hi\n",
            [("Ann Lee", "customer"), ("Kim", "agent")],
        ),
        ("customer: hello\nagent: hi\n", [("customer", "customer"), ("agent", "agent")]),
        (
            "Subject: Broken\nAssignee: Kim\n\nAnn: hello\nNote: this is no person\nKim: hi\n",
            [("Ann", "customer"), ("Kim", "agent")],
        ),
        (
            "From: Ann <ann@x.org>\nDate: Mon, 3 Mar 2025\nSubject: Help\n\nIt broke.\n\nFrom: Kim <kim@y.org>\nSubject: Re: Help\n\nTry this.\n",
            [("Ann", "customer"), ("Kim", "agent")],
        ),
        ("Once upon a time: there was a king.\nIt rained.\n", []),
    ],
)
def test_turns_are_found_in_the_forms_that_chats_have(session, text, said):
    assert [(t["who"], t["role"]) for t in session(SUPPORT, text)["turns"]()] == said


def test_turns_have_their_lines_and_texts(session):
    names = session(SUPPORT, (SUPPORT.data / "tickets" / "4711.txt").read_text("utf-8"))
    turns = names["turns"]()
    assert [t["line"] for t in turns][:3] == [8, 10, 12]
    assert "E1107 checksum mismatch" in turns[0]["text"]
    assert all(names["context"][t["start"] : t["end"]].strip().endswith(t["text"]) for t in turns)
    assert {p["who"]: (p["role"], p["turns"]) for p in names["people"]()} == {
        "Mara Lindqvist": ("customer", 3),
        "Jonas": ("agent", 3),
        "Priya": ("agent", 1),
    }


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("Ann: it broke\nBob (agent): try this\nAnn: works now, thanks\n", "resolved", "last turn"),
        ("Ann: it broke\nBob (agent): try this\nAnn: still broken\n", "open", "last turn"),
        (
            "Status: closed\n\nAnn: it broke\nBob (agent): done, closing this\nAnn: no, it did not help\n",
            "resolved",
            "otherwise",
        ),
        ("Ann: still broken\nBob (agent): try this\nAnn: I bought another one\n", "unclear", "nothing"),
        ("Ann: hello\nBob (agent): hi\n", "unclear", "nothing"),
        ("no conversation", "unclear", "nothing"),
    ],
)
def test_how_it_ended_is_told_with_its_reason(session, text, status, why):
    (found,) = session(SUPPORT, text)["resolution"]()
    assert found["status"] == status
    assert why in found["why"]


TICKETS = [
    {
        "id": 7,
        "subject": "A",
        "tags": ["x", "y"],
        "messages": [{"author": {"name": "Ann", "email": "a@x.org"}, "body": "One\ntwo", "seen": True}],
    },
    {"id": 7, "subject": "B", "messages": [{"from": "Bob", "role": "agent", "text": "Three"}]},
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(TICKETS),
        json.dumps({"tickets": TICKETS}, indent=1),
        "\n".join(json.dumps(ticket) for ticket in TICKETS),
    ],
    ids=["list", "object", "lines"],
)
def test_an_export_is_taken_apart_and_nothing_is_lost(text):
    made = SUPPORT.prepare(Context.of(text))
    assert [(d.name, made.shape) for d in made] == [("7", "dict"), ("7 (2)", "dict")]
    first, second = (d.text for d in made)
    assert first == "id: 7\nsubject: A\ntags: x, y\n\nAnn: One\ntwo\n    seen: True\n    email of Ann: a@x.org"
    assert second.endswith("\n\nBob (agent): Three")


def test_rows_of_a_table_become_tickets():
    rows = 'ticket_id,author,created_at,product,body\n1,Ann,2025-01-01,app,It broke\n2,Cy,2025-01-02,web,Help\n1,Bob,2025-01-03,app,"Try, please"\n'
    made = SUPPORT.prepare(Context.of(rows))
    assert {d.name: d.text for d in made} == {
        "1": "ticket_id: 1\nproduct: app\n\n[2025-01-01] Ann: It broke\n[2025-01-03] Bob: Try, please",
        "2": "ticket_id: 2\nproduct: web\n\n[2025-01-02] Cy: Help",
    }


@pytest.mark.parametrize(
    "text",
    ["", "[", '{"a": 1}', "[1, 2]", "a,b\n1,2\n", '{"messages": []}', "ticket_id,author,body\n1,Ann\n", "[[[[" * 5_000],
)
def test_what_is_no_export_is_left_as_it_is(text):
    context = Context.of(text)
    assert SUPPORT.prepare(context) is context


def test_tickets_have_what_their_headers_say(session):
    names = session(SUPPORT, {"t": (SUPPORT.data / "tickets" / "4712.txt").read_text("utf-8")})
    (row,) = names["tickets"]()
    assert (row["id"], row["subject"], row["status"], row["customer"], row["turns"]) == (
        "4712",
        "Charged twice",
        "open",
        "Dele Adeyemi",
        4,
    )

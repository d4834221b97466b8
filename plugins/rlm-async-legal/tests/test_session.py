"""What the functions for contracts find, in our own contract, in CUAD's, and in ugly ones."""

from __future__ import annotations

import ast
import csv
import re

import pytest
from rlm_async.core.context import Context
from rlm_async_legal import profile

LEGAL = profile()


@pytest.fixture
def supply(session):
    return session(LEGAL, (LEGAL.data / "supply.txt").read_text("utf-8"))


def test_clauses_have_their_numbers_titles_and_lines(supply):
    found = {(c["number"], c["title"], c["line"]) for c in supply["clauses"]()}
    assert ("1", "DEFINITIONS", 12) in found
    assert ("6.2", "For Convenience", 37) in found
    text = supply["context"]
    assert all(text[c["start"] : c["end"]].strip() == c["text"] for c in supply["clauses"]())
    assert [c["number"] for c in supply["clauses"](title="control")] == ["6.3"]


def test_parties_have_the_names_they_go_by(supply):
    assert [(p["name"], p["alias"]) for p in supply["parties"]()] == [
        ("Larkspur Mills, Inc.", "Supplier"),
        ("Harbour & Vane Outfitters LLC", "Buyer"),
    ]


def test_dates_are_iso_and_say_what_they_are(supply):
    found = {(d["date"], d["role"]) for d in supply["dates"]()}
    assert {("2024-02-12", "signed"), ("2024-03-01", "effective"), ("2027-02-28", "expiry")} <= found
    assert [d["ambiguous"] for d in supply["dates"]() if d["date"] == "2024-02-12"] == [False, True]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("the 3rd day of May, 2001", "2001-05-03"),
        ("Sept. 9, 1999", "1999-09-09"),
        ("31/12/2010", "2010-12-31"),
        ("dated 2019-07-04", "2019-07-04"),
    ],
)
def test_dates_are_read_as_contracts_write_them(session, text, date):
    assert [d["date"] for d in session(LEGAL, text)["dates"]()] == [date]


@pytest.mark.parametrize("text", ["May 45, 2001", "99/99/2001", "12/2001", "section 3.14.2001"])
def test_what_is_no_date_is_none(session, text):
    assert session(LEGAL, text)["dates"]() == []


def test_terms_and_passages_lead_to_their_lines(supply):
    assert [t["term"] for t in supply["terms"]()] == ["Goods", "Territory", "Change of Control"]
    best = supply["passages"]("cap on liability")[0]
    assert "In no event shall the liability" in best["text"]
    assert supply["context"][best["start"] : best["end"]] == best["text"]
    assert "audit rights" in supply["topics"]()
    assert "waxed cotton" in supply["passages"]("waxed cloth")[0]["text"]


def test_a_quote_has_its_lines(supply):
    clause = supply["clauses"](title="convenience")[0]
    assert supply["quote"]("context", clause["start"], clause["end"] - 2)["lines"] == [37, 37]


def test_two_contracts_are_compared_clause_by_clause(session, supply):
    text = supply["context"]
    other = text.replace("Buyer only", "anybody").replace("7. AUDIT.", "7. BOOKS.").replace("$11.40", "$12.10")
    both = session(LEGAL, {"old.txt": text, "new.txt": other})
    found = {row["title"]: row for row in both["compare"]("old.txt", "new.txt")}
    assert found["EXCLUSIVITY"]["edits"] == [{"was": "Buyer only.", "is": "anybody."}]
    assert found["PRICE AND PAYMENT"]["edits"] == [{"was": "$11.40", "is": "$12.10"}]
    assert found["Orders"]["edits"] == []
    assert found["AUDIT"]["only"] == "one"


@pytest.mark.parametrize(
    "line", ["10 days after the date", "2.5 million dollars", "1999 was a year", "Section 4 of the Act says", "3 Days"]
)
def test_a_line_that_only_begins_with_a_number_is_no_clause(session, line):
    assert session(LEGAL, f"AGREEMENT\n\n{line}\nand so on")["clauses"]() == []


def test_documents_are_named_by_parts_and_a_wrong_name_is_told_with_those_there_are(session):
    names = session(LEGAL, {"a/supply.txt": "1. TERM. One year.", "a/lease.txt": "1. RENT. Ten."})
    assert [c["title"] for c in names["clauses"]("lease")] == ["RENT"]
    with pytest.raises(
        KeyError, match=r"no single document is called 'a/'; there are 2: 'a/supply.txt', 'a/lease.txt'"
    ):
        names["clauses"]("a/")
    assert names["clauses"]("9. NOTICES. In writing.\nAs said.")[0]["title"] == "NOTICES"


def test_lines_count_alike_whatever_ends_them():
    made = LEGAL.prepare(Context.of("a\r\nb\rc\x0cd"))
    assert made.text == "a\nb\nc\nd"
    same = Context.of("a\nb")
    assert LEGAL.prepare(same) is same


def test_most_of_what_annotators_marked_is_in_the_passages(session, data):
    """On 20 contracts that no pattern was made on; `benchmarks.profiles` does it on all."""
    wanted = ("Audit Rights", "Insurance", "Exclusivity", "Cap On Liability", "Governing Law")
    rows = list(csv.DictReader((data / "cuad" / "master_clauses.csv").read_text("utf-8").splitlines()))[::25]
    found = total = 0
    for row in rows:
        path = data / "cuad" / "full_contract_txt" / re.sub(r"(?i)\.pdf\W*$", ".txt", row["Filename"])
        if not path.is_file():
            continue
        names = session(LEGAL, path.read_text("utf-8", errors="replace"))
        for clause in wanted:
            spans = (
                [letters(span)[:50] for span in ast.literal_eval(row[clause])] if row[clause].startswith("[") else []
            )
            spans = [span for span in spans if len(span) == 50 and span in letters(names["context"])]
            if spans:
                text = letters(" ".join(p["text"] for p in names["passages"](clause)))
                total += 1
                found += any(span in text for span in spans)
    assert total > 25
    assert found >= 0.9 * total


def letters(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())

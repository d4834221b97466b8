"""What the functions for papers find, in each form that papers come in."""

from __future__ import annotations

import pytest
from rlm_async_research import profile

RESEARCH = profile()

MARKDOWN = "# Title\n\n## Abstract\nWe show that it is 12 % faster [@smith2018; @lee2020].\n\n## References\n[1] A. Smith. On it. 2018.\n"
LATEX = (
    "\\documentclass{article}\n\\begin{abstract}\nShort.\n\\end{abstract}\n\\section{Introduction}\nAs \\citet{lee} says.\n"
    "\\subsection*{Aims}\nMany.\n\\begin{thebibliography}{9}\n\\bibitem{lee} Lee. Work. 2020.\n\\bibitem[K99]{kim} Kim. Other. 1999.\n"
    "\\end{thebibliography}\n"
)
RST = "Abstract\n========\n\nAs discussed [1]_ and [#note]_.\n\nDetails\n-------\n\nMore.\n\nReferences\n==========\n\n.. [1] Python list, 2015\n   https://example.org/a\n\n.. [#note] A note.\n"
PLAIN = (
    "A TITLE\n\nAbstract\nIt works.\n\n1. Introduction\nIt did (Smith et al., 2019; Lee and Kim, 2020), as Brown (2001) says.\n\n"
    "2.1 Data\nWe found that 45% of runs improved by 3.5 times, p < 0.01.\n\nREFERENCES\nBrown, A. (2001). Things. Journal of Them.\n\n"
    "Lee, B., Kim, C. (2020). Others. doi 10.1234/abc.5\n"
)


def titles(session, text):
    return [(s["title"], s["level"]) for s in session(RESEARCH, text)["sections"]()]


def test_sections_are_found_in_every_form(session):
    assert titles(session, MARKDOWN) == [("Title", 1), ("Abstract", 2), ("References", 2)]
    assert titles(session, LATEX) == [("Abstract", 1), ("Introduction", 1), ("Aims", 2)]
    assert titles(session, RST) == [("Abstract", 1), ("Details", 2), ("References", 1)]
    assert titles(session, PLAIN) == [("Abstract", 1), ("1 Introduction", 1), ("2.1 Data", 2), ("REFERENCES", 1)]


def test_references_have_keys_years_and_links(session):
    def found(text):
        return [(r["key"], r["year"], r["link"]) for r in session(RESEARCH, text)["references"]()]

    assert found(MARKDOWN) == [("1", "2018", "")]
    assert found(LATEX) == [("lee", "2020", ""), ("kim", "1999", "")]
    assert found(RST) == [("1", "2015", "https://example.org/a"), ("#note", "", "")]
    assert found(PLAIN) == [("1", "2001", ""), ("2", "2020", "10.1234/abc.5")]
    assert found("@article{lee20,\n  title={A},\n  year={2020}\n}\n@book{kim,\n year=1999\n}\n") == [
        ("lee20", "2020", ""),
        ("kim", "1999", ""),
    ]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (MARKDOWN, ["smith2018", "lee2020"]),
        (LATEX, ["lee"]),
        (RST, ["1", "note"]),
        (PLAIN, ["Smith et al., 2019", "Lee and Kim, 2020", "Brown, 2001"]),
        ("Abstract\n\nSee [1, 3-5] and [7].\n", ["1", "3", "4", "5", "7"]),
        ("Abstract\n\nA [link](http://x) and an array[0].\n", ["0"]),
    ],
)
def test_citations_are_found_outside_of_the_list(session, text, keys):
    assert [c["key"] for c in session(RESEARCH, text)["citations"]()] == keys


def test_claims_carry_their_evidence(session):
    (claim,) = [c for c in session(RESEARCH, PLAIN)["claims"]() if c["section"] == "2.1 Data"]
    assert claim["figures"] == ["45%", "3.5 times", "p < 0.01"]
    (claim,) = session(RESEARCH, MARKDOWN)["claims"]()
    assert (claim["figures"], claim["cites"], claim["line"]) == (["12 %"], ["smith2018", "lee2020"], 4)


def test_a_place_has_its_section_and_a_citation_its_sentence(session):
    names = session(RESEARCH, (RESEARCH.data / "loops.txt").read_text("utf-8"))
    where = {(c["key"], c["section"]) for c in names["citations"]()}
    assert ("4", "2.1 Where a Value Is Needed") in where
    (one,) = names["citations"](key=1)
    assert one["sentence"].startswith("A recursive language model [1] keeps its input")
    assert names["section_at"]("context", names["context"].index("HPCA"))["title"] == "References"


@pytest.mark.parametrize("line", ["1 000 people came", "3 Apples were eaten.", "2 Fast 2 Furious 7"])
def test_a_line_that_only_begins_with_a_number_is_no_section(session, line):
    assert titles(session, f"text\n{line}\nmore") == []

"""What a program without sub-queries goes by: words that tell a label or a clause, often wrongly."""

# ruff: noqa: E501 - a pattern is read in one piece

from __future__ import annotations

RULES = {
    "abbreviation": r"(?i)\b(stand for|abbreviat|acronym|full form|short for)\b",
    "human being": r"(?i)^\W*(who|whose|whom)\b|\b(what|which) (person|actor|actress|president|man|woman|author|team|company)\b",
    "location": r"(?i)^\W*where\b|\b(what|which) (city|country|state|river|mountain|island|continent|county|sea|lake)\b",
    "numeric value": r"(?i)\b(how (many|much|long|far|old|tall|big|fast|high|deep|hot|often)|when|what year|what date|population|percentage)\b",
    "description and abstract concept": r"(?i)^\W*(how|why)\b|\b(mean|definition|origin|cause|difference)\b|^\W*what (is|are) (a|an|the)?\s?\w+\s?\?*$",
    "entity": r"(?i)\b(what|which|name)\b",
    "spam": r"(?i)\b(free|win|won|prize|claim|urgent|txt|cash|winner|offer|ringtone|call now)\b",
    "ham": r"",
    "card arrival": r"(?i)\b(arriv|deliver|track|waiting)",
    "lost or stolen card": r"(?i)\b(lost|stole|stolen|missing)\b",
    "exchange rate": r"(?i)\b(rate|exchange)\b",
    "forgotten passcode": r"(?i)\b(passcode|password|pin)\b",
    "top up failed": r"(?i)\btop(ped|ping)?[- ]?up\b",
    "cash withdrawal charge": r"(?i)\b(withdraw|atm|fee|charge)",
}
"""For each label a pattern, tried in this order."""

CLAUSES = {
    "Most Favored Nation": r"most favou?red",
    "Non-Compete": r"non-?compet|not compete|compet(e|ing) with",
    "Exclusivity": r"exclusiv",
    "Termination For Convenience": r"terminate .{0,80}(for convenience|without cause|for any reason|at any time)",
    "Source Code Escrow": r"escrow",
    "Change Of Control": r"change (of|in) control",
    "Uncapped Liability": r"unlimited liability|shall not limit|limitation.{0,60}shall not apply",
    "Cap On Liability": r"(liability|liable).{0,200}(exceed|limited to)",
    "Audit Rights": r"\baudit|inspect .{0,40}(books|records)",
    "Insurance": r"insurance",
    "Anti-Assignment": r"(not|neither).{0,40}assign|assign.{0,60}consent",
    "License Grant": r"grants? .{0,60}licen[cs]e",
}
"""Likewise for clauses, without regard to case."""

LAW = r"[Ll]aws?\s+of\s+(?:[Tt]he\s+)?(?:State\s+of\s+|Commonwealth\s+of\s+)?([A-Z][a-z]+(?:\s+[A-Z][a-z]+)*)"
"""The first place whose law is named, whether or not it is the law that governs."""

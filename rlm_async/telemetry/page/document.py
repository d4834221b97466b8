"""Puts a page together: one template, its style and scripts, and the run's data, packed.

What a model has said can do nothing here. It enters the file as deflated base64 (RFC 1951, RFC 4648), whose
alphabet holds nothing that HTML knows; the script that unpacks it writes it into text nodes only; and a
content security policy names the hashes of our own script and style, so that nothing else would run even
if it got in, and forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from rlm_async.core.data import Data
from rlm_async.core.events import Event
from rlm_async.telemetry.page import records
from rlm_async.telemetry.page.gathering import Gathered, Seen

SCRIPTS = ("data.js", "tree.js", "scale.js", "paint.js", "list.js", "code.js", "detail.js", "search.js", "main.js")
LONGEST = 20_000
"""Characters of one text that are shown; the middle of a longer one is left out, and the page says so."""
ALLOWANCE = 32_000_000
"""Characters of all texts together; texts are cut shorter where there are more."""
CHUNK = 1_000_000
"""Characters of texts that are packed, and later unpacked, together."""
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def render(trace: Iterable[Event], *, content: bool = True, longest: int = LONGEST, allowance: int = ALLOWANCE) -> str:
    """The page of a run, from its events in order; the same events give the same page.

    A run that has not ended is shown as far as it went. content: False leaves out every text (prompts,
    replies, code, outputs, answers) and keeps times, states and costs. longest, allowance: in characters,
    of one text and of all.
    """
    run = Gathered(trace)
    clip = records.Clip(None)
    if content:
        clip = records.Clip(records.fitting([len(text) for text in records.texts(run)], longest, allowance))
    chunks = list(_chunks(run, clip))
    index = records.index(run, clip) | {"starts": [start for start, _ in chunks]}
    blocks = [_block("index", index), *(_block(f"texts-{at}", texts) for at, (_, texts) in enumerate(chunks))]
    title = "A run" if run.started is None else f"Run {run.started.run}"
    named = "".join(letter if letter.isprintable() else " " for letter in title[:100])
    return _filled({"title": html.escape(named), "data": "\n".join(blocks)})


def save(
    trace: Iterable[Event],
    path: str | Path,
    *,
    content: bool = True,
    longest: int = LONGEST,
    allowance: int = ALLOWANCE,
) -> Path:
    """Write the page of a run to a file, and say where; raises OSError where it cannot be written."""
    target = Path(path)
    page = render(trace, content=content, longest=longest, allowance=allowance)
    target.write_text(page, encoding="utf-8", newline="\n")
    return target


def _chunks(run: Gathered, clip: records.Clip) -> Iterator[tuple[int, list[Data]]]:
    """The texts of consecutive nodes: the place of the first one among all nodes, and each node's own."""
    start, size, chunk = 0, 0, list[Data]()
    for place, node in enumerate(run.nodes.values()):
        chunk.append(records.body(node, clip))
        size += _size(node)
        if size >= CHUNK:
            yield start, chunk
            start, size, chunk = place + 1, 0, []
    if chunk:
        yield start, chunk


def _size(node: Seen) -> int:
    code = sum(len(cell.code) + (0 if cell.output is None else len(cell.output.stdout)) for cell in node.cells)
    said = sum(len(call.reply.text) for call in node.calls if call.reply is not None)
    return 1_000 + min(LONGEST, len(node.query.prompt)) + code + said


def _block(name: str, data: Data) -> str:
    """A data block (HTML, section 4.12.1: a script whose type is no script's is never run)."""
    raw = json.dumps(data, separators=(",", ":"), allow_nan=False).encode("ascii")
    packed = base64.b64encode(zlib.compress(raw, 6)).decode("ascii")
    return f'<script type="application/octet-stream" id="{name}">{packed}</script>'


def _filled(parts: dict[str, str]) -> str:
    style, script = _assets()
    parts |= {"style": style, "script": script, "policy": _policy(style, script)}
    return _SLOT.sub(lambda slot: parts[slot[1]], _asset("page.html"))


def _policy(style: str, script: str) -> str:
    """Content Security Policy Level 3: nothing but our own script and style, by their hashes; no request at all."""
    return (
        f"default-src 'none'; script-src 'sha256-{_hash(script)}'; style-src 'sha256-{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


@cache
def _assets() -> tuple[str, str]:
    body = "\n".join(_asset(name) for name in SCRIPTS)
    return _asset("page.css"), f'(() => {{\n"use strict";\n{body}\n}})();\n'


def _asset(name: str) -> str:
    text = resources.files("rlm_async.telemetry.page").joinpath("assets", name).read_text("utf-8")
    return text.replace("\r\n", "\n")  # a parser would normalise them, and then the hash would be another

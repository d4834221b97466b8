"""A conversation made into a question and a context: what is long is context, the last user turn is the question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rlm_async.core.context import EMPTY, Context, Document
from rlm_async.serve.faults import Fault

LONG = 4_000
"""Characters above which a text is context."""
PARAGRAPH = 2_000
"""Characters at most of a paragraph that is taken for the question in a long message."""
TALK = 12_000
"""Characters of earlier turns that the question may carry along; more becomes a document."""
NAMES = {"user": "User", "assistant": "Assistant", "tool": "Tool", "function": "Tool"}


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who, its texts in order, and its attachments, already read."""

    role: str
    texts: tuple[str, ...] = ()
    files: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class Posed:
    """What is asked, and about what."""

    question: str
    context: Context = EMPTY


@dataclass(slots=True)
class _Sorted:
    """The parts of a conversation on their way to a question."""

    instructions: list[str] = field(default_factory=list)
    talk: list[str] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)

    def keep(self, name: str, text: str) -> str:
        """Make a document, under a name of its own."""
        taken = {document.name for document in self.documents}
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name} ({number})", number + 1
        self.documents.append(Document(unique, text))
        return unique


def posed(conversation: Sequence[Said]) -> Posed:
    """The question and the context; raises Fault where there is no question."""
    last = max((at for at, said in enumerate(conversation) if said.role == "user"), default=None)
    if last is None:
        raise Fault(400, "there is no user message: the last one is the question", param="messages")
    parts = _Sorted()
    for number, said in enumerate(conversation):
        if number != last:
            _earlier(parts, number + 1, said)
    question = _asked(parts, last + 1, conversation[last])
    return Posed("\n\n".join(_worded(parts, question)), _context(parts.documents))


def _earlier(parts: _Sorted, number: int, said: Said) -> None:
    instructs = said.role in {"system", "developer"}
    for document in said.files:
        parts.talk.append(f"{NAMES.get(said.role, said.role)}: [{parts.keep(document.name, document.text)}]")
    for text in filter(str.strip, said.texts):
        if len(text) > LONG:
            name = parts.keep("instructions" if instructs else f"message {number} ({said.role})", text)
            (parts.instructions if instructs else parts.talk).append(f"[{name}, in the context]")
        elif instructs:
            parts.instructions.append(text)
        else:
            parts.talk.append(f"{NAMES.get(said.role, said.role)}: {text}")


def _asked(parts: _Sorted, number: int, said: Said) -> str:
    """The question of the last user turn; what is long in it becomes context."""
    for document in said.files:
        parts.keep(document.name, document.text)
    texts = [text for text in said.texts if text.strip()]
    short = [text.strip() for text in texts if len(text) <= LONG]
    long = [text for text in texts if len(text) > LONG]
    if not short and not long:
        raise Fault(400, "the last user message holds no text: say what you want to know", param="messages")
    if not short:
        question, rest = divided(long.pop())
        short.append(question)
        long.append(rest)
    for text in long:
        parts.keep(f"message {number}", text)
    return "\n\n".join(short)


def divided(text: str) -> tuple[str, str]:
    """A long message as its question and the rest.

    The question is the last paragraph, or the first one, whichever asks; both where neither or both do. Where
    there are no such paragraphs its two ends are quoted, and the whole is the rest.
    """
    body = text.strip()
    head, gap, after = body.partition("\n\n")
    before, last_gap, tail = body.rpartition("\n\n")
    first = head.strip() if gap and len(head) <= PARAGRAPH else ""
    last = tail.strip() if last_gap and len(tail) <= PARAGRAPH else ""
    if first and last and len(head) + len(tail) + len(gap) < len(body):
        if "?" in last and "?" not in first:
            return last, before
        if "?" in first and "?" not in last:
            return first, after
        return f"{first}\n\n{last}", body[len(head) : len(body) - len(tail)].strip()
    if last:
        return last, before
    if first:
        return first, after
    quoted = f"It begins:\n{body[:600]}\n\nIt ends:\n{body[-1200:]}"
    return f"Do what the message in the context asks for.\n\n{quoted}", body


def _worded(parts: _Sorted, question: str) -> Iterator[str]:
    yield from parts.instructions
    talk = "\n\n".join(parts.talk)
    if len(talk) > TALK:
        name = parts.keep("earlier turns", talk)
        yield f"The conversation so far is in the context, as {name!r}."
    elif talk:
        yield f"The conversation so far:\n\n{talk}"
    yield f"The user asks now:\n\n{question}" if talk else question


def _context(documents: list[Document]) -> Context:
    if not documents:
        return EMPTY
    if len(documents) == 1 and documents[0].name.startswith("message "):
        return Context.of(documents[0].text)
    return Context(tuple(documents), "dict")

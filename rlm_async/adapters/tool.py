"""The tool itself: a name, a description, a schema, and a question answered by an RLM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rlm_async.api import RLM
from rlm_async.api.detached import waited
from rlm_async.api.settings import Input, check_question, read_context
from rlm_async.contexts import load_async
from rlm_async.contexts.roots import below
from rlm_async.core.answer import Answer
from rlm_async.core.context import Context
from rlm_async.core.data import Data
from rlm_async.errors import ConfigError, RLMError

MANNER = (
    "It may be of any length: it is read for you, and only the answer comes back. Ask for what you want to know, not "
    "for the text itself."
)
_LONGEST = 64
"""Characters of a tool's name, as OpenAI's interface has it."""


class AgentTool:
    """What an agent asks about a long input with; the input is bound here, or named by the agent.

    Give one of:
    `context`: one input, as `RLM.ask` takes it; the agent has nothing to name.
    `contexts`: several, each such an input, under names that the agent chooses from.
    `roots`: folders; the agent names files, folders and patterns below them.

    Inputs are read at their first question and kept; what is below roots is read each time. `about` says in a few
    words what the input is. Enter the RLM (`async with rlm`) to keep its workers between questions.
    Raises ConfigError.
    """

    def __init__(
        self,
        rlm: RLM,
        context: Input = None,
        *,
        contexts: Mapping[str, Input] | None = None,
        roots: Sequence[str | Path] = (),
        name: str = "ask_documents",
        about: str = "",
    ) -> None:
        """Nothing is read or asked yet."""
        if sum((context is not None, bool(contexts), bool(roots))) != 1:
            raise ConfigError("an AgentTool wants one of context, contexts and roots: what the agent may ask about")
        if not (name.isidentifier() and name.isascii() and len(name) <= _LONGEST):
            raise ConfigError(f"the tool's name {name[:100]!r} is not one that all frameworks take: letters, digits, _")
        self.name = name
        self._rlm = rlm
        self._inputs: dict[str, Input] = {"": context} if context is not None else dict(contexts or {})
        self._roots = tuple(Path(root) for root in roots)
        self._about = about
        self._read: dict[str, Context] = {}

    @property
    def description(self) -> str:
        """What a model is told of the tool."""
        if self._roots:
            what = self._about or "files and folders, which you name"
        else:
            what = self._about or (", ".join(self._inputs) if self._named else "a long text")
        return f"Answers a question about {what}. {MANNER}"

    @property
    def schema(self) -> dict[str, Data]:
        """The JSON Schema of its arguments; all are required, and there are no others (OpenAI's strict form)."""
        fields: dict[str, Data] = {
            "question": {"type": "string", "description": "What you want to know, as a whole question."}
        }
        if self._named:
            names: list[Data] = [*self._inputs]
            fields["context"] = {"type": "string", "enum": names, "description": "What it is about."}
        if self._roots:
            about = "Files, folders or patterns such as *.md, below: " + ", ".join(root.name for root in self._roots)
            fields["paths"] = {"type": "array", "items": {"type": "string"}, "description": about}
        return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}

    async def ask(self, **arguments: object) -> Answer:
        """The whole answer, with usage and trace; raises what `RLM.ask` does, and ConfigError for other arguments."""
        if unknown := set(arguments) - set(self._arguments):
            raise ConfigError(f"{self.name} takes {', '.join(self._arguments)}, not {', '.join(sorted(unknown))}")
        question = arguments.get("question")
        return await self._rlm.ask(
            check_question(question if isinstance(question, str) else ""), await self._context(arguments)
        )

    async def __call__(self, **arguments: object) -> str:
        """What the agent is told; raises as `ask`."""
        return told(await self.ask(**arguments))

    def ask_sync(self, **arguments: object) -> Answer:
        """`ask` for code without an event loop; works inside one too, in a thread of its own."""
        return waited(partial(self.ask, **arguments))

    def call(self, **arguments: object) -> str:
        """What the agent is told, for code without an event loop."""
        return told(self.ask_sync(**arguments))

    @property
    def _named(self) -> bool:
        return "" not in self._inputs and not self._roots

    @property
    def _arguments(self) -> tuple[str, ...]:
        return ("question", *(["context"] if self._named else []), *(["paths"] if self._roots else []))

    async def _context(self, arguments: Mapping[str, object]) -> Context:
        if self._roots:
            return await load_async(self._paths(arguments.get("paths")))
        name = arguments.get("context", "") if self._named else ""
        if not isinstance(name, str) or name not in self._inputs:
            raise ConfigError(f"there is no context {str(name)[:100]!r}; choose of: {', '.join(self._inputs)}")
        if name not in self._read:
            self._read[name] = await read_context(self._inputs[name])
        return self._read[name]

    def _paths(self, given: object) -> list[str]:
        paths = [given] if isinstance(given, str) else given
        if not isinstance(paths, list) or not paths:
            raise ConfigError("paths is a list of files, folders or patterns")
        return [self._allowed(str(path)) for path in paths]

    def _allowed(self, path: str) -> str:
        found = below(path, self._roots)
        if found is None:
            raise ConfigError(f"{path[:200]} is not below {', '.join(root.name for root in self._roots)}")
        return found


def told(answer: Answer) -> str:
    """The text of an answer, and what an agent must know of one that was cut short."""
    if answer.status == "partial":
        return f"{answer.text}\n\n(Not complete: the limit {answer.limit or 'of the run'} was reached.)"
    return answer.text


def fault(error: RLMError) -> str:
    """What an agent is told of an error."""
    return f"Error: {error}"

"""A DSPy module whose long input field stays out of every prompt, and a tool for DSPy's agents."""

from __future__ import annotations

from collections.abc import Mapping

import dspy
import pydantic

from rlm_async.adapters.tool import AgentTool
from rlm_async.api import RLM
from rlm_async.api.detached import waited
from rlm_async.api.settings import Input

_WRITTEN = "Given the fields "
"""How DSPy's own instructions for a signature without any begin: they say what the question says."""


class RLMModule(dspy.Module):  # type: ignore[misc]
    """Answers a signature: `context` is the field with the long input, all others make the question.

    The context may be whatever `RLM.ask` takes: text, texts, paths, a Context. Output fields of other types than
    one str come back parsed, by a schema that the answer has to follow. The prediction has the whole Answer as
    `answer_of_run`. Raises what `RLM.ask` does.
    """

    def __init__(
        self, rlm: RLM, signature: str | type[dspy.Signature] = "context, question -> answer", context: str = "context"
    ) -> None:
        """Ask `rlm`, which decides on models and limits: those of `dspy.configure` are not used."""
        super().__init__()
        self.signature = dspy.ensure_signature(signature)
        self._rlm = rlm
        self._context = context

    async def aforward(self, **inputs: object) -> dspy.Prediction:
        """One prediction."""
        context: Input = inputs.pop(self._context, None)  # type: ignore[assignment]  # checked where it is read
        form = self._form()
        answer = await self._rlm.ask(self._question(inputs), context, schema=form)
        if form is None:
            (name,) = self.signature.output_fields
            return dspy.Prediction(**{name: answer.text, "answer_of_run": answer})
        found = form.model_validate(answer.data)
        return dspy.Prediction(**{name: getattr(found, name) for name in form.model_fields}, answer_of_run=answer)

    def forward(self, **inputs: object) -> dspy.Prediction:
        """The same without an event loop."""

        async def work() -> dspy.Prediction:
            return await self.aforward(**inputs)

        return waited(work)

    def _question(self, inputs: Mapping[str, object]) -> str:
        instructions = self.signature.instructions
        parts = [] if instructions.startswith(_WRITTEN) else [instructions]
        single = len(inputs) == 1
        parts += [str(value) if single else f"{name}: {value}" for name, value in inputs.items()]
        return "\n\n".join(parts)

    def _form(self) -> type[pydantic.BaseModel] | None:
        """A class for the outputs, unless they are one text."""
        fields = self.signature.output_fields
        if [field.annotation for field in fields.values()] == [str]:
            return None
        told = {name: pydantic.Field(description=_told(name, field)) for name, field in fields.items()}
        typed = {name: (field.annotation, told[name]) for name, field in fields.items()}
        made: type[pydantic.BaseModel] = pydantic.create_model("Outputs", **typed)  # type: ignore[call-overload]
        return made


def tool(given: AgentTool) -> dspy.Tool:
    """The same tool, for `dspy.ReAct` and others. What goes wrong raises, and the framework tells its agent."""
    fields = given.schema["properties"]
    return dspy.Tool(given.call, name=given.name, desc=given.description, args=fields, arg_types=_types(fields))


def _types(fields: object) -> dict[str, type]:
    names = fields if isinstance(fields, Mapping) else {}
    return {name: list if name == "paths" else str for name in names}


def _told(name: str, field: pydantic.fields.FieldInfo) -> str:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    said = str(extra.get("desc") or "")
    return name if said.startswith("${") else said or name

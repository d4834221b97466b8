"""A tool of smolagents, for its agents that call tools and for those that write code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import smolagents

from rlm_async.adapters.tool import AgentTool


class tool(smolagents.Tool):  # type: ignore[misc]  # noqa: N801 - called as the functions of its siblings are
    """The same tool. What goes wrong raises, and the framework tells its agent."""

    skip_forward_signature_validation = True  # the arguments are those of the schema, whichever there are
    output_type = "string"

    def __init__(self, given: AgentTool) -> None:
        """Take name, description and arguments over."""
        self.name = given.name
        self.description = given.description
        self.inputs = dict(cast("Mapping[str, object]", given.schema["properties"]))
        self._given = given
        super().__init__()

    def forward(self, *arguments: object, **named: object) -> str:
        """The answer; an agent that writes code may give arguments by place."""
        return self._given.call(**dict(zip(self.inputs, arguments, strict=False)), **named)

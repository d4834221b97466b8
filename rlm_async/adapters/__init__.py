"""One tool for agents of any framework: it asks about long inputs that never pass through the agent's prompt.

`AgentTool` says what can be asked about; the module of a framework makes that framework's own tool of it. Each
such module imports its framework, and is imported by those who use it.
"""

from __future__ import annotations

from rlm_async.adapters.tool import AgentTool

__all__ = ["AgentTool"]

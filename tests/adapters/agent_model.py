"""Plays everybody: an agent's model that calls its tool once and repeats what it is told, and the RLM's models."""

from __future__ import annotations

import json

from rlm_async.testing import Served

FILLER = "The tenant shall keep the stairs free of leaves, and the landlord shall keep the gate in good repair.\n"
RENT = "The rent is 4,200 euros a month."
LOOK = """```repl
text = context if isinstance(context, str) else "\\n".join(context.values())
line = next(line for line in text.splitlines() if "rent is" in line)
FINAL({"amount": 4200, "currency": "euros"} if WANTED else line)
```"""
QUESTION = "What is the rent?"


class Players:
    """Replies of the loopback server; `told` collects all that the agent's model was sent."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.runs = 0

    def __call__(self, asked) -> Served | str:
        messages = asked.body.get("messages") or []
        if messages and "Names in the session" in str(messages[0]["content"]):
            self.runs += 1
            return LOOK.replace("WANTED", str('"amount"' in json.dumps(messages).replace('\\"', '"')))
        self.told.append(json.dumps(asked.body))
        if asked.path.endswith("/responses"):
            return self._response(asked.body)
        return self._completion(asked.body)

    def _completion(self, body) -> Served | str:
        said = [message for message in body["messages"] if message["role"] == "tool"]
        tools = {tool["function"]["name"]: tool["function"] for tool in body.get("tools") or []}
        if not tools:
            return _in_fields(body)
        ends = sorted(tools.keys() & {"final_answer", "submit"})
        heard = next((str(message["content"]) for message in reversed(said)), None) or _observed(body)
        if heard is None:
            name = "ask_documents"
            return _message(body, tool_calls=[_call(name, _arguments(tools[name]["parameters"]))])
        if ends:
            return _message(body, tool_calls=[_call(ends[0], {"answer": f"It says: {heard}"})])
        return _message(body, content=f"It says: {heard}")

    def _response(self, body) -> Served:
        items = body["input"] if isinstance(body["input"], list) else []
        heard = [item for item in items if item.get("type") == "function_call_output"]
        if heard:
            content = [{"type": "output_text", "text": f"It says: {heard[-1]['output']}", "annotations": []}]
            item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": content}
        else:
            (tool,) = body["tools"]
            arguments = json.dumps(_arguments(tool["parameters"]))
            item = {"type": "function_call", "id": "f1", "call_id": "c1", "name": tool["name"], "arguments": arguments}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        whole = {
            "id": "r1", "object": "response", "created_at": 1, "model": body["model"], "status": "completed",
            "output": [item], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "usage": {**usage, **details},
        }  # fmt: skip
        return Served(raw=json.dumps(whole).encode())


def _arguments(schema) -> dict[str, str]:
    known = {"question": QUESTION, "context": "lease"}
    return {name: known[name] for name in schema["properties"]}


def _observed(body) -> str | None:
    """What a framework without messages of tools shows of a call: smolagents writes `Observation:`."""
    last = json.dumps(body["messages"][-1]["content"])
    return RENT if "Observation" in last and RENT in last else None


def _in_fields(body) -> str:
    """A reply in the fields of DSPy's chat format: first the tool, then the end, then the answer."""
    prompt = json.dumps(body["messages"][-1]["content"])
    system = json.dumps(body["messages"][0]["content"])
    if "next_tool_name" not in system:
        return f"[[ ## reasoning ## ]]\nIt was found.\n\n[[ ## answer ## ]]\nIt says: {RENT}\n\n[[ ## completed ## ]]"
    done = RENT in prompt
    name, arguments = (
        ("finish", "{}") if done else ("ask_documents", json.dumps({"question": QUESTION, "context": "lease"}))
    )
    return (
        f"[[ ## next_thought ## ]]\nAsk.\n\n[[ ## next_tool_name ## ]]\n{name}\n\n"
        f"[[ ## next_tool_args ## ]]\n{arguments}\n\n[[ ## completed ## ]]"
    )


def _call(name: str, arguments: dict[str, str]) -> dict[str, object]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _message(body, content: str | None = None, tool_calls=None) -> Served:
    message = {"role": "assistant", "content": content, **({"tool_calls": tool_calls} if tool_calls else {})}
    whole = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if tool_calls else "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip
    return Served(raw=json.dumps(whole).encode())

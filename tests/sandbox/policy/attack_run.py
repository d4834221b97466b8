"""Attacks against the policy alone: reads them as JSON lines, runs each in a fork, prints what became of it."""

from __future__ import annotations

import builtins
import collections
import inspect
import json
import os
import resource
import select
import signal
import sys
import types

from rlm_async.sandbox.policy import Guards, PolicyError, audit, compile_cell

SECRET = "sk-SENTINEL-7f3a9c"  # noqa: S105  # bait
MEMORY = 1 << 30
KEPT = 100_000
WALL = 12.0
"""Seconds; the limit on CPU time comes first, unless the attack sleeps."""


class HostTool:
    """A live object of the host behind one of its functions."""

    def __init__(self):
        self.api_key = SECRET

    def run(self, other):
        return other.no_such_attribute_on_purpose


class Stopped(BaseException):
    """Stands for the runtime's stop: what no code may swallow."""


class Sink:
    """Output that keeps a bounded part of what it is given."""

    def __init__(self):
        self.kept = []
        self.size = 0

    def write(self, text):
        room = max(KEPT - self.size, 0)
        if room:
            self.kept.append(text[:room])
            self.size += len(self.kept[-1])

    def text(self):
        return "".join(self.kept)


def host_functions(tool):
    def llm_query(prompt, model=None):
        return f"answer to {str(prompt)[:40]}"

    def llm_query_batched(prompts):
        return [llm_query(p) for p in prompts]

    def rlm_query(prompt, context=None):
        return f"sub answer to {str(prompt)[:40]}"

    def host_fails(x):
        return tool.run(tool)

    def host_says(x):
        raise ValueError(f"bad key {SECRET}")

    def stop_me():
        raise Stopped

    return {
        "llm_query": llm_query,
        "llm_query_batched": llm_query_batched,
        "rlm_query": rlm_query,
        "host_fails": host_fails,
        "host_says": host_says,
        "stop_me": stop_me,
    }


RAW_TYPES = (
    object,
    type,
    types.FunctionType,
    types.CodeType,
    types.ModuleType,
    types.FrameType,
    types.GeneratorType,
    types.CoroutineType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.CellType,
    super,
)
RAW_CALLS = tuple(
    getattr(builtins, name)
    for name in (
        "open",
        "eval",
        "exec",
        "compile",
        "__import__",
        "getattr",
        "setattr",
        "delattr",
        "globals",
        "locals",
        "vars",
        "input",
        "breakpoint",
        "memoryview",
        "__build_class__",
    )
)
OURS = {"rlm_async", "RestrictedPython"}


def worth(loot, tool, depth=4):  # noqa: C901, PLR0911, PLR0912  # a list of cases
    """What an attacker would pay for it, in words; "" if nothing."""
    if loot is None or isinstance(loot, bool | int | float | complex):
        return ""
    if type(loot) in (str, bytes):
        return worth_of_text(loot if isinstance(loot, str) else loot.decode("latin-1"))
    if isinstance(loot, types.ModuleType):
        return f"module {loot.__name__}"
    if isinstance(loot, types.FrameType | types.CodeType | types.TracebackType | types.CellType):
        return type(loot).__name__
    if loot is tool:
        return "live host object"
    if any(loot is raw for raw in RAW_TYPES):
        return f"raw {loot.__name__}"
    if any(loot is raw for raw in RAW_CALLS):
        return f"builtin {loot.__name__}"
    if isinstance(loot, types.BuiltinMethodType | types.MethodWrapperType) and loot.__name__.startswith("__"):
        return f"special method {loot.__name__}"
    if isinstance(loot, types.WrapperDescriptorType | types.GetSetDescriptorType | types.MappingProxyType):
        return type(loot).__name__
    if type(loot) is dict and any(key in loot for key in ("__builtins__", "__import__", "$getattr", "PATH")):
        return "globals, builtins or environment"
    if type(loot) is type and loot.__module__.partition(".")[0] in OURS and loot.__name__ != "object":
        return f"class {loot.__module__}.{loot.__name__}"
    if depth and type(loot) in (list, tuple, set, frozenset, dict, collections.deque):
        items = [*loot, *loot.values()] if type(loot) is dict else list(loot)[:200]
        if type(loot) is list and items and all(isinstance(x, type) for x in items) and len(items) > 3:
            return "list of classes"
        return next(filter(None, (worth(item, tool, depth - 1) for item in items)), "")
    return ""


def worth_of_text(text):
    for bad in (SECRET, "uid=", "root:x:", " at 0x", "method-wrapper", "/venv", "/usr/lib/python"):
        if bad in text:
            return f"text with {bad!r}"
    return text[:60] if text.startswith("WIN") else ""


def drive(value):
    if not inspect.iscoroutine(value):
        return
    try:
        value.send(None)
    except StopIteration:
        return
    value.close()
    raise PolicyError("the cell waits for something that never comes")


def attempt(attack, namespace):
    """How it ended, and why."""
    try:
        cell = compile_cell(attack["code"], "<cell 1>")
    except (PolicyError, SyntaxError) as error:
        return "refused", f"{type(error).__name__}: {error}"
    except MemoryError as error:
        return "contained", f"MemoryError: {error}"
    try:
        for code in filter(None, (cell.code, cell.echo)):
            drive(eval(code, namespace))  # noqa: S307  # running attacks is the purpose
    except MemoryError as error:
        return "contained", f"MemoryError: {error}"
    except Stopped:
        return "stopped", "the stop came through"
    except BaseException as error:  # noqa: BLE001
        return "refused", f"{type(error).__name__}: {str(error)[:300]}"
    return "finished", ""


def limits(attack):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(attack.get("cpu", 4))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def report(attack):
    """Run it here, and say how it ended and what it gained."""
    os.environ["OPENAI_API_KEY"] = SECRET
    tool, sink = HostTool(), Sink()
    functions = host_functions(tool)
    guards = Guards(sink.write, functions)
    namespace = guards.namespace()
    namespace["context"] = "The quick brown fox. " * 50
    before = snapshot(guards, functions)
    limits(attack)
    end, why = attempt(attack, namespace)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)  # the judge needs room of its own
    gain = worth(namespace.get("loot"), tool)
    if not gain and "WIN" not in sink.text():
        gain = worth_of_text(sink.text())
    changed = [name for name, value in snapshot(guards, functions).items() if before.get(name) != value]
    if (changed or tool.api_key != SECRET) and not gain:
        gain = f"tampered with {', '.join(changed[:4]) or 'a live object'}"
    if not gain and end == "finished" and sink.size < KEPT and len(str(len(namespace))) < 4:
        gain = "; ".join(audit(namespace)[:3])
    return {"end": end, "why": why, "gain": gain, "out": sink.size}


def snapshot(guards, functions):
    """What no attack may change: builtins, guards, facades and the host's functions."""
    table = guards.namespace()["__builtins__"]
    seen = {name: id(value) for name, value in table.items()}
    for name, module in guards.realm.modules.items():
        seen |= {f"{name}.{member}": id(value) for member, value in module.members.items()}
    for name, function in functions.items():
        seen[f"{name}()"] = (id(function.__code__), id(function.__defaults__), len(function.__dict__))
    return seen


def forked(attack):
    """The report of one attack, run in a child of this process."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.setsid()
        text = json.dumps(report(attack))
        os.write(into, text.encode()[:60_000])
        os._exit(0)
    os.close(into)
    ready, _, _ = select.select([out], [], [], WALL)
    data = os.read(out, 1 << 16) if ready else b""
    if not data:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(out)
    if data:
        return json.loads(data)
    if os.WIFSIGNALED(status):
        return {"end": "killed", "why": f"signal {os.WTERMSIG(status)}", "gain": "", "out": 0}
    return {"end": "broken", "why": f"status {status}", "gain": "", "out": 0}


def main():
    for line in sys.stdin:
        attack = json.loads(line)
        print("\x01" + json.dumps({"id": attack["id"], **forked(attack)}), flush=True)


if __name__ == "__main__":
    main()

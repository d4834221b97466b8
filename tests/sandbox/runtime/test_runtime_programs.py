"""Generated programs: with lazy calls and prefetch they do what they do without, call for call."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl, failed, said

CONTEXT = [f"c{i}" for i in range(5)]
NAMES = ["a", "b", "d"]


def model(op, payload):
    prompt = payload["prompt"]
    if "FAIL" in prompt:
        return failed("ModelUnavailable", prompt)
    return said(f"{'yes' if hash_of(prompt) % 2 else 'no'} {len(prompt)}")


def hash_of(text):
    return sum(i * ord(c) for i, c in enumerate(text, 1))


prompts = st.sampled_from(
    ["f'Q {c}'", "c + ' x'", "f'{a} {c}'", "f'{len(out)} {c}'", "'same'", "f'{n}'", "p", "c.upper()", "str(n) + c"]
)
sources = st.sampled_from(
    [
        "context",
        "enumerate_",
        "range(3)",
        "list(context)",
        "context[:3]",
        "iter(context)",
        "'xyz'",
        "sorted(context)",
        "todo",
    ]
)
uses = st.sampled_from([
    "out.append(r)", "out.append(r.strip())", "print(r)", "n += len(r)", "d[c] = r", "a = r", "a = r.split()[0]",
    "if 'yes' in r:\n    out.append(c)", "if 'no' in r:\n    n += 1\nelse:\n    out.append('y')", "out += [r]", "todo = [r]",
    "if n > 3:\n    continue", "if 'yes' in r:\n    break", "print(n, len(out))", "d = dict(d, k=r)", "note(r)", "p = r", "c = 'z'",
])  # fmt: skip


def indented(text, by="    "):
    return "\n".join(by + line for line in text.splitlines())


@st.composite
def loops(draw):
    body = []
    if draw(st.booleans()):
        body.append(
            draw(
                st.sampled_from(
                    [
                        "p = f'P {c}'",
                        "p = c.strip()",
                        "n += 1",
                        "if n > 2:\n    continue",
                        "if '1' in c:\n    continue",
                        "c = c + '!'",
                    ]
                )
            )
        )
    body.append(f"r = llm_query({draw(prompts)})")
    body += draw(st.lists(uses, max_size=3))
    if draw(st.booleans()):
        body.append(f"r2 = llm_query({draw(prompts)} + ' again')")
        body.append(draw(st.sampled_from(["out.append(r2)", "print(r2.strip())", "a = r2"])))
    text = "\n".join(body)
    if draw(st.booleans()):
        text = f"try:\n{indented(text)}\nexcept QueryError as e:\n    print('failed', e)"
    source = draw(sources)
    head = "for i, c in enumerate(context):" if source == "enumerate_" else f"for c in {source}:"
    if "range" in head:
        text = "c = str(c)\n" + text
    return f"{head}\n{indented(text)}"


statements = st.one_of(
    loops(),
    st.builds("{} = [llm_query({}) for c in context]\nprint(out[:1])".format, st.sampled_from(["out", "b"]), prompts),
    st.builds(
        "{} = [llm_query({}).strip() for c in context if '{}' not in c]".format,
        st.sampled_from(["out", "b"]),
        prompts,
        st.sampled_from("12z"),
    ),
    st.builds("d = {{c: llm_query({}) for c in context}}".format, prompts),
    st.builds("b = [c for c in context if 'yes' in llm_query({})]\nprint(len(b))".format, prompts),
    st.builds("{} = llm_query('one {}')".format, st.sampled_from(NAMES[:2]), st.sampled_from(["x", "y"])),
    st.builds("print({})".format, st.sampled_from([*NAMES, "out", "n"])),
    st.builds(
        "try:\n    a = llm_query('{} z')\n    out.append(a)\nexcept Exception as e:\n    print('error', e)".format,
        st.sampled_from(["ok", "FAIL"]),
    ),
    st.builds("out = llm_query_batched([f'{{x}} {}' for x in context])".format, st.sampled_from(["k", "FAIL"])),
    st.just("n = sum(len(llm_query(c)) for c in context)"),
)


def program(parts):
    head = "a = 'A'\nb = []\nd = {}\nn = 0\np = 'p'\nout = []\ntodo = ['t1', 't2']\nc = 'c'\ndef note(x):\n    global n\n    n += len(x)"
    return "\n".join([head, *parts, "print(a, b, n, out, sorted(d.items()), todo)"])


def outcome(source, lazy, order=min):
    repl = Repl(CONTEXT, FakeLink(model, order), lazy=lazy, window=4)
    result = repl.interpreter.run(source)
    return result, repl.interpreter._space.variables(), repl


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(statements, min_size=1, max_size=4), st.sampled_from([min, max]))
def test_a_program_means_the_same_lazily(parts, order):
    source = program(parts)
    plain, expected, one = outcome(source, lazy=False)
    lazy, found, other = outcome(source, lazy=True, order=order)
    assert lazy == plain
    functions = {"note"}
    assert {k: v for k, v in found.items() if k not in functions} == {
        k: v for k, v in expected.items() if k not in functions
    }
    assert other.link.left == 0
    if plain["error"] is None:
        assert sorted(other.link.prompts) == sorted(one.link.prompts)
        assert other.link.cancelled == []
    else:
        kept = list(other.link.prompts)
        for prompt in other.link.cancelled:
            kept.remove(prompt)
        for prompt in one.link.prompts:
            kept.remove(prompt)

"""What a cell gives back: output, errors, answers; and what it leaves behind."""

import pytest

from rlm_async.sandbox.faults import CellStopped
from rlm_async.sandbox.handles import Handle
from rlm_async.sandbox.interpreter import Interpreter, Settings
from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl, failed, said

# -- echo and output


def test_the_last_expression_is_echoed_like_in_a_notebook():
    repl = Repl()
    assert repl.run("x = 3\nx * 2") == "6\n"
    assert repl.run("'text'") == "'text'\n"
    assert repl.run("None") == ""
    assert repl.run("x = 1") == ""
    assert repl.run("print('a')\n[1, 2]") == "a\n[1, 2]\n"
    assert repl.run("for i in range(2):\n    i") == ""


def test_output_is_cut_in_the_middle_and_counted_in_full():
    repl = Repl(output_characters=100)
    out = repl.run("print('a' * 40 + 'b' * 1000 + 'c' * 40)")
    assert out.startswith("a" * 40 + "b" * 10)
    assert out.endswith("b" * 9 + "c" * 40 + "\n")
    assert "[... 981 characters cut ...]" in out
    assert repl.result["stdout_characters"] == 1081


def test_a_flood_of_small_prints_keeps_little_and_counts_all():
    repl = Repl(output_characters=1000)
    repl.run("for i in range(20_000):\n    print(i)")
    assert len(repl.result["stdout"]) < 1100
    assert repl.result["stdout_characters"] == sum(len(f"{i}\n") for i in range(20_000))
    assert repl.result["stdout"].startswith("0\n1\n")
    assert repl.result["stdout"].endswith("19998\n19999\n")


def test_an_echoed_context_is_cut_before_it_is_formatted():
    repl = Repl("x" * 5_000_000, output_characters=1000)
    out = repl.run("context")
    assert len(out) < 1100
    assert repl.result["stdout_characters"] == 5_000_003


# -- errors


def test_an_error_tells_type_message_line_and_source():
    repl = Repl()
    error = repl.fails("a = 1\nb = {'k': a}\nprint(b['missing'])\nc = 2")
    assert error == {"type": "KeyError", "message": "'missing'", "line": 3, "source": "print(b['missing'])"}
    assert repl.result["outcome"] == "error"


def test_assignments_before_an_exception_survive():
    repl = Repl()
    repl.fails("a = 1\nb = [a]\n1 / 0\nc = 2")
    assert repl.run("print(a, b)") == "1 [1]\n"
    assert repl.fails("c")["type"] == "NameError"


def test_an_error_in_a_function_is_told_where_it_arose():
    repl = Repl()
    error = repl.fails("def half(x):\n    return 10 / x\n\nhalf(0)")
    assert (error["line"], error["source"]) == (2, "    return 10 / x")


def test_an_error_in_a_function_of_an_earlier_cell_names_both_places():
    repl = Repl()
    repl.run("x = 1\ndef half(x):\n    return 10 / x")
    error = repl.fails("y = 2\nhalf(0)")
    assert (error["line"], error["source"]) == (2, "half(0)")
    assert "in half(), from an earlier block: return 10 / x" in error["message"]


def test_no_frame_or_path_of_ours_is_ever_shown():
    repl = Repl()
    for source in (
        "llm_query()",
        "sorted([1, 'a'])",
        "import json\njson.loads('{')",
        "int('x')",
        "{}['a']",
        "grep(3)",
        "chunks(0)",
    ):
        error = repl.fails(source)
        assert "rlm_async" not in str(error)
        assert "/" not in error["message"]
        assert error["line"] == len(source.splitlines())


def test_a_syntax_error_names_its_line():
    error = Repl().fails("x = 1\nif x\n    print(x)")
    assert (error["type"], error["line"], error["source"]) == ("SyntaxError", 2, "if x")


def test_a_long_message_is_clipped_like_output():
    error = Repl("c" * 300_000).fails("raise ValueError(context)")
    assert len(error["message"]) < 2_200
    assert "300,000 characters in all" in error["message"]


def test_a_refusal_says_what_to_write_instead():
    repl = Repl()
    error = repl.fails("x = 1\nexec('y = 2')")
    assert repl.result["outcome"] in {"refused", "error"}
    assert error["message"]
    assert repl.run("1 + 1") == "2\n"


def test_a_bomb_is_contained_and_the_variables_stay():
    repl = Repl()
    repl.run("keep = 1")
    error = repl.fails("x = [0] * 10**12")
    assert (error["type"], repl.result["outcome"]) == ("MemoryError", "contained")
    assert repl.run("print(keep)") == "1\n"


def test_an_indented_block_and_the_same_cell_twice_both_run():
    repl = Repl()
    assert repl.run("    n = 1\n    print(n)") == "1\n"
    repl.run("count = 0")
    for _ in range(3):
        repl.run("count += 1")
    assert repl.run("count") == "3\n"


def test_a_source_that_is_too_long_is_refused():
    repl = Repl(source_characters=100)
    assert "characters" in repl.fails("x = '" + "a" * 200 + "'")["message"]
    assert repl.result["outcome"] == "refused"


def test_a_stop_from_outside_ends_the_cell_and_keeps_the_variables():
    class Stopping(FakeLink):
        def wait(self, tickets):
            raise CellStopped

    repl = Repl(link=Stopping())
    result = repl.interpreter.run(
        "a = 1\nprint('before')\ntry:\n    r = llm_query('x').strip()\nexcept BaseException:\n    print('caught')\nfinally:\n    print('finally')"
    )
    assert result["outcome"] == "contained"
    assert result["stdout"] == "before\nfinally\n"
    assert result["error"]["type"] == "CellStopped"
    assert repl.link.cancelled == ["x"]
    assert repl.interpreter.variables() == {"a": "1"}
    assert Handle.live == 0


def test_a_stop_inside_a_pool_starts_no_other_task():
    class Stopping(FakeLink):
        def wait(self, tickets):
            raise CellStopped

    repl = Repl(link=Stopping())
    result = repl.interpreter.run(
        "from concurrent.futures import ThreadPoolExecutor\ndef work(c):\n    try:\n        return llm_query(c).strip()\n    finally:\n"
        "        spawn(print, 'late').result()\nwith ThreadPoolExecutor() as ex:\n    print(list(ex.map(work, 'ab')))"
    )
    assert (result["outcome"], result["stdout"]) == ("contained", "")
    assert repl.run("print(1)") == "1\n"


# -- rebinding


def test_rebinding_our_names_lasts_for_one_cell():
    repl = Repl("the text")
    assert (
        repl.run("context = 5\nanswer = 'mine'\nllm_query = len\nprint(context, answer, llm_query('abc'))")
        == "5 mine 3\n"
    )
    assert (
        repl.run("print(context, answer, llm_query('abc').strip())")
        == "the text {'content': '', 'ready': False} yes abc\n"
    )
    repl.run("del context\ndel answer")
    assert repl.run("print(context, answer['ready'])") == "the text False\n"


def test_the_toolbox_may_be_shadowed_for_good():
    repl = Repl("a b c")
    repl.run("chunks = context.split()\nfirst = chunks[0]\nsearch = 'x'")
    assert repl.run("print(chunks, first, search)") == "['a', 'b', 'c'] a x\n"


def test_variables_are_the_codes_own_names_with_short_reprs():
    repl = Repl()
    repl.run(
        "import re\nfrom collections import Counter\nx = 'a' * 1000\nrows = [1] * 1000\ndef f():\n    pass\n_private = 2"
    )
    shown = repl.interpreter.variables()
    assert {"x", "rows", "f"} <= set(shown)
    assert not {"re", "context", "answer", "llm_query"} & set(shown)
    assert all(len(text) < 250 for text in shown.values())
    assert "'x': 'str, 1,000 characters'" in repl.run("print(show_vars())")
    assert "rows" in repl.run("SHOW_VARS()")


# -- errors of calls


def test_a_call_in_a_try_block_fails_inside_of_it():
    repl = Repl()
    out = repl.run(
        "try:\n    r = llm_query('FAIL')\n    s = 1\nexcept QueryError as e:\n    print('caught', type(e).__name__, e)\nelse:\n    print('not reached')"
    )
    assert out == "caught ModelUnavailable no answer to FAIL\n"


@pytest.mark.parametrize(
    "body",
    [
        "def f():\n    try:\n        return llm_query('FAIL')\n    except Exception as e:\n        return 'caught'\nprint(f())",
        "for i in range(1):\n    try:\n        r = llm_query('FAIL')\n        continue\n    except Exception:\n        print('caught')",
        "while True:\n    try:\n        r = llm_query('FAIL')\n        break\n    except Exception:\n        print('caught')\n        break",
        "def ask():\n    return llm_query('FAIL')\ntry:\n    r = ask()\nexcept Exception:\n    print('caught')",
        "async def f():\n    try:\n        return await llm_query('FAIL')\n    except Exception:\n        return 'caught'\nprint(await f())",
        "try:\n    rs = [llm_query(p) for p in ('a', 'FAIL', 'b')]\nexcept Exception:\n    print('caught')",
        "try:\n    if True:\n        llm_query('FAIL')\nexcept Exception:\n    print('caught')",
    ],
)
def test_every_way_out_of_a_try_block_settles_its_calls(body):
    repl = Repl()
    assert repl.run(body) == "caught\n"
    assert repl.link.left == 0


def test_nothing_after_a_failed_call_of_a_try_block_has_happened():
    repl = Repl(["a", "FAIL b", "c"])
    out = repl.run(
        "out = []\nlast = 'none'\nfor c in context:\n    try:\n        last = llm_query(c)\n        out.append(last)\n        print('kept', c)\n    except Exception as e:\n        out.append(f'error: {e}')\nprint(out, last)"
    )
    assert out == "kept a\nkept c\n[' yes a ', 'error: no answer to FAIL b', ' yes c ']  yes c \n"
    assert repl.link.peak == 3


def test_a_with_block_that_swallows_errors_is_such_a_block_too():
    repl = Repl()
    out = repl.run(
        "from contextlib import suppress\nr = 'old'\nwith suppress(QueryError):\n    r = llm_query('FAIL')\n    print('not reached')\nprint(r)"
    )
    assert out == "old\n"


def test_a_failed_call_elsewhere_names_the_line_that_made_it():
    repl = Repl()
    error = repl.fails("a = 1\nr = llm_query('FAIL')\nb = 2\nprint(r.strip())")
    assert error == {
        "type": "ModelUnavailable",
        "message": "no answer to FAIL",
        "line": 2,
        "source": "r = llm_query('FAIL')",
    }


def test_a_failed_call_that_nobody_looks_at_surfaces_at_the_end_of_the_cell():
    repl = Repl()
    error = repl.fails("r = llm_query('FAIL')\ns = llm_query('good')\nprint('went on')")
    assert (error["type"], error["line"]) == ("ModelUnavailable", 1)
    assert repl.run("print(s.strip())") == "yes good\n"
    assert repl.fails("r")["type"] == "NameError"


def test_a_failed_call_takes_the_answer_with_it():
    repl = Repl()
    repl.fails("r = llm_query('FAIL')\nFINAL('done')")
    assert repl.result["answer"] is None


def test_errors_in_a_batch_are_texts_in_their_places():
    repl = Repl()
    out = repl.run("print(llm_query_batched(['a', 'FAIL b', 'c']))")
    assert out == "[' yes a ', 'Error: ModelUnavailable: no answer to FAIL b', ' yes c ']\n"


def test_an_unknown_error_name_is_a_query_error():
    repl = Repl(link=FakeLink(lambda op, payload: failed("Surprise", "odd")))
    assert repl.run("try:\n    llm_query('x')\nexcept QueryError as e:\n    print(e)") == "Surprise: odd\n"


def test_a_failing_tool_is_an_exception_at_its_call():
    repl = Repl(link=FakeLink(lambda op, payload: failed("ValueError", "no such page")), tools={"fetch": "fetch(url)"})
    error = repl.fails("x = 1\nfetch('u')")
    assert (error["type"], error["line"]) == ("ToolError", 2)
    assert "no such page" in error["message"]


# -- handles


def test_no_handle_outlives_its_cell():
    repl = Repl()
    repl.run(
        "from collections import defaultdict, deque, namedtuple\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Row:\n    text: str\n    more: list\n"
        "class Box:\n    kept = [llm_query('k')]\n    def __init__(self, v):\n        self.v = v\n"
        "q = llm_query\na = q('a')\nb = [q('b'), (q('c'), {'d': q('d')})]\nc = defaultdict(list)\nc['e'].append(q('e'))\n"
        "d = Row(q('f'), [q('g')])\ne = Box(q('h'))\nf = deque([q('i')])\n"
        "def make(v):\n    return lambda: v\ng = make(q('j'))\nb.append(b)\nP = namedtuple('P', 'x y')\np = P(q('l'), 1)"
    )
    assert Handle.live == 0
    assert repl.run("print(a, b[:2], c['e'], d.text, d.more, e.v, f[0], g(), Box.kept, p.x)") == (
        " yes a  [' yes b ', (' yes c ', {'d': ' yes d '})] [' yes e ']  yes f  [' yes g ']  yes h   yes i   yes j  [' yes k ']  yes l \n"
    )


def test_a_handle_is_a_str_wherever_it_is_used():
    repl = Repl()
    source = """
import json, re
h = lambda p='x': llm_query(p)
checks = [
    isinstance(h(), str), type(h()) is str, type(h()).__name__ == 'str', len(h()) == 7, h() == ' yes x ', ' yes x ' == h(),
    h() in [' yes x '], 'yes' in h(), h()[1:4] == 'yes', h()[1] == 'y', h().strip() == 'yes x', h() + '!' == ' yes x !',
    '!' + h() == '! yes x ', h() * 2 == ' yes x  yes x ', f'{h()}' == ' yes x ', f'{h():>9}' == '   yes x ', '%s' % h() == ' yes x ',
    '{}'.format(h()) == ' yes x ', ''.join([h(), h()]) == ' yes x  yes x ', json.dumps({'a': [h()]}) == '{"a": [" yes x "]}',
    re.sub('y', 'Y', h()) == ' Yes x ', re.search('x', h()).group() == 'x', sorted([h('b'), h('a')])[0] == ' yes a ',
    {h(): 1}[' yes x '] == 1, {' yes x ': 1}[h()] == 1, h() < 'z', bool(h()), not not h(), (h() or 1) == ' yes x ',
    list(h())[1] == 'y', [c for c in h()][2] == 'e', max(h('b'), h('a')) == ' yes b ', str(h()) == ' yes x ', repr(h()) == "' yes x '",
    hash(h()) == hash(' yes x '), h().split()[0] == 'yes', any(x == ' yes x ' for x in [h()]), set([h(), h()]) == {' yes x '},
    dict(a=h())['a'] == ' yes x ', tuple([h()])[0] == ' yes x ', ' '.join(h().split()) == 'yes x', h() is not None, h() != 'y',
    [*h()][0] == ' ', print(h()) is None, (lambda s: s.upper())(h()) == ' YES X ', len([x for x in [h()] if x]) == 1, enumerate(h()) is not None,
    next(iter(h())) == ' ', dict(zip(['a'], [h()]))['a'] == ' yes x ', list(map(str.strip, [h()])) == ['yes x'], (h(), 1) == (' yes x ', 1),
    [h()] == [' yes x '], [h()].count(' yes x ') == 1, [' yes x '].index(h()) == 0, {'a': h()} == {'a': ' yes x '}, h().encode()[:4] == b' yes',
]
a, b, *rest = h()
match h():
    case str() as s: checks.append(s == ' yes x ')
    case _: checks.append(False)
match h().strip():
    case 'yes x': checks.append(True)
    case _: checks.append(False)
print([i for i, c in enumerate(checks) if c is not True], a, b, len(rest))
"""
    assert repl.run(source) == " yes x \n[]   y 5\n"


def test_at_most_a_window_of_calls_is_in_flight():
    repl = Repl(window=5)
    repl.run("out = [llm_query(str(i)) for i in range(40)]\nbatch = llm_query_batched([str(i) for i in range(40)])")
    assert repl.link.peak == 5
    assert len(repl.link.prompts) == 80
    assert repl.value("out") == [f" yes {i} " for i in range(40)]


def test_lazy_off_waits_for_each_call():
    repl = Repl(lazy=False)
    repl.run("out = [llm_query(str(i)) for i in range(4)]\nfor i in range(4):\n    x = llm_query(f'{i}').strip()")
    assert repl.link.peak == 1


def test_options_of_a_query_arrive_as_data():
    repl = Repl(["d0", "d1"], link=FakeLink(lambda op, payload: said({"n": 3})))
    out = repl.run(
        "r = rlm_query('p', context[:1], model='m', schema={'type': 'object'}, sample=2, cache=False, budget={'calls': 3})\nprint(r['n'])"
    )
    assert out == "3\n"
    assert repl.link.calls[0][1] == {
        "kind": "rlm", "prompt": "p", "context": ["d0"], "model": "m", "schema": '{"type":"object"}', "sample": 2, "cached": False,
        "grant": {"calls": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("llm_query(['a', 'b'])", "llm_query_batched"),
        ("llm_query(None)", "a prompt that is a str"),
        ("llm_query('a', temperature=0)", "temperature"),
        ("llm_query_batched('abc')", "list of prompts"),
        ("rlm_query_batched(['a'], contexts=['x', 'y'])", "as many"),
        ("llm_query('a', schema='{')", "no JSON"),
        ("llm_query()", "prompt"),
    ],
)
def test_a_misused_query_says_what_to_write(source, part):
    repl = Repl()
    assert part in repl.fails(source)["message"]
    assert repl.link.calls == []


def test_budget_is_a_dict_of_what_is_left():
    assert Repl().run("b = budget()\nprint(b['calls'], b['usd'])") == "10 None\n"


def test_two_interpreters_see_only_their_own_output():
    one, other = Repl("1"), Repl("2")
    assert (one.run("print(context)"), other.run("print(context)")) == ("1\n", "2\n")


def test_settings_have_the_defaults_of_the_contract():
    settings = Settings()
    assert (settings.output_characters, settings.source_characters, settings.answer_bytes) == (
        100_000,
        200_000,
        8 << 20,
    )
    assert (settings.window, settings.lazy, dict(settings.tools)) == (64, True, {})
    assert Interpreter("x", FakeLink(), settings).run("1")["stdout"] == "1\n"


def test_an_interpreter_made_for_nobody_serves_the_session_that_it_is_told_of():
    link = FakeLink()
    interpreter = Interpreter("", link, Settings(window=1, output_characters=5))
    tools = {"look": "looks", "len": "counts otherwise", "llm_query": "stays ours"}
    interpreter.begin("the context", Settings(tools=tools, answer_bytes=20, window=8))
    told = interpreter.run("print(context, peek(3), look(1), len(2))\nprint(llm_query_batched(['a', 'b', 'c']))")
    assert told["error"] is None
    assert told["stdout"] == "the context the ['look', [1], {}] ['len', [2], {}]\n[' yes a ', ' yes b ', ' yes c ']\n"
    assert link.peak == 3
    assert interpreter.run("look, llm_query = 1, 2")["error"] is None
    assert interpreter.run("print(look(2), llm_query('q'))")["stdout"] == "['look', [2], {}]  yes q \n"
    assert interpreter.variables() == {}
    assert interpreter.run("FINAL('x' * 40)")["error"]["type"] == "AnswerTooLarge"


AT_THE_BORDER = [
    "' '.join(llm_query(c) for c in xs)", "' '.join(map(llm_query, xs))", "sorted(llm_query(c) for c in xs)", "max(map(llm_query, xs))",
    "' '.join(reversed([llm_query(c) for c in xs]))", "re.sub('x', lambda m: llm_query('q'), 'axb')", "str.join(' ', map(llm_query, xs))",
    "' '.join(itertools.chain(map(llm_query, xs), ['z']))", "{llm_query(c) for c in xs}", "sum(map(len, map(llm_query, xs)))",
    "collections.Counter(map(llm_query, xs))", "dict(zip(xs, map(llm_query, xs)))", "json.dumps({c: llm_query(c) for c in xs})",
    "sorted(xs, key=llm_query, reverse=True)", "'{} {}'.format(*map(llm_query, xs))", "functools.reduce(lambda a, b: a + b, map(llm_query, xs))",
    "[(k, list(v)) for k, v in itertools.groupby(xs, key=llm_query)]", "tuple(map(llm_query, xs))", "' yes a ' in map(llm_query, xs)",
    "dict.fromkeys(map(llm_query, xs))", "[*map(llm_query, xs)][0] + 'x'", "bytes(llm_query('a'), 'utf8')", "max(xs, key=llm_query)",
]  # fmt: skip


@pytest.mark.parametrize("expression", AT_THE_BORDER)
def test_lazy_values_are_real_at_the_border_to_c(expression):
    source = f"import re, json, itertools, functools, collections\nxs = ['a', 'b']\n{expression}"
    assert Repl().run(source) == Repl(lazy=False).run(source)


def test_code_reads_back_what_earlier_cells_printed():
    repl = Repl()
    repl.run("print('first')")
    repl.fails("1 / 0")
    assert repl.run("print([cell['output'] for cell in history])") == (
        "['first\\n', 'ZeroDivisionError: division by zero']\n"
    )
    repl.run("history = ['mine']")
    assert repl.run("print(history)") == "['mine']\n", "a variable of the code's own is the code's own"

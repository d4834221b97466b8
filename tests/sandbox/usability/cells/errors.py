# Errors, as handled and as shown

# %% try except else finally
def parse(s):
    try:
        v = int(s)
    except ValueError as e:
        print("bad:", e)
        v = None
    else:
        print("good")
    finally:
        print("done")
    return v
print(parse("12"), parse("x"))

# %% several types
for v in ["1", "x", None, [1]]:
    try:
        print(10 / int(v))
    except (ValueError, TypeError) as e:
        print(type(e).__name__)
    except ZeroDivisionError:
        print("zero")

# %% bare except and re-raise
try:
    try:
        {}["k"]
    except:
        print("inner")
        raise
except KeyError as e:
    print("outer", e)

# %% raise from
try:
    try:
        int("q")
    except ValueError as e:
        raise RuntimeError("wrapped") from e
except RuntimeError as e:
    print(e)

# %% retry loop
attempts = 0
def flaky():
    global attempts
    attempts += 1
    if attempts < 3:
        raise ConnectionError("try again")
    return "ok"
for i in range(5):
    try:
        print(flaky())
        break
    except Exception as e:
        print(f"attempt {i + 1} failed: {e}")
else:
    print("gave up")

# %% a failing query is caught
results = []
for p in ["one", "fail two", "three"]:
    try:
        results.append(llm_query(p))
    except Exception as e:
        results.append(f"[error: {e}]")
print(results)

# %% a failing query in a batch
out = llm_query_batched(["one", "please fail", "three"])
print([o.startswith("Error") for o in out])

# %% assertion
try:
    assert 1 == 2, "numbers differ"
except AssertionError as e:
    print("assert:", e)

# %% uncaught zero division
a = 5
b = 0
print("before")
print(a / b)

# %% uncaught key error
d = {"a": 1}
value = d["b"]

# %% uncaught name error
print(undefined_name)

# %% uncaught in a function
def inner(x):
    return x.missing
def outer(x):
    return inner(x)
outer([])

# %% uncaught type error
"a" + 1

# %% uncaught index error
items = [1, 2, 3]
for i in range(5):
    last = items[i]

# %% uncaught value error
int("twelve")

# %% uncaught custom
class Bad(Exception):
    pass
raise Bad("something custom")

# %% syntax error
x = 1
def broken(:
    pass

# %% indentation error
if True:
x = 1

# %% state after an error
first = "kept"
second = [1, 2]
raise RuntimeError("stop here")
# ---
print(first, second)

# %% error in a loop keeps partial results
done = []
for i in [3, 1, 0, 5]:
    done.append(10 / i)
# ---
print(done)

# %% stop iteration and next
it = iter([1])
print(next(it))
try:
    next(it)
except StopIteration:
    print("exhausted")

# %% exception attributes
try:
    raise ValueError("a", 2)
except ValueError as e:
    print(e.args, str(e), repr(e), e.__class__.__name__)

# %% nested functions with finally order
def f():
    try:
        return "try"
    finally:
        print("finally first")
print(f())

# %% continue in except
ok = []
for s in ["1", "b", "3"]:
    try:
        n = int(s)
    except ValueError:
        continue
    ok.append(n)
print(ok)

# %% unbound local
def f():
    print(v)
    v = 1
try:
    f()
except UnboundLocalError as e:
    print(type(e).__name__)

# %% recursion error
def deep(n):
    return deep(n + 1)
try:
    deep(0)
except RecursionError as e:
    print("too deep")

# %% attribute of None
m = None
try:
    m.group(0)
except AttributeError as e:
    print("no match")

# Asynchronous code and pools

# %% gather queries
import asyncio

chunks = [context[i : i + 600] for i in range(0, len(context), 600)]
results = await asyncio.gather(*[llm_query(f"Summarize: {c}") for c in chunks])
print(len(results))
print(results[0])

# %% own coroutine
import asyncio


async def analyze(i, chunk):
    r = await llm_query(f"Answer yes or no. Part {i}: {chunk}")
    return i, r.startswith("Yes")


out = await asyncio.gather(*(analyze(i, context[i * 100 : (i + 1) * 100]) for i in range(4)))
print(out)

# %% asyncio.run main
import asyncio


async def main():
    tasks = [asyncio.create_task(one(i)) for i in range(3)]
    return [await t for t in tasks]


async def one(i):
    await asyncio.sleep(0)
    return i * i


print(asyncio.run(main()))

# %% await in a loop
answers = {}
for name in ["alpha", "beta"]:
    answers[name] = await llm_query(f"Define {name}")
print(answers)

# %% batched with await
out = await llm_query_batched([f"Number of vowels in {w}" for w in ("tree", "sky")])
print([o.strip() for o in out])

# %% semaphore
import asyncio

sem = asyncio.Semaphore(2)


async def limited(p):
    async with sem:
        return await llm_query(p)


res = await asyncio.gather(*[limited(f"p{i}") for i in range(5)])
print(len(res), res[-1])

# %% return_exceptions
import asyncio


async def risky(i):
    if i == 1:
        raise ValueError("one")
    return i


res = await asyncio.gather(*[risky(i) for i in range(3)], return_exceptions=True)
print([r if not isinstance(r, Exception) else f"error {r}" for r in res])

# %% thread pool map
from concurrent.futures import ThreadPoolExecutor

with ThreadPoolExecutor(max_workers=4) as pool:
    sizes = list(pool.map(len, context.splitlines()[:5]))
print(sizes)

# %% thread pool of queries
from concurrent.futures import ThreadPoolExecutor


def label(q):
    return llm_query(f"How many words? {q}").strip()


with ThreadPoolExecutor(8) as ex:
    labels = list(ex.map(label, ["a b", "c", "d e f"]))
print(labels)

# %% submit and as_completed
from concurrent.futures import ThreadPoolExecutor, as_completed


def square(n):
    return n * n


with ThreadPoolExecutor() as ex:
    futures = {ex.submit(square, n): n for n in range(5)}
    done = sorted((futures[f], f.result()) for f in as_completed(futures))
print(done)

# %% a future's exception
from concurrent.futures import ThreadPoolExecutor


def boom(n):
    return 1 // n


with ThreadPoolExecutor() as ex:
    f = ex.submit(boom, 0)
    try:
        f.result()
    except ZeroDivisionError as e:
        print("caught", e)
print(f.done(), type(f.exception()).__name__)

# %% queue and workers
import asyncio


async def main():
    q = asyncio.Queue()
    for i in range(6):
        q.put_nowait(i)
    out = []

    async def worker(name):
        while not q.empty():
            i = await q.get()
            await asyncio.sleep(0)
            out.append(i * 10)
            q.task_done()

    await asyncio.gather(*[worker(n) for n in "ab"])
    return sorted(out)


print(await main())

# %% async generator
import asyncio


async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


print([i async for i in ticks(4)])
async for t in ticks(2):
    print("tick", t)

# %% async with
import asyncio


class Session:
    async def __aenter__(self):
        print("open")
        return self

    async def __aexit__(self, *exc):
        print("close")

    async def get(self, x):
        return x + 1


async with Session() as s:
    print(await s.get(1))

# %% wait_for timeout
import asyncio

try:
    await asyncio.wait_for(asyncio.sleep(5), timeout=0.01)
except asyncio.TimeoutError:
    print("timed out")

# %% nested asyncio
import asyncio


async def inner(x):
    return x * 2


async def outer(xs):
    doubled = await asyncio.gather(*map(inner, xs))
    return sum(doubled)


print(await outer([1, 2, 3]))

# %% as_completed
import asyncio


async def f(n):
    await asyncio.sleep(n / 100)
    return n


got = []
for c in asyncio.as_completed([f(3), f(1), f(2)]):
    got.append(await c)
print(got)

# %% lock
import asyncio

lock = asyncio.Lock()
n = 0


async def inc():
    global n
    async with lock:
        v = n
        await asyncio.sleep(0)
        n = v + 1


await asyncio.gather(*[inc() for _ in range(10)])
print(n)

# %% event
import asyncio

ev = asyncio.Event()
log = []


async def waiter():
    await ev.wait()
    log.append("woke")


async def setter():
    log.append("set")
    ev.set()


await asyncio.gather(waiter(), setter())
print(log)

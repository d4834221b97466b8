# How trajectories begin: what is in the context?

# %% length and head
print(len(context))
print(context[:200])

# %% type and head in one print
print(f"Type: {type(context)}, length: {len(context)}")
print("First 300 chars:", context[:300])
print("Last 100 chars:", context[-100:])

# %% type name
print("Context type:", type(context).__name__)

# %% lines
lines = context.split("\n")
print(f"Number of lines: {len(lines)}")
for i, line in enumerate(lines[:10]):
    print(f"{i:3d}: {line}")

# %% splitlines with last ones
lines = context.splitlines()
print(len(lines), "lines;", sum(1 for l in lines if not l.strip()), "blank")
print(lines[-3:])

# %% list context
# context: list
print(type(context), len(context))
for i, item in enumerate(context[:3]):
    print(i, repr(item[:60]))

# %% dict context
# context: dict
print(list(context.keys()))
for name, text in context.items():
    print(f"{name}: {len(text)} chars, starts with {text[:25]!r}")

# %% isinstance dispatch
# context: dict
if isinstance(context, str):
    print("string")
elif isinstance(context, list):
    print("list of", len(context))
elif isinstance(context, dict):
    print("dict with keys", sorted(context))
else:
    print("unknown")

# %% middle slice
mid = len(context) // 2
print(context[mid - 100 : mid + 100])

# %% separators
for sep in ["\n\n", "\n", "===", "---", "\t", "|"]:
    print(repr(sep), context.count(sep))

# %% section heads
heads = [l for l in context.splitlines() if l.startswith("===")]
print(heads)
len(heads)

# %% character statistics
from collections import Counter

counts = Counter(context)
print(counts.most_common(5))
print("non-ascii:", sorted({c for c in context if ord(c) > 127}))

# %% words
words = context.split()
print(len(words), len(set(words)))
print(max(words, key=len))

# %% find a keyword with surroundings
idx = context.find("secret")
print(idx)
print(context[max(0, idx - 50) : idx + 80])

# %% every occurrence by find
start, found = 0, []
while True:
    pos = context.find("user=", start)
    if pos == -1:
        break
    found.append(pos)
    start = pos + 1
print(len(found), found[:3])

# %% peek, grep and count
print(peek(40))
print(grep("ERROR")[0]["line"])
print(count_tokens("x" * 40), len(chunks(500)))
grep(r"user=(\w+)", max=2)

# %% search
for hit in search("secret code", 2):
    print(hit["doc"], hit["offset"], hit["text"][:30])

# %% try json first
import json

try:
    data = json.loads(context)
    print("JSON with keys", list(data))
except json.JSONDecodeError as e:
    print("Not JSON:", e.msg)

# %% two cells
lines = context.split("\n")
section_starts = [i for i, l in enumerate(lines) if l.startswith("=== ")]
# ---
for a, b in zip(section_starts, section_starts[1:] + [len(lines)]):
    print(lines[a], b - a)

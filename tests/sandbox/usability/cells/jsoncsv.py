# JSON and CSV

# %% json in the context
# context: dict
import json

data = json.loads(context["data.json"])
total = sum(item["qty"] * item["price"] for item in data["items"])
print(total, data["currency"])
print(json.dumps(data, indent=2))

# %% dumps variants
import json

print(json.dumps({"b": 1, "a": [1, 2.5, None, True], "é": "ü"}))
print(json.dumps({"b": 1, "a": 2}, sort_keys=True, ensure_ascii=False, separators=(",", ":")))

# %% parse a model's json
import json

reply = llm_query("Return JSON with label and length for this text")
obj = json.loads(reply)
print(obj["label"], obj["length"])

# %% strip code fences
import json

raw = '```json\n{"answer": 42, "why": ["a", "b"]}\n```'
clean = raw.strip()
if clean.startswith("```"):
    clean = clean.split("\n", 1)[1].rsplit("```", 1)[0]
parsed = json.loads(clean)
print(parsed)

# %% json in prose
import json, re

text = 'Sure! Here it is: {"x": 1, "y": {"z": [1, 2]}} Hope this helps.'
m = re.search(r"\{.*\}", text, re.DOTALL)
print(json.loads(m.group(0))["y"]["z"])

# %% bad json
import json

try:
    json.loads("{'a': 1}")
except json.JSONDecodeError as e:
    print(type(e).__name__, e)
except ValueError as e:
    print("value error", e)

# %% json lines
import json

jsonl = '{"id": 1, "t": "a"}\n{"id": 2, "t": "b"}\n\nnot json\n'
rows, bad = [], 0
for line in jsonl.splitlines():
    line = line.strip()
    if not line:
        continue
    try:
        rows.append(json.loads(line))
    except Exception:
        bad += 1
print(rows, bad)

# %% csv reader
import csv, io

table = context[context.index("id,name") :]
reader = csv.reader(io.StringIO(table))
header = next(reader)
rows = [row for row in reader if row]
print(header, len(rows), rows[-1])

# %% csv dict reader
import csv, io

table = context[context.index("id,name") :]
rows = list(csv.DictReader(io.StringIO(table)))
best = max(rows, key=lambda r: int(r["score"]))
print(best["name"], best["city"])
print(rows[0])

# %% csv writer
import csv, io

buf = io.StringIO()
w = csv.writer(buf)
w.writerow(["a", "b"])
w.writerows([[1, "x,y"], [2, 'quote "q"']])
print(buf.getvalue())

# %% csv without the module
table = context[context.index("id,name") :].strip().split("\n")
header = table[0].split(",")
records = [dict(zip(header, line.split(","))) for line in table[1:]]
print(records[2]["name"], len(records))
avg = sum(int(r["score"]) for r in records) / len(records)
print(f"average {avg:.2f}")

# %% dict writer
import csv, io

out = io.StringIO()
writer = csv.DictWriter(out, fieldnames=["name", "n"])
writer.writeheader()
for n, name in enumerate(["x", "y"]):
    writer.writerow({"name": name, "n": n})
print(out.getvalue().splitlines())

# %% default for unknown types
import json
from datetime import date

print(json.dumps({"d": date(2024, 1, 2), "s": {1}}, default=str))

# %% nested access with get
# context: dict
import json

data = json.loads(context["data.json"])
for item in data.get("items", []):
    print(item.get("sku"), item.get("colour", "n/a"), item.get("qty", 0) * 2)

# %% tab separated
text = "a\tb\tc\n1\t2\t3\n4\t5\t6"
head, *body = [line.split("\t") for line in text.split("\n")]
cols = list(zip(*body))
print(head, cols, [sum(map(int, c)) for c in cols])

# %% round trip
import json

state = {"seen": [1, 2], "best": {"name": "a", "score": 0.5}}
assert json.loads(json.dumps(state)) == state
print("ok")

# %% textwrap and pprint
import textwrap

print(textwrap.fill("The quick brown fox jumps over the lazy dog and runs away.", width=20))
print(textwrap.shorten("hello wonderful world", 14, placeholder="..."))
print(
    textwrap.dedent("""
    a
      b
""").strip()
)

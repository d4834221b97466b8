# Whole moves of an agent: ask, check, combine, answer

# %% classify every line
# context: list
labels = []
for item in context:
    q = item.split("||")[0].replace("Question:", "").strip()
    reply = llm_query(f"Is this question about a person? Answer yes or no.\n{q}")
    labels.append((q, "yes" in reply.lower()))
for q, flag in labels:
    print(flag, q)

# %% classify in one batch
# context: list
prompts = [f"Answer yes or no: is it a location? {c}" for c in context]
replies = llm_query_batched(prompts)
hits = [c for c, r in zip(context, replies) if r.lower().startswith("yes")]
print(len(hits), len(replies))

# %% find until found
# context: list
found = None
for i, item in enumerate(context):
    r = llm_query(f"yes or no: {item[: 30 + i]}")
    if r.startswith("No"):
        found = i
        break
print("found at", found)

# %% running notes
notes = ""
for part in [context[i : i + 800] for i in range(0, len(context), 800)]:
    notes = llm_query(f"Notes so far: {notes}\nNew text: {part}\nUpdate the notes.")
print(notes)

# %% extract then verify
import re

code = re.search(r"code is ([\w-]+)", context).group(1)
check = llm_query(f"Answer yes or no: does {code} look like a code?")
if check.lower().startswith("yes"):
    final_answer = code
else:
    final_answer = "unsure: " + code
print(final_answer)
FINAL(final_answer)

# %% json per document
# context: dict
import json

info = {}
for name, text in context.items():
    if not text:
        continue
    info[name] = json.loads(llm_query(f"JSON please: {text}"))
print(info)

# %% majority vote
from collections import Counter

votes = Counter(llm_query(f"yes or no? sample {i} {'x' * i}") for i in range(5))
winner, n = votes.most_common(1)[0]
print(winner, n, sum(votes.values()))

# %% two-stage summary
sections = [s for s in context.split("=== ") if s.strip()]
summaries = [llm_query("Summarize: " + s) for s in sections]
combined = "\n".join(f"{i}. {s}" for i, s in enumerate(summaries, 1))
print(combined)
overall = llm_query("Overall: " + combined)
print(overall)

# %% numbers from the model
scores = []
for s in ["good", "bad", "fine"]:
    raw = llm_query(f"Give a number from 0 to 9 for {s}")
    try:
        scores.append(int(raw))
    except ValueError:
        scores.append(0)
print(scores, max(scores))

# %% answer dict
total = 1250.00 + 830.50 + 99.99
answer["content"] = f"The total is ${total:,.2f}"
answer["ready"] = True
print(answer)

# %% buffer over turns
buffers = []
for i in range(0, 1200, 400):
    buffers.append(llm_query(f"What is in here? {context[i : i + 400]}"))
# ---
print(len(buffers), all(isinstance(b, str) for b in buffers))
joined = "\n---\n".join(buffers)
print(joined.count("---"))

# %% rank by a score
# context: list
scored = sorted(((len(llm_query(c)), i) for i, c in enumerate(context)), reverse=True)
print(scored[:2])

# %% comprehension with condition on the answer
# context: list
yes = [c[:25] for c in context if "Yes" in llm_query(f"yes or no: {c}")]
print(yes)

# %% dictionary of queries
questions = {"who": "Who wrote it?", "when": "When?", "why": "Why?"}
answers = {k: llm_query(v + " " + context[:20]) for k, v in questions.items()}
for k, v in answers.items():
    print(f"{k}: {v}")

# %% while with budget of tries
tries, reply = 0, ""
while "No" not in reply and tries < 6:
    reply = llm_query("yes or no " + "?" * tries)
    tries += 1
print(tries, reply)

# %% sub-query with context
r = rlm_query("Summarize", context[:100])
print(r)

# %% merge answers by regex
import re

outs = llm_query_batched([f"How many in {w}?" for w in ["aa", "bbb", "c"]])
nums = [int(n) for o in outs for n in re.findall(r"\d+", o)]
print(nums, sum(nums))


# %% recursion over halves
def solve(text, depth=0):
    if len(text) < 600 or depth > 3:
        return [llm_query(f"Number: {text}").strip()]
    mid = len(text) // 2
    return solve(text[:mid], depth + 1) + solve(text[mid:], depth + 1)


print(solve(context))

# %% check types of answers
r = llm_query("hello")
print(type(r).__name__, isinstance(r, str), len(r) > 0, r[:6], r.upper()[:6], r == llm_query("hello"))

# %% dedupe and format
names = ["Ann", "ann ", "BEN", "Ben", "Cleo"]
norm = sorted({n.strip().title() for n in names})
final = ", ".join(norm[:-1]) + " and " + norm[-1]
print(final)

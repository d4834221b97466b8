# Cutting the context into pieces

# %% fixed size
chunk_size = 500
chunks = [context[i : i + chunk_size] for i in range(0, len(context), chunk_size)]
print(len(chunks), [len(c) for c in chunks])


# %% with overlap
def chunk_text(text, size=400, overlap=50):
    chunks = []
    start = 0
    while start < len(text):
        end = min(start + size, len(text))
        chunks.append(text[start:end])
        if end == len(text):
            break
        start = end - overlap
    return chunks


parts = chunk_text(context)
print(len(parts), parts[0][-50:] == parts[1][:50])

# %% by paragraphs
paragraphs = [p.strip() for p in context.split("\n\n") if p.strip()]
print(len(paragraphs))
for p in paragraphs:
    print("-", p[:40].replace("\n", " / "))

# %% sections by regex
import re

sections = re.split(r"=== (.+?) ===\n", context)[1:]
reports = dict(zip(sections[::2], sections[1::2]))
for name, body in reports.items():
    print(name, len(body.split()))

# %% pack paragraphs up to a limit
limit = 300
packed, current = [], ""
for p in context.split("\n\n"):
    if current and len(current) + len(p) + 2 > limit:
        packed.append(current)
        current = p
    else:
        current = current + "\n\n" + p if current else p
packed.append(current)
print([len(p) for p in packed])


# %% batches of lines
def batched(seq, n):
    for i in range(0, len(seq), n):
        yield seq[i : i + n]


lines = context.splitlines()
for k, batch in enumerate(batched(lines, 12)):
    print(k, len(batch), batch[0][:20])

# %% sentences
import re

flat = context.replace("\n", " ")
sentences = re.split(r"(?<=[.!?])\s+", flat)
print(len(sentences))
print(sentences[1])

# %% ask each chunk
chunks = [context[i : i + 600] for i in range(0, len(context), 600)]
answers = []
for i, chunk in enumerate(chunks):
    answers.append(llm_query(f"Summarize part {i}: {chunk}"))
print(len(answers))
for a in answers:
    print(a)

# %% map then reduce
chunks = [context[i : i + 700] for i in range(0, len(context), 700)]
partials = llm_query_batched([f"How many dates are in this text? {c}" for c in chunks])
numbers = [int(p.strip()) for p in partials]
print(numbers, sum(numbers))
final = llm_query("Combine: " + ", ".join(map(str, numbers)))
print(final)

# %% list in tens
# context: list
n = 4
groups = [context[i : i + n] for i in range(0, len(context), n)]
for g in groups:
    joined = "\n".join(g)
    print(len(g), len(joined))

# %% divide evenly
# context: list
k, m = divmod(len(context), 4)
split = [context[i * k + min(i, m) : (i + 1) * k + min(i + 1, m)] for i in range(4)]
print([len(s) for s in split])

# %% sliding windows
words = context.split()
windows = [" ".join(words[i : i + 5]) for i in range(0, len(words) - 4, 40)]
for w in windows:
    print(w)

# %% chunks by the toolbox
for c in chunks(20, by="lines"):
    print(len(c.splitlines()), repr(c[:20]))

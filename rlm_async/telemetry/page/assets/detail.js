// One node in full: what it was asked, its turns, its code, what came out, whom it asked, what it cost.

const detail = byId("detail");
let showing = null;

async function showDetail(id) {
  if (showing === id) return;
  showing = id;
  const texts = await textsOf(id);
  if (showing !== id) return; // somebody was faster
  const each = node.get(id);
  detail.replaceChildren(...headOf(each), ...timesOf(each), ...bodyOf(each, texts), ...relatives(each));
  detail.scrollTop = 0;
  markFound(detail);
}

function link(id, text, className) {
  const button = make("button", `go ${className || ""}`, text ?? `#${id}`);
  button.type = "button";
  button.addEventListener("click", () => go(id));
  return button;
}

function headOf(each) {
  const crumbs = make("nav", "crumbs");
  crumbs.setAttribute("aria-label", "Way to the root");
  const way = [];
  for (let above = home(each); above !== null; above = home(node.get(above))) way.unshift(above);
  const named = way.length > 6 ? [...way.slice(0, 2), null, ...way.slice(-3)] : way;
  for (const id of named) crumbs.append(id === null ? make("span", "", "\u2026") : link(id), make("span", "", "\u203a"));
  crumbs.append(make("span", "", `#${each.i}`));
  const title = make("h2", "", shown(each.l.length > 100 && home(each) !== null ? `${each.l.slice(0, 99)}\u2026` : each.l));
  const state = make("span", `pill ${each.s}`, each.z === "partial" ? "partial" : each.s);
  title.append(state);
  const facts = make("dl", "facts");
  fact(facts, "Depth", each.d === 0 ? "0, the root" : String(each.d));
  fact(facts, "Model", each.m);
  fact(facts, "Strategy", each.r ? `${each.g}: ${each.r}` : each.g);
  const own = each.u;
  fact(facts, "Its own cost", `${counted(own[0], "call")}, ${short(own[1])} + ${short(own[2])} tokens${own[3] ? ` (${short(own[3])} from the provider\u2019s cache)` : ""}, ${money(own)}`);
  if (each.c.length) fact(facts, "With all below", `${counted(each.t[0], "call")}, ${short(tokens(each.t))} tokens, ${money(each.t)}`);
  if (each.x) fact(facts, "Error", each.x, "bad");
  return [crumbs, title, facts];
}

function fact(list, name, value, className) {
  list.append(make("dt", "", name), make("dd", className || "", shown(value)));
}

function timesOf(each) {
  const whole = Math.max(lasted(each), 1e-9);
  const sums = { queue: 0, model: 0, code: 0, wait: 0 };
  for (const [asked, replied, waited] of each.a) {
    const to = replied ?? ended(each);
    sums.queue += Math.min(waited, to - asked);
    sums.model += Math.max(0, to - asked - waited);
  }
  for (const [from, to] of each.w) sums.wait += to - from;
  for (const [from, to] of each.k) sums.code += (to ?? ended(each)) - from;
  sums.code = Math.max(0, sums.code - sums.wait); // code runs while it waits
  const bar = make("div", "share");
  const keyed = make("div", "keyed");
  const words = { queue: "in the queue", model: "model", code: "code", wait: "waiting for sub-queries" };
  for (const [kind, sum] of Object.entries(sums)) {
    if (sum < 0.0005) continue;
    const piece = make("i", kind);
    piece.style.width = `${Math.min(100, (sum / whole) * 100)}%`;
    bar.append(piece);
    const entry = make("span");
    entry.append(make("i", `swatch ${kind}`), `${words[kind]} ${seconds(sum)}`);
    keyed.append(entry);
  }
  const path = index.path.filter(([id]) => id === each.i).reduce((sum, [, from, to]) => sum + to - from, 0);
  const line = make("div", "keyed");
  line.append(make("span", "", `from ${seconds(each.q)} to ${each.e === null ? "the end" : seconds(each.e)}, ${seconds(lasted(each))}`));
  if (path > 0) line.append(make("span", "", `${seconds(path)} of it on the critical path`));
  return [bar, line, keyed];
}

function bodyOf(each, texts) {
  const parts = [];
  if (texts.history.length) {
    parts.push(heading("Said before", counted(texts.history.length, "turn")));
    for (const [asked, answered] of texts.history) parts.push(block(asked, "", "question"), block(answered, "", "answer"));
  }
  if (texts.prompt !== each.l) parts.push(heading("Question"), block(texts.prompt, "")); // else it is the title
  if (texts.context.characters) parts.push(make("p", "soft", contextLine(texts.context)));
  if (texts.schema) parts.push(heading("Schema of the answer"), block(texts.schema, ""));
  if (texts.turns.length) {
    parts.push(heading("Turns", counted(texts.turns.length, "turn")));
    texts.turns.forEach((turn, at) => parts.push(turnOf(turn, at + 1)));
  }
  if (texts.asked.length) parts.push(heading("Asked beside its code"), askedLine(texts.asked));
  if (texts.answer !== null && !toldAlready(texts)) parts.push(heading("Answer", each.z), block(texts.answer, "final"));
  if (texts.marks.length) {
    parts.push(heading("What else happened"));
    for (const [at, said] of texts.marks) parts.push(make("p", "soft", `${seconds(at)}  ${shown(said)}`));
  }
  if (texts.layers.length) parts.push(heading("Walls around its code"), make("p", "soft", texts.layers.join(", ")));
  return parts;
}

// The answer stands under the code that gave it already.
function toldAlready(texts) {
  const cells = texts.turns.length ? texts.turns[texts.turns.length - 1].cells : [];
  const output = cells.length ? cells[cells.length - 1].output : null;
  return Boolean(output && output.answer && joined(output.answer) === joined(texts.answer));
}

function heading(words, small) {
  const title = make("h3", "", words);
  if (small) title.append(make("small", "", small));
  return title;
}

function contextLine(context) {
  const names = context.documents > 1 || context.shape === "corpus" ? `: ${context.names.join(", ")}${context.documents > context.names.length ? ", \u2026" : ""}` : "";
  return shown(`context: ${counted(context.documents, "document")} (${context.shape}), ${whole(context.characters)} characters${names}`);
}

function turnOf(turn, number) {
  const box = make("div", "turn");
  const line = make("div", "line");
  line.append(make("b", "", `Turn ${number}`));
  const call = turn.call;
  if (!call) line.append("a program of ours");
  else {
    for (const words of callWords(call)) line.append(make("span", "", shown(words)));
  }
  box.append(line);
  if (call && call.retries && call.retries.length) box.append(make("p", "warn", shown(`tried again: ${call.retries.map(retryWords).join("; ")}`)));
  if (call && joined(call.error)) box.append(block(call.error, "error", "the call failed"));
  laidOut(box, turn);
  return box;
}

const retryWords = ([error, at, pause]) => `${error} after ${seconds(at)}${pause > 0 ? `, a pause of ${seconds(pause)}` : ""}`;

function callWords(call) {
  const words = [call.model];
  if (call.end === undefined) return [...words, "no reply yet"];
  words.push(`${seconds(call.end - call.at)}${call.waited > 0.0005 ? `, ${seconds(call.waited)} of it in the queue` : ""}`);
  words.push(`${whole(call.usage[1])} + ${whole(call.usage[2])} tokens`, money(call.usage));
  if (call.attempts > 1) words.push(`${call.attempts} attempts`);
  if (call.cached) words.push("from the cache");
  return words;
}

// The reply, with each piece of its code where it stands in it, followed by what that did.
function laidOut(box, turn) {
  const reply = turn.call ? turn.call.text : "";
  if (Array.isArray(reply) || !turn.cells.length) {
    if (joined(reply) || Array.isArray(reply)) box.append(block(reply, "reply", "reply"));
    turn.cells.forEach((cell) => cellOf(box, cell));
    return;
  }
  let from = 0;
  for (const cell of turn.cells) {
    const code = Array.isArray(cell.code) ? null : cell.code.trim();
    const at = code ? (reply || "").indexOf(code, from) : -1;
    if (at >= 0) {
      proseOf(box, reply.slice(from, at).replace(/(^|\n)[ \t]*(`{3,}|~{3,})[^\n]*\n?$/, ""));
      from = at + code.length;
      const fence = /^\s*(`{3,}|~{3,})[^\n]*/.exec(reply.slice(from));
      if (fence) from += fence[0].length;
    }
    cellOf(box, cell);
  }
  proseOf(box, (reply || "").slice(from));
}

function proseOf(box, text) {
  if (!text.trim()) return;
  if (text.length > 1400) { box.append(block(text.trim(), "reply")); return; }
  const prose = make("p", "prose");
  put(prose, text.trim());
  box.append(prose);
}

function cellOf(box, cell) {
  const took = cell.end === null ? "has not ended" : `ran ${seconds(cell.end - cell.at)}`;
  box.append(block(cell.code, "code", ["code", took, ...(cell.output && cell.output.cpu ? [`${seconds(cell.output.cpu)} CPU`] : [])]));
  if (cell.asked.length) box.append(askedLine(cell.asked));
  const output = cell.output;
  if (!output) return;
  const size = Array.isArray(output.stdout) ? 1 : output.stdout.length;
  if (size) box.append(block(output.stdout, "out", output.characters > joined(output.stdout).length + 200 ? `output, cut from ${whole(output.characters)} characters` : "output"));
  if (output.error) box.append(block(output.error, "error", output.outcome));
  else if (output.outcome !== "ok") box.append(make("p", "bad", output.outcome));
  if (output.lost) box.append(make("p", "warn", shown(output.lost)));
  if (output.answer) box.append(block(output.answer, "final", "its answer"));
  else if (output.draft) box.append(block(output.draft, "out", "a draft"));
}

const CHIPS = 24;
function askedLine(asked, all) {
  const line = make("div", "asked");
  line.append(`asked ${whole(asked.length)}: `);
  const some = all ? asked : asked.slice(0, CHIPS);
  for (const [id, shared] of some) {
    const chip = link(id, `#${id}${shared ? " (shared)" : ""}`);
    const child = node.get(id);
    if (child) { chip.title = shown(child.l); if (child.s === "failed") chip.classList.add("bad"); }
    line.append(chip);
  }
  if (some.length < asked.length) {
    const more = make("button", "go", `and ${whole(asked.length - CHIPS)} more`);
    more.type = "button";
    more.addEventListener("click", () => line.replaceWith(askedLine(asked, true)));
    line.append(more);
  }
  return line;
}

// Who waited for whom.
function relatives(each) {
  const parts = [];
  if (each.p.length > 1) parts.push(heading("Asked by", `one answer for ${each.p.length}`), rowsOf(each.p, (id) => seconds(lasted(node.get(id)))));
  if (!each.w.length) return parts;
  const last = each.w.map((wait) => [lastOf(each, wait), wait]).filter(([child]) => child);
  if (!last.length) return parts;
  last.sort((one, other) => other[1][1] - other[1][0] - (one[1][1] - one[1][0]));
  const waited = new Map();
  for (const [child, [from, to]] of last) waited.set(child.i, (waited.get(child.i) || 0) + to - from);
  parts.push(heading("Waited for", "the last to come of each wait"), rowsOf([...waited.keys()].slice(0, 12), (id) => `${seconds(waited.get(id))} until #${id} came`));
  return parts;
}

function rowsOf(ids, words) {
  const box = make("div", "list");
  for (const id of ids) {
    const row = link(id, "");
    row.append(make("span", "soft", `#${id}`), make("span", "text", shown(node.get(id).l)), make("span", "soft", words(id)));
    box.append(row);
  }
  return box;
}

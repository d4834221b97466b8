// The run's data, unpacked, and how numbers and texts are shown.
//
// index.run    name, started (s since 1970), end (s), ended, status, question, answer, error, model, context, limits, usage
// index.nodes  i id, d depth, l label, s state, m model, g strategy, r its reason, p parents, c children, q added, e ended,
//              w waits [from, to], a calls [asked, replied, waited, failed, cached], k cells [from, to, failed],
//              u own cost, t cost with all below, x error, z status of its answer
// a cost       [calls, prompt tokens, completion tokens, cached tokens, nano-dollars, calls of unknown price]
// index.path   the critical path: [node, from, to, kind]
// index.starts the place among all nodes of the first node of each pack of texts
// A long text is [head, characters left out, tail].

const byId = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

async function unpack(id) {
  const block = byId(id);
  const raw = atob(block.textContent);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) bytes[at] = raw.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

let index, nodes, end;
const node = new Map();
const place = new Map();
const packs = new Map();

async function open() {
  index = await unpack("index");
  nodes = index.nodes;
  end = Math.max(index.run.end, 1e-6);
  nodes.forEach((each, at) => { node.set(each.i, each); place.set(each.i, at); });
}

// The texts of the node at a place; each pack is unpacked once.
async function textsOf(id) {
  const at = place.get(id);
  let number = index.starts.length - 1;
  while (index.starts[number] > at) number--;
  return (await pack(number))[at - index.starts[number]];
}

function pack(number) {
  if (!packs.has(number)) packs.set(number, unpack(`texts-${number}`));
  return packs.get(number);
}

const ended = (each) => (each.e === null ? end : each.e);
const lasted = (each) => ended(each) - each.q;
const COST = { calls: 0, prompt: 1, completion: 2, cached: 3, nanos: 4, unknown: 5 };
const tokens = (cost) => cost[COST.prompt] + cost[COST.completion];

function seconds(value) {
  if (value < 0.0005) return "0";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(2)} s`;
  if (value < 60) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  const minutes = Math.floor(whole / 60) % 60;
  if (whole < 3600) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(minutes).padStart(2, "0")} min`;
}

const plain = new Intl.NumberFormat("en-US");
const whole = (value) => plain.format(value);

function short(value) {
  if (value < 10000) return whole(value);
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= size) return `${(value / size).toFixed(value < size * 10 ? 2 : 1)}${letter}`;
  }
  return whole(value);
}

function money(cost, brief) {
  const usd = cost[COST.nanos] / 1e9;
  const known = usd === 0 ? "$0" : usd < 0.0001 ? "<$0.0001" : `$${usd.toFixed(usd >= 1 ? 2 : 4)}`;
  if (!cost[COST.unknown]) return known;
  if (usd === 0) return brief ? "?" : "price unknown";
  return brief ? `${known}+?` : `${known} + unknown`;
}

const counted = (count, noun) => `${short(count)} ${noun}${count === 1 ? "" : "s"}`;

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/u;
const CONTROLS = new RegExp(CONTROL.source, "gu");

// A text as a person may be shown it: what cannot be seen is named, so that it can neither hide nor reorder anything.
function put(parent, text, paint) {
  let from = 0;
  if (CONTROL.test(text)) {
    for (const found of text.matchAll(CONTROLS)) {
      if (found[0] === "\r") { // a line break of another system
        if (text[found.index + 1] === "\n") {
          part(parent, text.slice(from, found.index), paint);
          from = found.index + 1;
          continue;
        }
      }
      part(parent, text.slice(from, found.index), paint);
      parent.append(make("span", "ctl", named(found[0].codePointAt(0))));
      from = found.index + found[0].length;
    }
  }
  part(parent, text.slice(from), paint);
}

function part(parent, text, paint) {
  if (!text) return;
  if (paint) paint(parent, text);
  else parent.append(text);
}

function named(code) {
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  if (code === 127) return "\u2421";
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

// The same as one string, for titles and rows.
function shown(text) {
  return CONTROL.test(text) ? text.replace(CONTROLS, (found) => named(found.codePointAt(0))) : text;
}

const joined = (text) => (Array.isArray(text) ? `${text[0]}\u2026${text[2]}` : text || "");

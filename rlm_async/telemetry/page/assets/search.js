// Search in labels, models, states and, as they are unpacked, in every text.

const finding = { words: [], hits: new Set(), order: [], number: 0, texts: new Map() };
const FIELDS = {
  state: (each, value) => each.s.startsWith(value) || each.z.startsWith(value),
  model: (each, value) => each.m.toLowerCase().includes(value),
  strategy: (each, value) => each.g.startsWith(value),
  depth: (each, value) => each.d === Number(value),
  shared: (each, value) => (each.p.length > 1) === (value !== "no"),
  path: (each, value) => critical.has(each.i) === (value !== "no"),
};

function parsed(text) {
  const words = text.toLowerCase().match(/"[^"]*"|\S+/g) || [];
  return words.map((word) => {
    const [, field, value] = /^(\w+):(.+)$/.exec(word) || [];
    if (field && Object.hasOwn(FIELDS, field)) return { test: (each) => FIELDS[field](each, value) };
    if (/^#\d+$/.test(word)) return { test: (each) => each.i === Number(word.slice(1)) };
    return { text: word.replace(/^"(.*)"$/, "$1") };
  }).filter((word) => word.test || word.text);
}

// All strings in a node's texts, in lower case.
function strings(value, found = []) {
  if (typeof value === "string") found.push(value.toLowerCase());
  else if (value && typeof value === "object") Object.values(value).forEach((each) => strings(each, found));
  return found;
}

async function find(text) {
  const number = ++finding.number;
  finding.words = parsed(text);
  finding.hits = new Set();
  finding.order = [];
  if (!finding.words.length) { told(); showOnly(false); return; }
  for (let each = 0; each < index.starts.length; each++) {
    const until = index.starts[each + 1] ?? nodes.length;
    if (finding.words.some((word) => word.text) && !finding.texts.has(each)) {
      finding.texts.set(each, (await pack(each)).map((texts) => strings(texts).join("\n")));
    }
    if (number !== finding.number) return; // another search has begun
    for (let at = index.starts[each]; at < until; at++) {
      if (matches(nodes[at], finding.texts.get(each)?.[at - index.starts[each]])) finding.hits.add(nodes[at].i);
    }
    told(each + 1 < index.starts.length);
    await new Promise((resolve) => setTimeout(resolve));
    if (number !== finding.number) return;
  }
  told();
  if (byId("only").getAttribute("aria-pressed") === "true") showOnly(true);
  if (finding.hits.size && !finding.hits.has(showing)) next(1, 0);
  showing = null;
  if (tree.chosen !== null) showDetail(tree.rows[tree.chosen].id);
}

function matches(each, texts) {
  return finding.words.every((word) => (word.test ? word.test(each) : each.l.toLowerCase().includes(word.text) || each.x.toLowerCase().includes(word.text) || (texts || "").includes(word.text)));
}

function told(more) {
  const { hits, words } = finding;
  byId("found").textContent = !words.length ? "" : more ? `${whole(hits.size)} so far` : hits.size ? `${whole(hits.size)} of ${whole(nodes.length)}` : "nothing found";
  byId("only").hidden = !hits.size;
  draw();
}

// To the next node that was found, in the order of the tree.
function next(step, from) {
  if (!finding.hits.size) return;
  const order = inOrder().filter((id) => finding.hits.has(id));
  const at = order.indexOf(showing);
  go(order[from ?? (at < 0 ? 0 : (at + step + order.length) % order.length)]);
}

function inOrder() {
  const found = [];
  const todo = roots().reverse();
  while (todo.length) {
    const id = todo.pop();
    found.push(id);
    const own = node.get(id).c.filter((child) => home(node.get(child)) === id);
    for (let at = own.length - 1; at >= 0; at--) todo.push(own[at]);
  }
  return found;
}

function showOnly(wanted) {
  byId("only").setAttribute("aria-pressed", wanted);
  tree.only = null;
  if (wanted && finding.hits.size) {
    tree.only = new Set();
    for (const id of finding.hits) {
      for (let above = id; above !== null && !tree.only.has(above); above = home(node.get(above))) tree.only.add(above);
    }
  }
  lay();
}

// Mark the words in the texts that are shown.
const MARKS = 500;
function markFound(parent) {
  const words = finding.words.filter((word) => word.text).map((word) => word.text);
  if (!words.length) return;
  const walker = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode() && texts.length < 5000) texts.push(walker.currentNode);
  let left = MARKS;
  for (let text of texts) {
    if (left <= 0) return;
    const low = text.data.toLowerCase();
    if (low.length !== text.data.length) continue;
    const found = [];
    for (const word of words) {
      for (let at = low.indexOf(word); at >= 0 && found.length < left; at = low.indexOf(word, at + word.length)) found.push([at, at + word.length]);
    }
    found.sort((one, other) => other[0] - one[0]);
    let before = Infinity;
    for (const [from, to] of found) {
      if (to > before) continue;
      before = from;
      text.splitText(to);
      const mark = make("mark");
      const middle = text.splitText(from);
      middle.replaceWith(mark);
      mark.append(middle);
      left--;
    }
  }
}

// The list: only the rows that can be seen are there, so ten thousand cost what fifty do. And the keys.

const list = byId("list");
const space = byId("space");
const pool = [];
const SIGNS = { done: "\u2713", failed: "\u2717", cancelled: "\u2013", running: "\u25cf", waiting: "\u25cc", queued: "\u00b7" };
let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; drawNow(); });
}

function drawNow() {
  const height = list.clientHeight;
  const bars = byId("bars");
  const grid = byId("grid").getBoundingClientRect();
  layColumns(bars, height);
  spread();
  const top = list.scrollTop;
  const first = Math.max(0, Math.floor(top / ROW) - 4);
  const last = Math.min(tree.rows.length, Math.ceil((top + height) / ROW) + 4);
  while (pool.length < last - first) pool.push(space.appendChild(blankRow()));
  pool.forEach((element, at) => fill(element, first + at < last ? first + at : null));
  if (grid.width) { paintBars(top, height); paintAxis(); paintOverview(); }
}

// Names take nearly half of what the numbers leave; in pixels, for a scroll bar must not shift one column against another.
function layColumns(bars, height) {
  const left = byId("left");
  const numbers = parseFloat(getComputedStyle(left).getPropertyValue("--numbers"));
  left.style.setProperty("--name", `${Math.round((list.clientWidth - numbers) * 0.46)}px`);
  const width = Math.max(0, list.clientWidth - barsLeft());
  scale.width = Math.max(0, width - MARGIN);
  bars.style.width = `${width}px`;
  bars.style.height = `${height}px`;
}

const barsLeft = () => byId("bars").offsetLeft;

function blankRow() {
  const row = make("div", "row");
  row.setAttribute("role", "treeitem");
  row.append(make("span", "name"), make("span", "num"), make("span", "num"), make("span", "num cost"));
  row.firstChild.append(make("button", "twist"), make("span", "state"), make("span", "text"), make("span", "badge"), make("span", "many"));
  row.firstChild.firstChild.tabIndex = -1;
  row.firstChild.firstChild.type = "button";
  return row;
}

function fill(element, at) {
  element.hidden = at === null;
  if (at === null) return;
  const row = tree.rows[at];
  const each = node.get(row.id);
  const [name, time, size, cost] = element.children;
  const [twist, state, text, badge, many] = name.children;
  const unfolded = !row.link && (tree.open.has(row.id) || tree.only !== null);
  element.id = `row-${at}`;
  element.style.transform = `translateY(${at * ROW}px)`;
  element.className = `row${row.link ? " link" : ""}${finding.hits.has(row.id) ? " hit" : ""}${view.critical && critical.has(row.id) ? " path" : ""}`;
  element.setAttribute("aria-level", row.level + 1);
  element.setAttribute("aria-selected", at === tree.chosen);
  if (row.of) { element.setAttribute("aria-posinset", row.at); element.setAttribute("aria-setsize", row.of); }
  if (each.c.length && !row.link) element.setAttribute("aria-expanded", unfolded);
  else element.removeAttribute("aria-expanded");
  name.style.paddingLeft = `${12 + Math.min(row.level, 24) * 15}px`;
  twist.textContent = each.c.length && !row.link ? (unfolded ? "\u25bc" : "\u25b6") : "";
  twist.setAttribute("aria-label", unfolded ? "fold" : "unfold");
  state.textContent = row.link ? "\u2197" : SIGNS[each.s];
  state.className = `state s-${each.s}`;
  state.title = each.s;
  text.textContent = shown(each.l);
  badge.hidden = !(row.link || each.p.length > 1);
  badge.textContent = row.link ? `shared, #${each.i}` : `shared by ${each.p.length}`;
  many.hidden = !each.c.length || row.link || unfolded;
  many.textContent = short(each.c.length);
  time.textContent = row.link ? "" : seconds(lasted(each));
  size.textContent = row.link ? "" : short(tokens(each.t));
  cost.textContent = row.link ? "" : money(each.t, true);
}

function spread() {
  space.style.height = `${tree.rows.length * ROW}px`;
}

function lay() {
  const id = tree.chosen === null ? null : tree.rows[tree.chosen].id;
  layRows();
  spread();  // now, not when it is drawn: a key that comes before that scrolls
  const stays = id === null ? undefined : tree.row.get(visible(id));
  tree.chosen = stays === undefined ? (tree.rows.length ? 0 : null) : stays;
  draw();
}

function choose(at, quietly) {
  if (!tree.rows.length) return;
  tree.chosen = Math.max(0, Math.min(at, tree.rows.length - 1));
  const top = tree.chosen * ROW;
  if (top < list.scrollTop + ROW) list.scrollTop = Math.max(0, top - ROW);
  else if (top + 2 * ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + 2 * ROW - list.clientHeight;
  list.setAttribute("aria-activedescendant", `row-${tree.chosen}`);
  const id = tree.rows[tree.chosen].id;
  if (!quietly) history.replaceState(null, "", `#${id}`);
  showDetail(id);
  draw();
}

// To the row of a node, wherever it is folded away.
function go(id) {
  if (!node.has(id)) return;
  if (tree.only && !tree.only.has(id)) showOnly(false);
  reveal(id);
  lay();
  const at = tree.row.get(id);
  if (at === undefined) return;
  const top = at * ROW;
  if (top < list.scrollTop || top > list.scrollTop + list.clientHeight - 2 * ROW) list.scrollTop = top - list.clientHeight / 3;
  choose(at);
}

function toggle(at, wanted) {
  const { id, link } = tree.rows[at];
  if (link) { go(id); return; }
  if (!node.get(id).c.length || tree.only) return;
  if (wanted ?? !tree.open.has(id)) tree.open.add(id);
  else tree.open.delete(id);
  lay();
}

const pageRows = () => Math.max(1, Math.floor(list.clientHeight / ROW) - 2);
const ARROWS = {
  ArrowDown: () => choose(tree.chosen + 1),
  ArrowUp: () => choose(tree.chosen - 1),
  PageDown: () => choose(tree.chosen + pageRows()),
  PageUp: () => choose(tree.chosen - pageRows()),
  Home: () => choose(0),
  End: () => choose(tree.rows.length - 1),
  ArrowRight: () => {
    const { id, link } = tree.rows[tree.chosen];
    if (link || (node.get(id).c.length && !tree.open.has(id) && !tree.only)) toggle(tree.chosen, true);
    else if (node.get(id).c.length) choose(tree.chosen + 1);
  },
  ArrowLeft: () => {
    const { id, link, above } = tree.rows[tree.chosen];
    if (!link && tree.open.has(id) && node.get(id).c.length && !tree.only) toggle(tree.chosen, false);
    else if (above !== null) choose(tree.row.get(above));
  },
  Enter: () => { toggle(tree.chosen, true); byId("detail").focus(); },
  " ": () => toggle(tree.chosen),
};

list.addEventListener("keydown", (event) => {
  const act = ARROWS[event.key];
  if (!act || tree.chosen === null || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
list.addEventListener("scroll", draw, { passive: true });
const rowAt = (event) => Math.floor((event.clientY - list.getBoundingClientRect().top + list.scrollTop) / ROW);
list.addEventListener("click", (event) => {
  const at = rowAt(event);
  if (at >= tree.rows.length) return;
  if (event.target.classList.contains("twist") && event.target.textContent) { tree.chosen = at; toggle(at); }
  choose(Math.min(at, tree.rows.length - 1));
});
list.addEventListener("dblclick", (event) => {
  if (!event.target.classList.contains("twist") && rowAt(event) < tree.rows.length) toggle(rowAt(event));
});

const intoBars = (event) => event.clientX - list.getBoundingClientRect().left - barsLeft();
list.addEventListener("wheel", (event) => {
  const left = intoBars(event);
  if (left < 0) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.01), timeAt(left));
    draw();
  } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    pan(event.deltaX / scale.width);
    draw();
  }
}, { passive: false });

list.addEventListener("pointermove", (event) => {
  const tip = byId("tip");
  const [at, left] = [rowAt(event), intoBars(event)];
  tip.hidden = left < 0 || at >= tree.rows.length;
  if (tip.hidden) return;
  tip.textContent = tipText(node.get(tree.rows[at].id), timeAt(left));
  const box = byId("grid").getBoundingClientRect();
  const y = event.clientY - box.top;
  tip.style.left = `${Math.max(4, Math.min(event.clientX - box.left + 14, box.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${y + tip.offsetHeight + 24 > box.height ? y - tip.offsetHeight - 12 : y + 16}px`;
});
list.addEventListener("pointerleave", () => { byId("tip").hidden = true; });

function tipText(each, time) {
  const said = [`#${each.i} at ${seconds(time)} of the run: ${doing(each, time)}`];
  const wait = each.w.find(([from, to]) => from <= time && time <= to);
  if (wait) {
    const open = each.c.filter((id) => node.get(id).q <= time && ended(node.get(id)) >= time);
    const last = lastOf(each, wait);
    said.push(`waits for ${counted(open.length, "sub-query").replace("querys", "queries")}${last ? `; the last to come is #${last.i}` : ""}`);
  }
  said.push(`${seconds(lasted(each))} in all, ${short(tokens(each.t))} tokens, ${money(each.t)}`);
  return said.join("\n");
}

function doing(each, time) {
  if (time < each.q) return "not there yet";
  if (time > ended(each)) return each.e === null ? each.s : `${each.s} since ${seconds(each.e)}`;
  const call = each.a.find(([asked, replied]) => asked <= time && time <= (replied ?? end));
  if (call) return time < call[0] + call[2] ? "its request is in the queue" : "its model is at work";
  if (each.w.some(([from, to]) => from <= time && time <= to)) return "waiting";
  if (each.k.some(([from, to]) => from <= time && time <= (to ?? end))) return "its code runs";
  return "there";
}

// The child that ended a wait: the last one to come.
function lastOf(each, [from, to]) {
  let found = null;
  for (const id of each.c) {
    const child = node.get(id);
    if (child.e !== null && child.e > from && child.e <= to + 1e-6 && (!found || child.e > found.e)) found = child;
  }
  return found;
}

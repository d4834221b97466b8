// Opens the page: the head, the buttons, the keys that work everywhere.

const critical = new Set();
const KEYS = [
  ["\u2191 \u2193 PgUp PgDn Home End", "go through the nodes"],
  ["\u2190 \u2192 Space", "fold, unfold"], ["e  Shift+E", "unfold all, fold all"], ["Enter", "read the node"], ["Esc", "back to the nodes; end a search"],
  ["/", "search: words, \"a phrase\", #17, state:failed, model:mini, depth:2, shared:yes, path:yes"], ["n  p", "next, previous found"],
  ["c  Shift+C", "along the critical path, and back"], ["+  \u2212  0", "look closer, from further away, at all (or Ctrl and wheel)"], [",  .", "earlier, later"],
  ["t", "light or dark"], ["?", "these keys"],
];

function head() {
  const run = index.run;
  const status = run.ended ? run.status : "not ended";
  byId("status").textContent = status;
  byId("status").classList.add(run.ended ? run.status : "running");
  byId("question").textContent = shown(joined(run.question || "") || nodes[0]?.l || "").slice(0, 600);
  byId("question").title = byId("question").textContent;
  const outcome = byId("outcome");
  const said = run.error ? run.error : run.answer;
  if (said) {
    const text = make("span", `answer${run.error ? " bad" : ""}`);
    fillText(text, said);
    outcome.append(text);
    requestAnimationFrame(() => {
      if (text.scrollHeight <= text.clientHeight + 2) return;
      const more = make("button", "", "all");
      more.type = "button";
      more.addEventListener("click", () => { more.textContent = text.classList.toggle("open") ? "less" : "all"; draw(); });
      outcome.append(more);
    });
  }
  figures();
}

function figures() {
  const run = index.run;
  const total = run.usage || nodes.reduce((sum, each) => sum.map((value, at) => value + each.u[at]), [0, 0, 0, 0, 0, 0]);
  if (run.usage && run.usage[COST.unknown]) { // the sum of an unknown is unknown: say what is known of it
    total[COST.nanos] = nodes.reduce((sum, each) => sum + each.u[COST.nanos], 0);
  }
  const limits = run.limits || {};
  const of = (name, value) => (limits[name] === undefined ? "" : ` of ${value(limits[name])}`);
  const deepest = nodes.reduce((most, each) => Math.max(most, each.d), 0);
  const shared = nodes.filter((each) => each.p.length > 1).length;
  const states = nodes.reduce((sums, each) => { sums[each.s] = (sums[each.s] || 0) + 1; return sums; }, {});
  const odd = Object.entries(states).filter(([state]) => state !== "done").map(([state, sum]) => `${short(sum)} ${state}`);
  const kinds = index.path.reduce((sums, [, from, to, kind]) => { sums[kind] = (sums[kind] || 0) + to - from; return sums; }, {});
  const words = { model: "model", queue: "queue", code: "code", worker: "worker start", wait: "waiting", else: "other" };
  const parts = Object.entries(words).filter(([kind]) => kinds[kind] > end * 0.005).map(([kind, name]) => `${Math.round((kinds[kind] / end) * 100)}% ${name}`);
  const rows = [
    [seconds(end), of("seconds", seconds), "Time"],
    [short(nodes.length), [...odd, shared ? `${short(shared)} shared` : ""].filter(Boolean).join(", "), "Nodes"],
    [String(deepest), of("depth", String), "Depth"],
    [short(total[0]), of("calls", short), "Model calls"],
    [short(tokens(total)), of("tokens", short), "Tokens"],
    [money(total), of("usd", (value) => `$${value}`), "Cost"],
    [parts.join(", ") || "\u2013", "", "Critical path"],
  ];
  if (run.context && run.context.characters) rows.push([short(run.context.characters), counted(run.context.documents, "document"), "Characters of context"]);
  if (run.started) rows.push([new Date(run.started * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }), "", `Began; run ${run.name}`]);
  for (const [value, small, name] of rows) {
    const box = make("div");
    const shownValue = make("dd", "", value);
    if (small) shownValue.append(make("small", "", ` ${small.trim()}`));
    box.append(make("dt", "", shown(name)), shownValue);
    byId("figures").append(box);
  }
}

const THEME = "rlm-async-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

function theme(name) {
  if (name) root.dataset.theme = name;
  const now = root.dataset.theme || (dark.matches ? "dark" : "light");
  byId("theme").textContent = now === "dark" ? "\u263e" : "\u2600";
  byId("theme").setAttribute("aria-label", `${now}; change`);
  readColours();
  draw();
}

function changeTheme() {
  const now = root.dataset.theme || (dark.matches ? "dark" : "light");
  const other = now === "dark" ? "light" : "dark";
  theme(other);
  try { localStorage.setItem(THEME, other); } catch { /* a page from disk may have no store: then it is for this time */ }
}

function alongPath(step) {
  const way = index.path.map(([id]) => id).filter((id, at, all) => id !== all[at - 1]);
  if (!way.length) return;
  view.step = Math.max(0, Math.min(way.length - 1, (view.step ?? (step > 0 ? -1 : way.length)) + step));
  go(way[view.step]);
}

function showKeys() {
  const box = byId("keys");
  if (!box.firstChild) {
    const all = make("dl");
    for (const [keys, words] of KEYS) {
      const names = make("dt");
      keys.split(" ").filter(Boolean).forEach((key) => names.append(make("kbd", "", key), " "));
      all.append(names, make("dd", "", words));
    }
    box.append(make("h2", "", "Keys"), all);
  }
  if (box.open) box.close();
  else box.showModal();
}

const EVERYWHERE = {
  "/": () => { byId("search").focus(); byId("search").select(); },
  n: () => next(1), p: () => next(-1),
  c: () => alongPath(1), C: () => alongPath(-1),
  e: () => { unfoldAll(); lay(); }, E: () => { foldAll(); lay(); },
  "+": () => { zoom(0.5); draw(); }, "=": () => { zoom(0.5); draw(); }, "-": () => { zoom(2); draw(); },
  0: () => { look(0, end); draw(); }, ",": () => { pan(-0.2); draw(); }, ".": () => { pan(0.2); draw(); },
  t: changeTheme, "?": showKeys,
  Escape: () => list.focus(),
};

function keys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select")) return;
    const act = EVERYWHERE[event.key];
    if (!act || byId("keys").open) return;
    event.preventDefault();
    act();
  });
  const search = byId("search");
  let pause;
  search.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(() => find(search.value), 160); });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); next(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { search.value = ""; find(""); list.focus(); }
    if (event.key === "ArrowDown") { event.preventDefault(); list.focus(); }
  });
}

function buttons() {
  const press = (id, act) => byId(id).addEventListener("click", act);
  press("theme", changeTheme);
  press("help", showKeys);
  press("fold", EVERYWHERE.E);
  press("unfold", EVERYWHERE.e);
  press("only", () => showOnly(byId("only").getAttribute("aria-pressed") !== "true"));
  press("critical", () => { view.critical = !view.critical; byId("critical").setAttribute("aria-pressed", view.critical); draw(); });
  byId("order").addEventListener("change", (event) => { tree.order = event.target.value; lay(); });
  overview(byId("overview"));
  splitter(byId("split"));
  dark.addEventListener("change", () => theme());
  window.addEventListener("hashchange", fromHash);
  new ResizeObserver(draw).observe(list);
}

function overview(holder) {
  let from = null;
  const time = (event) => ((event.clientX - holder.getBoundingClientRect().left) / holder.clientWidth) * end;
  holder.addEventListener("pointerdown", (event) => { from = time(event); holder.setPointerCapture(event.pointerId); });
  holder.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = time(event);
    if (Math.abs(to - from) > end / 200) { look(Math.min(from, to), Math.max(from, to)); draw(); }
  });
  holder.addEventListener("pointerup", () => { from = null; });
  holder.addEventListener("dblclick", () => { look(0, end); draw(); });
}

function splitter(split) {
  const width = (pixels) => { detail.style.width = `${Math.max(260, Math.min(pixels, byId("main").clientWidth - 420))}px`; draw(); };
  split.addEventListener("pointerdown", (event) => split.setPointerCapture(event.pointerId));
  split.addEventListener("pointermove", (event) => {
    if (split.hasPointerCapture(event.pointerId)) width(byId("main").getBoundingClientRect().right - event.clientX);
  });
  split.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: 40, ArrowRight: -40 }[event.key];
    if (by) { event.preventDefault(); width(detail.clientWidth + by); }
  });
}

function fromHash() {
  const id = Number(location.hash.slice(1));
  if (location.hash && node.has(id)) go(id);
}

async function start() {
  const stored = (() => { try { return localStorage.getItem(THEME); } catch { return null; } })();
  await open();
  index.path.forEach(([id]) => critical.add(id));
  byId("app").hidden = false;
  scale.to = end;
  theme(stored === "light" || stored === "dark" ? stored : undefined);
  head();
  unfoldAtFirst();
  layRows();
  keys();
  buttons();
  drawNow();
  if (location.hash && node.has(Number(location.hash.slice(1)))) fromHash();
  else choose(0, true);
  list.focus({ preventScroll: true });
  requestAnimationFrame(() => setTimeout(() => { root.dataset.ready = String(Math.round(performance.now())); }));
}

start().catch((error) => {
  byId("app").hidden = true;
  const trouble = byId("trouble");
  trouble.hidden = false;
  trouble.textContent = typeof DecompressionStream === "undefined"
    ? "This browser is too old for this page: it needs DecompressionStream (2023)."
    : `This page could not be opened: ${error}`;
});

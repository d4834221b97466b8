// What is drawn: a bar for each row, the critical path through them, the axis, the overview.

const ROW = 26;
const view = { critical: true, hover: null };

function band(pen, from, to, y, height, colour) {
  const left = Math.max(x(from), -2);
  const right = Math.min(x(to), scale.width + MARGIN);
  if (right < 0 || left > scale.width + MARGIN || right < left) return;
  pen.fillStyle = colour;
  pen.fillRect(left, y, Math.max(right - left, 1.5), height);
}

function paintBars(top, height) {
  const pen = surface(byId("bars"), scale.width + MARGIN, height);
  const { found } = ticks();
  pen.fillStyle = colours.line;
  for (const at of found) pen.fillRect(Math.round(x(at)), 0, 1, height);
  const first = Math.max(0, Math.floor(top / ROW));
  const last = Math.min(tree.rows.length - 1, Math.floor((top + height) / ROW));
  for (let at = first; at <= last; at++) {
    const row = tree.rows[at];
    const y = at * ROW - top;
    if (row.link) paintLink(pen, row, y);
    else paintNode(pen, node.get(row.id), y);
  }
  if (view.critical) paintPath(pen, top, height);
  paintAsked(pen, top, height);
}

function paintNode(pen, each, y) {
  const middle = y + ROW / 2;
  band(pen, each.q, ended(each), middle - 0.5, 1, colours.wait);
  for (const [from, to] of each.k) {
    for (const [begun, over] of without(from, to ?? ended(each), each.w)) band(pen, begun, over, middle - 4, 8, colours.code);
  }
  for (const [from, to] of each.w) band(pen, from, to, middle - 1, 2, colours.wait);
  for (const [asked, replied, waited, failed] of each.a) {
    const to = replied ?? ended(each);
    const sent = Math.min(asked + waited, to);
    if (waited > 0) band(pen, asked, sent, middle - 3, 6, colours.queue);
    band(pen, sent, to, middle - 6, 12, failed ? colours.bad : colours.model);
  }
  if (each.s === "failed") band(pen, ended(each), ended(each), middle - 8, 16, colours.bad);
  const right = x(ended(each)) + 6;
  if (right > 0 && right < scale.width - 40) {
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = colours.faint;
    pen.fillText(seconds(lasted(each)), right, middle + 4);
  }
}

// What is left of a stretch of time without others, which are in order.
function without(from, to, others) {
  const found = [];
  for (const [begun, over] of others) {
    if (over <= from || begun >= to) continue;
    if (begun > from) found.push([from, begun]);
    from = Math.max(from, over);
  }
  if (from < to) found.push([from, to]);
  return found;
}

// A shared node asked for again: when its answer was wanted here.
function paintLink(pen, row, y) {
  const middle = y + ROW / 2;
  const each = node.get(row.id);
  pen.globalAlpha = 0.5;
  band(pen, each.q, ended(each), middle - 0.5, 1, colours.faint);
  pen.globalAlpha = 1;
}

// The critical path: a line under each stretch, and an upright one where it passes from node to node.
function paintPath(pen, top, height) {
  pen.fillStyle = colours.critical;
  let before = null;
  for (const [id, from, to] of index.path) {
    const at = tree.row.get(visible(id));
    const y = at === undefined ? null : at * ROW - top + ROW / 2 + 8;
    if (y !== null && x(to) >= 0 && x(from) <= scale.width) {
      if (y > -ROW && y < height + ROW) band(pen, from, to, y, 2.5, colours.critical);
      if (before !== null && before !== y) {
        const [high, low] = [Math.max(Math.min(before, y), -10), Math.min(Math.max(before, y), height + 10)];
        if (low > high && x(from) >= -2) pen.fillRect(x(from) - 0.75, high, 1.5, low - high + 2.5);
      }
    }
    before = y;
  }
}

// The node itself, or the nearest one above it that is not folded away.
function visible(id) {
  while (id !== null && !tree.row.has(id)) id = home(node.get(id));
  return id;
}

// From the chosen node: whom it asked, and when.
function paintAsked(pen, top, height) {
  const chosen = tree.chosen === null ? null : tree.rows[tree.chosen];
  if (!chosen || chosen.link) return;
  const each = node.get(chosen.id);
  const start = tree.chosen * ROW - top + ROW / 2;
  pen.strokeStyle = colours.accent;
  pen.globalAlpha = 0.55;
  pen.lineWidth = 1;
  const seen = new Set();
  for (const child of each.c) {
    const at = tree.row.get(child);
    if (at === undefined) continue;
    const stop = at * ROW - top + ROW / 2;
    if ((stop < 0 && start < 0) || (stop > height && start > height) || stop < -ROW || stop > height + ROW) continue;
    const across = Math.round(x(node.get(child).q)) + 0.5;
    if (across < 0 || across > scale.width) continue;
    const first = seen.has(across) ? stop - ROW : start;
    seen.add(across);
    pen.beginPath();
    pen.moveTo(across, Math.max(Math.min(first, height + 10), -10));
    pen.lineTo(across, stop);
    pen.stroke();
  }
  pen.globalAlpha = 1;
}

function paintAxis() {
  const canvas = byId("axis");
  const pen = surface(canvas, canvas.clientWidth, 26);
  pen.font = "11px system-ui, sans-serif";
  const { found, step } = ticks();
  for (const at of found) {
    const left = Math.round(x(at));
    pen.fillStyle = colours.line;
    pen.fillRect(left, 18, 1, 8);
    pen.fillStyle = colours.faint;
    const text = tickText(at, step);
    const wide = pen.measureText(text).width;
    if (left + 4 + wide < scale.width) pen.fillText(text, left + 4, 17);
  }
}

const density = { columns: 0, model: null, queue: null, most: 0, tall: 0 };

// How many calls were in flight, and how many queued, at each of so many moments.
function measure(columns) {
  if (density.columns === columns) return;
  const model = new Float64Array(columns + 1);
  const queue = new Float64Array(columns + 1);
  const steps = [];
  const column = (time) => Math.min(columns, Math.max(0, Math.floor((time / end) * columns)));
  for (const each of nodes) {
    for (const [asked, replied, waited] of each.a) {
      const to = replied ?? ended(each);
      const sent = Math.min(asked + waited, to);
      model[column(sent)]++;
      model[Math.min(columns, Math.max(column(to), column(sent) + 1))]--; // one column at least: what is short is seen too
      steps.push([asked, 1], [to, -1]);
      if (waited > 0) { queue[column(asked)]++; queue[column(sent)]--; }
    }
  }
  for (let at = 1; at <= columns; at++) { model[at] += model[at - 1]; queue[at] += queue[at - 1]; }
  let [most, now, tall] = [0, 0, 0];
  steps.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  for (const [, step] of steps) { now += step; most = Math.max(most, now); }
  for (let at = 0; at < columns; at++) tall = Math.max(tall, model[at] + queue[at]);
  Object.assign(density, { columns, model, queue, most, tall });
}

function paintOverview() {
  const holder = byId("overview");
  const [width, height] = [holder.clientWidth, holder.clientHeight];
  if (width <= 0) return;
  const pen = surface(holder.firstElementChild, width, height);
  measure(Math.max(1, Math.floor(width)));
  const floor = height - 8;
  const tall = (value) => (density.tall ? (value / density.tall) * (floor - 6) : 0);
  for (const [values, below, colour] of [[density.model, null, colours.model], [density.queue, density.model, colours.queue]]) {
    pen.fillStyle = colour;
    pen.globalAlpha = 0.75;
    for (let at = 0; at < density.columns; at++) {
      const base = below ? tall(below[at]) : 0;
      if (values[at] > 0) pen.fillRect(at, floor - base - tall(values[at]), 1, tall(values[at]));
    }
  }
  pen.globalAlpha = 1;
  const shades = { model: colours.model, queue: colours.queue, code: colours.code, wait: colours.wait, worker: colours.faint, else: colours.wait };
  const across = (time) => (time / end) * width;
  for (const [, from, to, kind] of index.path) {
    pen.fillStyle = view.critical ? shades[kind] : colours.life;
    pen.fillRect(across(from), floor + 3, Math.max(across(to) - across(from), 0.5), 4);
  }
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = colours.soft;
  pen.fillText(`at most ${whole(density.most)} in flight or queued`, 2, 10);
  if (scale.from > 0 || scale.to < end) {
    pen.fillStyle = colours.paper;
    pen.globalAlpha = 0.7;
    pen.fillRect(0, 0, across(scale.from), height);
    pen.fillRect(across(scale.to), 0, width - across(scale.to), height);
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.accent;
    pen.strokeRect(across(scale.from) + 0.5, 0.5, across(scale.to) - across(scale.from) - 1, height - 1);
  }
}

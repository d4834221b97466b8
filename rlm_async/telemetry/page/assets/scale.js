// Time on the screen: the part of the run that is looked at, and what colour stands for what.

const scale = { from: 0, to: 1, width: 0 };
const colours = {};
const NAMES = ["ink", "soft", "faint", "line", "paper", "model", "queue", "code", "wait", "life", "critical", "accent", "bad", "chosen", "hover"];

function readColours() {
  const probe = make("i");
  document.body.append(probe);
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
}

const MARGIN = 14; // pixels that stay free on the right
const x = (time) => ((time - scale.from) / (scale.to - scale.from)) * scale.width;
const timeAt = (at) => scale.from + (at / scale.width) * (scale.to - scale.from);

function look(from, to) {
  const least = Math.max(end / 1e5, 1e-5);
  let span = Math.min(Math.max(to - from, least), end);
  from = Math.min(Math.max(from, 0), end - span);
  scale.from = from;
  scale.to = from + span;
}

function zoom(factor, around = (scale.from + scale.to) / 2) {
  const from = around - (around - scale.from) * factor;
  look(from, from + (scale.to - scale.from) * factor);
}

const pan = (share) => {
  const by = (scale.to - scale.from) * share;
  look(scale.from + by, scale.to + by);
};

// A canvas of the size in which it is shown, sharp on any screen; its drawing surface, in CSS pixels.
function surface(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// Round times for an axis, about one every 90 pixels.
function ticks() {
  const rough = ((scale.to - scale.from) * 90) / Math.max(scale.width, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough);
  if (step > 10) step = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600].find((each) => each >= rough) || step;
  const found = [];
  for (let at = Math.ceil(scale.from / step) * step; at <= scale.to + step * 1e-6; at += step) found.push(at);
  return { found, step };
}

function tickText(at, step) {
  if (at < step / 2) return "0";
  if (step >= 1) return at < 60 ? `${Math.round(at)} s` : seconds(at);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return digits > 2 ? `${(at * 1000).toFixed(Math.max(0, digits - 3))} ms` : `${at.toFixed(digits)} s`;
}

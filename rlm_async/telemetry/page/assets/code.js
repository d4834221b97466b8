// Blocks of text: code with its colours, outputs, long texts that open on demand.

const WORDS = "False|None|True|and|as|assert|async|await|break|case|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|match|nonlocal|not|or|pass|raise|return|try|while|with|yield";
const OURS = "context|answer|llm_query_batched|llm_query|rlm_query_batched|rlm_query|FINAL_VAR|FINAL|SUBMIT|SHOW_VARS|show_vars|peek|grep|search|chunks|count_tokens|gather|spawn|as_completed|first";
const PYTHON = new RegExp(
  `(#[^\\n]*)|([rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\\\.|[^"\\\\\\n])*"?|'(?:\\\\.|[^'\\\\\\n])*'?))|\\b(${WORDS})\\b|\\b(${OURS})\\b|\\b(\\d[\\d_.]*(?:e[+-]?\\d+)?)\\b`, "g");
const COLOURED = 30000; // characters; beyond, colours cost more than they tell

function paintPython(parent, code) {
  if (code.length > COLOURED) { parent.append(code); return; }
  let from = 0;
  for (const found of code.matchAll(PYTHON)) {
    if (!found[0]) continue;
    if (found.index > from) parent.append(code.slice(from, found.index));
    const kind = found[1] ? "c" : found[2] ? "str" : found[3] ? "k" : found[4] ? "f" : "n";
    parent.append(make("span", kind, found[0]));
    from = found.index + found[0].length;
  }
  if (from < code.length) parent.append(code.slice(from));
}

// A text that may have lost its middle.
function fillText(parent, text, paint) {
  if (!Array.isArray(text)) { put(parent, text || "", paint); return; }
  put(parent, text[0], paint);
  const lost = index.content ? `${whole(text[1])} characters left out of this page` : `${whole(text[1])} characters, not kept in this page`;
  parent.append(make("span", "left-out", `${text[0] ? "\n" : ""}[\u2026 ${lost} \u2026]${text[2] ? "\n" : ""}`));
  put(parent, text[2], paint);
}

function block(text, kind, caption) {
  const box = make("div", `block ${kind}`);
  if (caption) {
    const line = make("div", "caption");
    line.append(...[caption].flat().map((words) => make("span", "", words)));
    box.append(line);
  }
  const pre = make("pre");
  fillText(pre, text, kind === "code" ? paintPython : undefined);
  const copy = make("button", "copy", "copy");
  copy.type = "button";
  copy.addEventListener("click", () => copyText(joined(text), copy, pre));
  box.append(pre, copy);
  const size = Array.isArray(text) ? text[0].length + text[2].length : (text || "").length;
  const lines = Array.isArray(text) ? 99 : (text || "").split("\n", 18).length;
  if (size > 1400 || lines > 16) clamp(box, size);
  return box;
}

function clamp(box, size) {
  box.classList.add("clamped");
  const more = make("button", "more", `show all ${whole(size)} characters`);
  more.type = "button";
  more.addEventListener("click", () => { box.classList.remove("clamped"); more.remove(); });
  box.append(more);
}

async function copyText(text, button, pre) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch { // no right to the clipboard here: mark it, so that the usual key copies
    getSelection().selectAllChildren(pre);
    button.textContent = "selected";
  }
  setTimeout(() => { button.textContent = "copy"; }, 1200);
}

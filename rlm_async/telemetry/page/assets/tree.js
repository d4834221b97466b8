// The rows: which nodes are unfolded, in which order siblings stand, and what is left when something is searched for.

const tree = {
  open: new Set(),
  order: "asked",
  rows: [], // { id, level, link, above }: link where another parent asked for it first
  row: new Map(), // id -> the row in which it stands itself
  only: null, // ids to be shown, or null for all
  chosen: null, // the chosen row
};
const ROWS_AT_FIRST = 400;

const ORDERS = {
  asked: null,
  longest: (one, other) => lasted(node.get(other)) - lasted(node.get(one)),
  dearest: (one, other) => worth(node.get(other)) - worth(node.get(one)),
};
const worth = (each) => each.t[COST.nanos] * 1e6 + tokens(each.t);

const roots = () => nodes.filter((each) => each.p.length === 0).map((each) => each.i);
const home = (each) => (each.p.length ? each.p[0] : null);

function childrenOf(id) {
  let children = node.get(id).c;
  if (tree.only) children = children.filter((child) => tree.only.has(child));
  const order = ORDERS[tree.order];
  return order ? [...children].sort(order) : children;
}

// Unfold level by level while the rows stay few enough to be taken in, and along the critical path.
function unfoldAtFirst() {
  tree.open.clear();
  let level = roots();
  let rows = level.length;
  while (level.length) {
    const below = level.flatMap((id) => node.get(id).c.filter((child) => home(node.get(child)) === id));
    if (rows > level.length && rows + below.length > ROWS_AT_FIRST) break;
    level.forEach((id) => tree.open.add(id));
    rows += below.length;
    level = below;
  }
  const onPath = new Set(index.path.map((stretch) => stretch[0]));
  if (onPath.size <= ROWS_AT_FIRST) onPath.forEach((id) => reveal(id));
}

function reveal(id) {
  for (let above = home(node.get(id)); above !== null; above = home(node.get(above))) tree.open.add(above);
}

function layRows() {
  const rows = [];
  tree.row.clear();
  const todo = roots().filter((id) => !tree.only || tree.only.has(id)).reverse().map((id) => ({ id, level: 0, link: false, above: null }));
  while (todo.length) {
    const row = todo.pop();
    if (!row.link) tree.row.set(row.id, rows.length);
    rows.push(row);
    if (row.link || !(tree.open.has(row.id) || tree.only)) continue;
    const children = childrenOf(row.id);
    for (let at = children.length - 1; at >= 0; at--) {
      const id = children[at];
      todo.push({ id, level: row.level + 1, link: home(node.get(id)) !== row.id, above: row.id, at: at + 1, of: children.length });
    }
  }
  tree.rows = rows;
}

function foldAll() {
  tree.open.clear();
}

function unfoldAll() {
  nodes.forEach((each) => { if (each.c.length) tree.open.add(each.i); });
}

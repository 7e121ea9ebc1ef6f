// A collapsible, searchable tree of JSON. Children are created when a branch is opened, so that deep or wide content is cheap.

import { h } from "./dom.js";

const OPEN_DEPTH = 6;
const OPEN_CHILDREN = 50;
const PAGE = 200;

class Digits {
  constructor(text) {
    this.text = text;
  }
}

/** Parse JSON; numbers keep their digits if the browser supports that. Throws if the text is not JSON. */
export const parseJson = (text) =>
  JSON.parse(text, (_name, value, context) =>
    typeof value === "number" && context?.source !== undefined ? new Digits(context.source) : value,
  );

const isBranch = (value) => value !== null && typeof value === "object" && !(value instanceof Digits);
const kind = (value) =>
  value === null ? "null" : value instanceof Digits ? "number" : Array.isArray(value) ? "array" : typeof value;
const leafText = (value) => (value instanceof Digits ? value.text : JSON.stringify(value));

/** Format with two spaces of indentation and the original digits. */
export function pretty(value, indent = "") {
  if (!isBranch(value)) return leafText(value);
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((one) => inner + pretty(one, inner))
    : Object.entries(value).map(([name, one]) => `${inner}${JSON.stringify(name)}: ${pretty(one, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return parts.length ? `${open}\n${parts.join(",\n")}\n${indent}${close}` : open + close;
}

/** Create a tree, and a function that shows the values that contain a text and returns their number. */
export function tree(value) {
  const root = h("div", { class: "tree" });
  const show = (wanted) => {
    const needle = wanted.toLowerCase();
    const hits = new Set();
    const paths = new Set();
    if (needle) mark(value, null, needle, hits, paths);
    root.replaceChildren(node(null, value, 0, { needle, paths }));
    return hits.size;
  };
  show("");
  return { root, show };
}

const contains = (name, value, needle) =>
  (name !== null && String(name).toLowerCase().includes(needle)) || (!isBranch(value) && leafText(value).toLowerCase().includes(needle));

/** Collect the ancestors of each hit; return whether there is one. */
function mark(value, name, needle, hits, paths) {
  let found = contains(name, value, needle);
  if (found) hits.add({});
  if (isBranch(value)) {
    for (const [inner, one] of Object.entries(value)) {
      if (mark(one, Array.isArray(value) ? null : inner, needle, hits, paths)) found = true;
    }
    if (found) paths.add(value);
  }
  return found;
}

function node(name, value, depth, search) {
  const label = name === null ? null : [h("span", { class: "name" }, highlight(name, search.needle)), ": "];
  if (!isBranch(value)) return h("div", { class: "leaf" }, label, h("span", { class: kind(value) }, highlight(leafText(value), search.needle)));
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? "[]" : "{}";
  if (!entries.length) return h("div", { class: "leaf" }, label, open + close);
  const noun = isList ? "item" : "member";
  const branch = h(
    "details",
    {},
    h("summary", {}, label, open, h("span", { class: "folded" }, `${entries.length} ${noun}${entries.length > 1 ? "s" : ""}`), h("span", { class: "folded" }, close)),
  );
  const fill = () => {
    if (!branch.open || branch.childElementCount > 1) return;
    const list = h("div", { class: "branch" });
    const page = (from) => {
      list.append(...entries.slice(from, from + PAGE).map(([inner, one]) => node(inner, one, depth + 1, search)));
      const left = entries.length - from - PAGE;
      if (left <= 0) return;
      const more = h("button", { type: "button", class: "quiet", click: () => (more.remove(), page(from + PAGE)) }, `${left} more`);
      list.append(more);
    };
    page(0);
    branch.append(list, h("span", { class: "close" }, close));
  };
  branch.addEventListener("toggle", fill);
  branch.open = search.needle ? search.paths.has(value) || depth === 0 : depth < OPEN_DEPTH && entries.length <= OPEN_CHILDREN;
  if (depth < OPEN_DEPTH || search.needle) fill(); // immediately, so that the layout does not shift
  return branch;
}

/** Mark the searched text. */
function highlight(text, needle) {
  const at = needle ? text.toLowerCase().indexOf(needle) : -1;
  if (at < 0) return text;
  const end = at + needle.length;
  return [text.slice(0, at), h("mark", {}, text.slice(at, end)), text.slice(end)];
}

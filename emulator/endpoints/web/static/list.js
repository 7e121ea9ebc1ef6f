// A virtual list: it draws only visible rows, at most once per animation frame.

import { call as ask } from "./api.js";
import { callTag, h, short, timeOfDay } from "./dom.js";

const OVERSCAN = 6;
const CALM = 3; // larger batches are not animated, because the motion could not be followed

export class List {
  #box;
  #canvas;
  #journal;
  #choose;
  #rows = new Map();
  #row = 0;
  #length = 0;
  #drawn = false;
  #selected = null;
  #fresh = 0;

  /** choose(exchange, how) is called when the user selects an exchange; how = "open" or "move". */
  constructor(box, journal, choose) {
    this.#box = box;
    this.#canvas = box.firstElementChild;
    this.#journal = journal;
    this.#choose = choose;
    journal.addEventListener("change", ({ detail }) => this.#changed(detail));
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("click", ({ target }) => {
      const row = target.closest("[role=option]");
      if (row) choose(row.exchange, "open");
    });
    box.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
      if (step) event.preventDefault(), this.move(step);
      else if (event.key === "Enter") this.open();
    });
  }

  get #height() {
    return (this.#row ||= parseFloat(getComputedStyle(this.#box).getPropertyValue("--row")));
  }

  /** Whether the newest row is visible: then new rows slide in, otherwise the visible rows keep their position. */
  atTop = true;

  select(id, show = false) {
    this.#selected = id;
    const at = this.#journal.items.findLastIndex((item) => item.request_id === id);
    if (show && at >= 0) {
      const top = (this.#journal.items.length - 1 - at) * this.#height;
      const { scrollTop, clientHeight } = this.#box;
      if (top < scrollTop) this.#box.scrollTop = top;
      else if (top + this.#height > scrollTop + clientHeight) this.#box.scrollTop = top + this.#height - clientHeight;
    }
    this.draw();
  }

  /** Select the exchange `step` rows below. */
  move(step) {
    const { items } = this.#journal;
    if (!items.length) return;
    const at = items.findLastIndex((item) => item.request_id === this.#selected);
    const next = at < 0 ? items.length - 1 : Math.min(items.length - 1, Math.max(0, at - step));
    this.#choose(items[next], "move");
  }

  /** Open the selected exchange, or the newest. */
  open() {
    const { items } = this.#journal;
    const chosen = items.findLast((item) => item.request_id === this.#selected) ?? items.at(-1);
    if (chosen) this.#choose(chosen, "open");
  }

  toTop() {
    this.#box.scrollTop = 0;
    this.draw();
  }

  #changed({ how, count }) {
    if (how === "added") this.#fresh += count;
    if (how === "loaded") this.#fresh = 0;
    this.draw();
  }

  draw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#paint();
    });
  }

  #paint() {
    const { items } = this.#journal;
    const height = this.#height;
    const fresh = Math.min(this.#fresh, items.length);
    this.#fresh = 0;
    // Read all layout values before writing any, so that the browser computes the layout once.
    let { scrollTop, clientHeight } = this.#box;
    const atTop = (this.atTop = scrollTop < 4);
    if (this.#length !== items.length) {
      this.#length = items.length;
      this.#canvas.style.height = `${items.length * height}px`;
    }
    // Keep the position of the visible rows.
    if (!atTop && fresh) this.#box.scrollTop = scrollTop += fresh * height;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN);
    const last = Math.min(items.length - 1, Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN);
    this.#canvas.classList.toggle("sliding", fresh > 0 && fresh <= CALM && atTop);
    const rows = new Map();
    const added = [];
    for (let index = first; index <= last; index++) {
      const exchange = items[items.length - 1 - index];
      let row = this.#rows.get(exchange.request_id);
      if (!row) {
        row = render(exchange);
        if (index < fresh && fresh <= CALM) row.classList.add("new");
        added.push(row);
      }
      this.#rows.delete(exchange.request_id);
      rows.set(exchange.request_id, row);
      row.style.transform = `translateY(${index * height}px)`;
      row.setAttribute("aria-posinset", index + 1);
      row.setAttribute("aria-setsize", items.length);
      row.setAttribute("aria-selected", exchange.request_id === this.#selected);
    }
    for (const row of this.#rows.values()) row.remove();
    this.#canvas.append(...added);
    this.#rows = rows;
    const active = rows.get(this.#selected);
    if (active) this.#box.setAttribute("aria-activedescendant", active.id);
    else this.#box.removeAttribute("aria-activedescendant");
    if (this.#journal.more && last > items.length - 40) this.#journal.older();
    this.#box.dispatchEvent(new CustomEvent("painted"));
  }
}

/** The outcome of an exchange. */
export const badge = ({ outcome, code, status, fault, lost }) => {
  const [broken, refused] = [outcome === "faulted", outcome === "refused"];
  const text = broken ? `faulted · ${status ?? fault?.name}` : refused ? `${status}${code ? ` · ${code}` : ""}` : outcome;
  return h("span", { class: `badge ${outcome}${lost ? " lost" : ""}` }, text, lost && !broken && " · response lost");
};

const oneLine = (text) => text.slice(0, 300).replace(/\s+/g, " ");

/** Match the path of a subscription request, with the SID if there is one. */
export const subscription = ({ path }) => /\/UserDefinedMessageSubscriptions(?:\/(\w+))?(?:\.\w+)?$/.exec(path);

let asking = Promise.resolve();

/** Shown instead of content. List entries have no callback, so it is requested for each visible row. */
function subscribed(exchange) {
  const [, sid] = subscription(exchange);
  const text = h("span", {}, sid ? short(sid) : exchange.callback);
  const look = async () => {
    if (text.isConnected) text.textContent = exchange.callback = (await ask(`/_emulator/requests/${exchange.request_id}`)).request.form.Callback || "without Callback";
  };
  if (!sid && exchange.callback === undefined) asking = asking.then(look).catch(() => {});
  return [h("i", {}, { POST: "Subscribe", DELETE: "Unsubscribe" }[exchange.method] ?? exchange.method, " "), text];
}

function render(exchange) {
  const { account_sid: account, call_sid: call, content, idempotency_key: key, rule, fault } = exchange;
  const keyed = key && `key ${oneLine(key)}`;
  const row = h(
    "div",
    { role: "option", id: `row-${exchange.request_id}`, class: exchange.lost ? "faulted" : exchange.outcome },
    h("span", { class: "line" }, content ? oneLine(content) : subscription(exchange) ? subscribed(exchange) : h("i", {}, `${exchange.method} ${content === "" ? "with empty Content" : "without Content"}`)),
    h("time", { datetime: exchange.received_at, title: exchange.received_at }, timeOfDay(exchange.received_at)),
    h(
      "span",
      { class: "meta" },
      call && callTag(call),
      account && h("span", { class: "account", title: account }, short(account)),
      fault ? h("span", { class: "why" }, [fault.delay > 0 && `${fault.delay.toFixed(2)} s late`, fault.rule, keyed].filter(Boolean).join(" · ")) : rule ? h("span", { class: "why" }, oneLine(rule.says.replace(/^\d+(\/\d+)? /, ""))) : key && h("span", { class: "key", title: key }, keyed),
    ),
    badge(exchange),
  );
  row.exchange = exchange;
  return row;
}

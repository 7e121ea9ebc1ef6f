// One exchange, whole: what became of it and why, its content, its thread, request and reply.

import { advice } from "./advice.js";
import { call, query } from "./api.js";
import { FORMS, copy, download } from "./copy.js";
import { $, callTag, h, timeOfDay } from "./dom.js";
import { badge } from "./list.js";
import { toast } from "./notice.js";
import { parseJson, pretty, tree } from "./tree.js";

const copied = (text, name) => copy(text).then(() => toast(`Copied ${name}.`), () => toast("The browser does not let us copy."));
const section = (title, ...children) => h("section", {}, h("h3", {}, title), children);
const button = (text, act, attributes = {}) => h("button", { type: "button", click: act, ...attributes }, text);

export class Detail {
  #box = $("detail");
  #asked = new AbortController();
  #deeds;

  /** deeds: `find(field, value)`, `open(id)`, `again(exchange)`, `call(exchange)`, `close()`. */
  constructor(deeds) {
    this.#deeds = deeds;
  }

  /** Show the exchange with this request id, or nothing. */
  async show(id) {
    this.#asked.abort();
    const { signal } = (this.#asked = new AbortController());
    if (!id) return this.#box.replaceChildren($("nothing").content.cloneNode(true));
    try {
      const exchange = await call(`/_emulator/requests/${encodeURIComponent(id)}`, { signal });
      const sid = exchange.outcome === "created" && exchange.message_sid;
      const message = sid && (await call(`/_emulator/messages/${sid}`, { signal }).catch(() => null));
      if (!signal.aborted) this.#fill(exchange, message);
    } catch (error) {
      if (signal.aborted) return;
      this.#box.replaceChildren(h("div", { class: "nothing" }, h("h2", { tabindex: -1 }, "Not here"), h("p", {}, error.message), button("Close", this.#deeds.close)));
    }
  }

  focus() {
    this.#box.querySelector("h2")?.focus();
  }

  #fill(exchange, message) {
    this.#box.replaceChildren(
      this.#head(exchange),
      ...[
        exchange.rule && refusal(exchange),
        content(exchange, message),
        exchange.idempotency_key && this.#thread(exchange),
        h("div", { class: "pair" }, section("Request", sent(exchange.request)), section("Reply", replied(exchange.reply))),
      ].filter(Boolean),
    );
    this.#box.scrollTop = 0;
  }

  #head(exchange) {
    const { account_sid: account, call_sid: sid, idempotency_key: key, rule, duration, received_at: at } = exchange;
    const title = rule ? rule.says.replace(/^\d+(\/\d+)? ?/, "") : { created: "Message created", replayed: "Message replayed", mismatch: "Replayed, but not the same request", preflight: "Preflight" }[exchange.outcome];
    const row = (name, value, shown = value, field = null) =>
      value != null && [
        h("dt", {}, name),
        h("dd", {}, button(shown, () => copied(value, name), { class: "value", title: `Copy ${value}` }), field && button("only", () => this.#deeds.find(field, value), { class: "quiet", "aria-label": `Only this ${field}` })),
      ];
    const forms = h("div", { id: "copy-menu", popover: "auto", class: "menu" },
      FORMS.map(([name, form]) => button(name, () => ($("copy-menu").hidePopover(), copied(form(exchange), name)))),
      button("Download JSON", () => download(`${exchange.request_id}.json`, exchange)));
    return h("header", {},
      h("div", { class: "bar" },
        button("‹ List", this.#deeds.close, { class: "back" }),
        badge(exchange),
        h("h2", { tabindex: -1 }, title),
        button("Send again", () => this.#deeds.again(exchange)),
        sid && button("Call…", () => this.#deeds.call(exchange)),
        h("button", { type: "button", popovertarget: "copy-menu", id: "copy-as", "aria-haspopup": "true" }, "Copy as ▾"),
        forms),
      h("dl", { class: "facts" },
        row("Call", sid, sid && callTag(sid, sid), "call"),
        row("Account", account, account, "account"),
        row("Message", exchange.message_sid),
        row("Key", key, key, "key"),
        row("Received", at, `${timeOfDay(at)}${duration === null ? "" : `  ·  ${(duration * 1000).toFixed(1)} ms`}`),
        row("Request", exchange.request_id)));
  }

  #thread(exchange) {
    const list = h("ol", { class: "thread" });
    const { account_sid, call_sid, idempotency_key } = exchange;
    call(query("/_emulator/requests", { account_sid, call_sid, idempotency_key, limit: 100 }), { signal: this.#asked.signal }).then(
      ({ requests, count }) => {
        const first = requests.find((one) => one.outcome === "created");
        list.append(...requests.map((one) => h("li", {},
          button([badge(one), h("time", {}, timeOfDay(one.received_at)), h("span", { class: "line" }, one === first ? "original" : one.content === first?.content ? "same content" : one.content ?? "no Content")],
            () => this.#deeds.open(one.request_id), { "aria-current": one.request_id === exchange.request_id && "true" }))));
        if (count > requests.length) list.append(h("li", {}, `and ${count - requests.length} more`));
      }, () => {});
    return section("Idempotency", h("p", {}, "Requests of this call with the key ", h("code", {}, idempotency_key)), list);
  }
}

function refusal({ rule }) {
  const link = /https:\/\/[^\s();]+/.exec(rule.source)?.[0];
  const what = advice(rule.name);
  return h("section", { class: "refusal" },
    h("h3", {}, "Why it was refused"),
    rule.reason && h("p", { class: "reason" }, rule.reason),
    what && h("p", { class: "advice" }, what),
    h("p", { class: "source" },
      h("span", { class: `certainty ${rule.certainty}` }, rule.certainty), " ",
      h("code", {}, rule.name), " — ",
      link ? [rule.source.slice(0, rule.source.indexOf(link)), h("a", { href: link, target: "_blank", rel: "noreferrer" }, link), rule.source.slice(rule.source.indexOf(link) + link.length)] : rule.source));
}

function content({ content: text }, message) {
  if (text === null) return section("Content", h("p", { class: "none" }, "The request carried none."));
  const remarks = [...(message?.notes ?? []), ...(message?.schemas ?? []).map(({ name, valid, errors }) => (valid ? `Schema ${name}: valid` : `Schema ${name}: ${errors.map((one) => `${one.pointer || "/"} ${one.message}`).join("; ")}`))];
  const raw = h("pre", { class: "raw", tabindex: 0, role: "region", "aria-label": "Content as it came" }, text);
  const tools = [button("Copy", () => copied(text, "content"))];
  let view = raw;
  try {
    const value = parseJson(text);
    const { root, show } = tree(value);
    const hits = h("output", {});
    const find = h("input", { type: "search", placeholder: "Find in content", "aria-label": "Find in content", input: () => {
      const count = show(find.value);
      hits.textContent = find.value && `${count} found`;
    } });
    const whole = h("pre", { class: "raw", tabindex: 0, role: "region", "aria-label": "Content, indented" });
    const views = { Tree: root, Indented: whole, Raw: raw };
    const group = h("div", { class: "choice", role: "group", "aria-label": "View" }, Object.keys(views).map((name) => button(name, ({ target }) => {
      if (name === "Indented") whole.textContent = pretty(value);
      place.replaceChildren(views[name]);
      for (const one of group.children) one.setAttribute("aria-pressed", one === target);
    }, { "aria-pressed": String(name === "Tree") })));
    tools.unshift(hits, find, group);
    view = root;
  } catch {
    // No JSON, or too deep: as it came.
  }
  const place = h("div", { class: "sheet" }, view);
  return h("section", {}, h("div", { class: "bar" }, h("h3", {}, "Content"), tools), place, remarks.length > 0 && h("ul", { class: "remarks" }, remarks.map((one) => h("li", {}, one))));
}

const headers = (list) => h("details", {}, h("summary", {}, `${list.length} headers`),
  h("dl", { class: "headers" }, list.map(({ name, value }) => [h("dt", {}, name), h("dd", {}, value)])));
const block = (name, text) => h("pre", { class: "raw", tabindex: 0, role: "region", "aria-label": name }, text);

const sent = (request) => [
  h("p", { class: "first" }, h("b", {}, request.method), " ", request.target),
  headers(request.headers),
  request.body ? block("Request body", request.body) : h("p", { class: "none" }, "No body"),
  request.body_cut && h("p", { class: "none" }, `The first 64 KiB of ${request.body_size} bytes`),
  h("p", { class: "none" }, `${request.scheme} from ${request.peer}`),
];

export const replied = (reply) => [h("p", { class: "first" }, h("b", {}, reply.status)), headers(reply.headers), reply.body ? block("Reply body", indented(reply.body)) : h("p", { class: "none" }, "No body")];

function indented(text) {
  try {
    return pretty(parseJson(text));
  } catch {
    return text;
  }
}

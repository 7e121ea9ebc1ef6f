// Details of an exchange: outcome and reason, content, retries, request and response.

import { deliveryText, findingText, isGood } from "./findings.js";
import { call, query } from "./api.js";
import { FORMS, copy, download } from "./copy.js";
import { $, callTag, h, throttled, timeOfDay } from "./dom.js";
import { badge, subscription } from "./list.js";
import { toast } from "./notice.js";
import { parseJson, pretty, tree } from "./tree.js";

const copied = (text, name) => copy(text).then(() => toast(`Copied ${name}.`), () => toast("The browser blocked copying."));
const section = (title, ...children) => h("section", {}, h("h3", {}, title), children);
const ATTEMPTS = 100;
const CALL = /^CA[0-9a-fA-F]{32}$/; // the API's pattern of a CallSid
const button = (text, act, attributes = {}) => h("button", { type: "button", click: act, ...attributes }, text);

export class Detail {
  #box = $("detail");
  #asked = new AbortController();
  #actions;
  #retries;
  #again = throttled(500, () => this.shown && this.#fillRetries().catch(() => {}));

  /** The exchange that is shown, or null. */
  shown = null;

  /** actions: `find(field, value)`, `open(id)`, `again(exchange)`, `call(exchange)`, `talk(call_sid)`, `close()`. */
  constructor(actions) {
    this.#actions = actions;
  }

  /** Show the exchange with this request id; null = none. */
  async show(id) {
    this.#asked.abort();
    const { signal } = (this.#asked = new AbortController());
    this.shown = null;
    if (!id) return this.#box.replaceChildren($("nothing").content.cloneNode(true));
    try {
      const exchange = await call(`/_emulator/requests/${encodeURIComponent(id)}`, { signal });
      const sid = exchange.outcome === "created" && exchange.message_sid;
      const message = sid && (await call(`/_emulator/messages/${sid}`, { signal }).catch(() => null));
      if (!signal.aborted) this.#fill(exchange, message);
    } catch (error) {
      if (signal.aborted) return;
      this.#box.replaceChildren(h("div", { class: "nothing" }, h("h2", { tabindex: -1 }, "Not found"), h("p", {}, error.message), button("Close", this.#actions.close)));
    }
  }

  focus() {
    this.#box.querySelector("h2")?.focus();
  }

  /** Update the retries if another attempt of the shown exchange arrived. */
  handleEvents(events) {
    const { request_id, call_sid, idempotency_key: key, content } = this.shown ?? {};
    const mine = ({ kind, data }) => kind === "request" && data.call_sid === call_sid && data.request_id !== request_id && ((key && data.idempotency_key === key) || data.content === content);
    if (this.shown && events.some(mine)) this.#again();
  }

  /** Show the attempts that belong to the shown exchange, unless it is the only one and has no findings. */
  async #fillRetries() {
    const { account_sid, call_sid, idempotency_key, request_id } = this.shown;
    const section = this.#retries;
    const path = query("/_emulator/retries", { account_sid, call_sid, idempotency_key, after: this.shown.seq - 1, limit: 300 });
    const { retries } = await call(path, { signal: this.#asked.signal });
    const { attempts, findings, messages } = retries.find((one) => one.attempts.some((attempt) => attempt.request_id === request_id)) ?? {};
    if (!findings || attempts.length + findings.length < 2) return;
    const focused = [...section.querySelectorAll("button")].indexOf(document.activeElement);
    section.replaceChildren(
      h("h3", {}, `Attempts: ${attempts.length}${subscription(this.shown) ? "" : `, messages created: ${messages}`}`),
      h("ul", {}, findings.map((finding) => h("li", { class: isGood(finding) ? "good" : "bad" }, findingText(finding)))),
      h("ol", { class: "retries" }, attempts.slice(0, ATTEMPTS).map((one, at) => h("li", {},
        button([badge(one), h("time", {}, timeOfDay(one.received_at)), h("span", { class: "line" }, at ? `after ${Number(one.gap.toFixed(3))} s` : "original", one.idempotency_key === null ? " · without key" : ` · key ${one.idempotency_key}`)],
          () => this.#actions.open(one.request_id), { "aria-current": one.request_id === request_id && "true" })))),
      attempts.length > ATTEMPTS && h("p", {}, `and ${attempts.length - ATTEMPTS} more`) || "");
    section.hidden = false;
    section.querySelectorAll("button")[focused]?.focus();
  }

  #fill(exchange, message) {
    this.shown = exchange;
    this.#retries = h("section", { hidden: true });
    this.#box.replaceChildren(
      this.#head(exchange),
      ...[
        exchange.fault ? fault(exchange) : exchange.rule && refusal(exchange),
        !subscription(exchange) && content(exchange, message),
        this.#retries,
        h("div", { class: "pair" }, section("Request", requestView(exchange.request)), section("Response", exchange.lost && h("p", { class: "lost" }, lost(exchange)), exchange.reply && responseView(exchange.reply))),
      ].filter(Boolean),
    );
    this.#fillRetries().catch(() => {});
    this.#box.scrollTop = 0;
  }

  #head(exchange) {
    const { account_sid: account, call_sid: sid, idempotency_key: key, rule, duration, received_at: at, delivered } = exchange;
    const subscribes = subscription(exchange);
    const { Callback: url, Method: method } = exchange.request.form;
    const thing = subscribes ? "Subscription" : "Message";
    const title = exchange.fault && exchange.outcome === "faulted" ? "Injected fault" : rule ? rule.says.replace(/^\d+(\/\d+)? ?/, "") : { created: `${thing} created${exchange.lost ? ", response lost" : ""}`, replayed: `${thing} replayed`, deleted: "Subscription deleted", mismatch: "Replayed for a different request", preflight: "Preflight" }[exchange.outcome];
    const row = (name, value, shown = value, field = null, more = null) =>
      value != null && [
        h("dt", {}, name),
        h("dd", {}, button(shown, () => copied(value, name), { class: "value", title: `Copy ${value}` }), field && button("only", () => this.#actions.find(field, value), { class: "quiet", "aria-label": `Only this ${field}` }), more),
      ];
    const forms = h("div", { id: "copy-menu", popover: "auto", class: "menu" },
      FORMS.filter(([name]) => !subscribes || /curl|JSON/.test(name)).map(([name, form]) => button(name, () => ($("copy-menu").hidePopover(), copied(form(exchange), name)))),
      button("Download JSON", () => download(`${exchange.request_id}.json`, exchange)));
    return h("header", {},
      h("div", { class: "bar" },
        button("‹ List", this.#actions.close, { class: "back" }),
        badge(exchange),
        h("h2", { tabindex: -1 }, title),
        !subscribes && button("Send again", () => this.#actions.again(exchange)),
        sid && button("Call…", () => this.#actions.call(exchange)),
        h("button", { type: "button", popovertarget: "copy-menu", id: "copy-as", "aria-haspopup": "true" }, "Copy as ▾"),
        forms),
      h("dl", { class: "facts" },
        row("Call", sid, sid && callTag(sid, sid), "call", CALL.test(sid) && button("conversation", () => this.#actions.talk(sid), { class: "quiet", "aria-label": "Conversation of this call" })),
        row("Account", account, account, "account"),
        row("Message", exchange.message_sid),
        delivered && [h("dt", {}, "End user"), h("dd", { class: delivered.to === null && "bad" }, deliveryText(delivered))],
        subscribes && [row("Callback", url || null), url && row("Method", method || "POST"), row("Subscription", subscribes[1] ?? /"sid": "(ZY\w+)/.exec(exchange.reply?.body)?.[1])],
        row("Key", key, key, "key"),
        row("Received", at, `${timeOfDay(at)}${duration === null ? "" : `  ·  ${(duration * 1000).toFixed(1)} ms`}`),
        row("Request", exchange.request_id)));
  }
}

function fault({ fault, rule }) {
  return h("section", { class: "refusal fault" },
    h("h3", {}, "Fault"),
    h("p", { class: "advice" }, fault.effect, rule && ` Response: ${rule.says}.`),
    rule && h("p", {}, rule.advice),
    h("p", { class: "source" }, "by ", h("code", {}, fault.rule), fault.rule.startsWith("magic-") && " (selected by the CallSid)", " — ", h("code", {}, fault.name)));
}

function refusal({ rule }) {
  const link = /https:\/\/[^\s();]+/.exec(rule.source)?.[0];
  return h("section", { class: "refusal" },
    h("h3", {}, "Reason"),
    rule.reason && h("p", { class: "reason" }, rule.reason),
    h("p", { class: "advice" }, rule.advice),
    h("p", { class: "source" },
      h("span", { class: `certainty ${rule.certainty}` }, rule.certainty), " ",
      h("code", {}, rule.name), " — ",
      link ? [rule.source.slice(0, rule.source.indexOf(link)), h("a", { href: link, target: "_blank", rel: "noreferrer" }, link), rule.source.slice(rule.source.indexOf(link) + link.length)] : rule.source));
}

function content({ content: text }, message) {
  if (text === null) return section("Content", h("p", { class: "none" }, "The request has no Content."));
  const remarks = [...(message?.notes ?? []), ...(message?.schemas ?? []).map(({ name, valid, errors }) => (valid ? `Schema ${name}: valid` : `Schema ${name}: ${errors.map((one) => `${one.pointer || "/"} ${one.message}`).join("; ")}`))];
  const raw = h("pre", { class: "raw", tabindex: 0, role: "region", "aria-label": "Raw content" }, text);
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
    // Not JSON, or nested too deeply: show the raw text.
  }
  const place = h("div", { class: "sheet" }, view);
  return h("section", {}, h("div", { class: "bar" }, h("h3", {}, "Content"), tools), place, remarks.length > 0 && h("ul", { class: "remarks" }, remarks.map((one) => h("li", {}, one))));
}

const lost = ({ reply, fault }) => (reply ? `The client did not receive this response${fault ? "" : ", because it had disconnected"}.` : `No response: ${fault.effect[0].toLowerCase()}${fault.effect.slice(1)}`);
const headers = (list) => h("details", {}, h("summary", {}, `${list.length} headers`),
  h("dl", { class: "headers" }, list.map(({ name, value }) => [h("dt", {}, name), h("dd", {}, value)])));
const block = (name, text) => h("pre", { class: "raw", tabindex: 0, role: "region", "aria-label": name }, text);

const requestView = (request) => [
  h("p", { class: "first" }, h("b", {}, request.method), " ", request.target),
  headers(request.headers),
  request.body ? block("Request body", request.body) : h("p", { class: "none" }, "No body"),
  request.body_cut && h("p", { class: "none" }, `The first 64 KiB of ${request.body_size} bytes`),
  h("p", { class: "none" }, `${request.scheme} from ${request.peer}`),
];

export const responseView = (reply) => [h("p", { class: "first" }, h("b", {}, reply.status)), headers(reply.headers), reply.body ? block("Response body", indented(reply.body)) : h("p", { class: "none" }, "No body")];

function indented(text) {
  try {
    return pretty(parseJson(text));
  } catch {
    return text;
  }
}

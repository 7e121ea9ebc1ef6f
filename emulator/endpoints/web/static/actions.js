// Actions of the user: send a message, register or end a call, reset, set the clock. All use the public API.

import { call, query } from "./api.js";
import { responseView } from "./detail.js";
import { $, callTag, h } from "./dom.js";
import { toast, undoable } from "./notice.js";
import { DEFAULTS } from "./welcome.js";

const UNDO_SECONDS = 5;
const failed = (error) => toast(error.message);
const fields = (form) => Object.fromEntries(new FormData(form));

function fill(form, values) {
  for (const [name, value] of Object.entries(values)) if (value != null) form.elements[name].value = value;
}

/** Open a dialog; the browser keeps the focus inside and restores it afterwards. */
export const open = (id) => $(id).open || $(id).showModal();

/** focus() returns the account and call of the selected request, if any. */
export function install(focus) {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.closest("[data-close]")) dialog.close();
    });
  }
  const on = (id, form, act) => {
    $(id).querySelector(form).addEventListener("submit", (event) => {
      event.preventDefault();
      act(event.target, event.submitter).catch(failed);
    });
  };
  const show = (id, prepare) => $(`open-${id}`).addEventListener("click", () => (prepare(), open(id)));

  show("send", () => send({ account: focus().account_sid, call: focus().call_sid }));
  on("send", "form", deliver);
  $("new-key").addEventListener("click", () => ($("send").querySelector("form").elements.key.value = crypto.randomUUID?.() ?? String(Date.now())));
  show("calls", () => calls(focus()));
  on("calls", "form", register);
  show("clock", () => clock());
  on("clock", "form", move);
  show("reset", () => scopes("scopes", focus(), "Everything, including clock and seed"));
  on("reset", "form", async (form) => (reset(fields(form)), $("reset").close()));
  clock().catch(() => {});
}

/** Prepare the message to send. */
export function send(values) {
  const form = $("send").querySelector("form");
  if (!form.elements.account.value) fill(form, DEFAULTS);
  fill(form, values);
  $("answer").replaceChildren();
}

export function sendAgain({ account_sid, call_sid, content, idempotency_key }) {
  send({ account: account_sid, call: call_sid, content: content ?? "", key: idempotency_key ?? "" });
  open("send");
}

async function deliver(form) {
  const { account, token, call: sid, key, content } = fields(form);
  const [accountSid, callSid] = [account, sid].map((one) => encodeURIComponent(one.trim()));
  const credentials = new TextEncoder().encode(`${account.trim()}:${token}`);
  const answer = $("answer");
  const response = await fetch(`/2010-04-01/Accounts/${accountSid}/Calls/${callSid}/UserDefinedMessages.json`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(String.fromCharCode(...credentials))}` },
    body: new URLSearchParams({ Content: content, ...(key && { IdempotencyKey: key }) }),
    credentials: "omit", // otherwise the browser opens its own dialog on a 401
  }).catch(() => null);
  if (!response) return answer.replaceChildren(h("h3", {}, "No response"), h("p", {}, "The connection was closed. The list shows the outcome of the request."));
  const headers = [...response.headers].map(([name, value]) => ({ name, value }));
  answer.replaceChildren(...[h("h3", {}, "Response"), responseView({ status: response.status, headers, body: await response.text() })].flat());
}

/** Show the registered calls, and a form for one. */
export async function calls({ account_sid, call_sid } = {}) {
  fill($("calls").querySelector("form"), { call: call_sid ?? DEFAULTS.call, account: account_sid ?? "" });
  const list = $("registered");
  try {
    const known = (await call("/_emulator/calls")).calls;
    list.replaceChildren(...known.map((one) => h("li", {}, callTag(one.call_sid), h("span", { class: "line" }, `${one.status} · ${one.client}`),
      h("button", { type: "button", click: () => put(one.call_sid, { account_sid: one.account_sid, client: one.client, status: "completed" }).catch(failed) }, "End"),
      h("button", { type: "button", click: () => call(`/_emulator/calls/${one.call_sid}`, { method: "DELETE" }).then(() => calls({ account_sid, call_sid }), failed) }, "Delete"))));
    if (!known.length) list.replaceChildren(h("li", { class: "none" }, "No calls are registered. The option calls determines which other calls exist."));
  } catch (error) {
    failed(error);
  }
}

async function put(sid, state) {
  await call(`/_emulator/calls/${encodeURIComponent(sid)}`, { method: "PUT", json: state });
  toast(`The call is ${state.status}.`);
  await calls({ account_sid: state.account_sid, call_sid: sid });
}

const register = (form, button) => {
  const { call: sid, account, status, client } = fields(form);
  return put(sid.trim(), { account_sid: account.trim() || null, client, status: button.value || status });
};

/** Show the emulator's time, after a change if one is given. */
export async function clock(change) {
  const { now, frozen } = await call("/_emulator/clock", change && { method: "PUT", json: change });
  $("now").textContent = `${now}${frozen ? ", frozen" : ""}`;
  $("frozen").hidden = !frozen;
  $("frozen").textContent = `Clock frozen at ${now.slice(11, 19)} UTC`;
  if (!$("freeze").value || change) $("freeze").value = now;
}

const move = (form, { value }) => {
  const { freeze, seconds } = fields(form);
  return clock({ freeze: { freeze }, advance: { advance: Number(seconds) }, reset: { reset: true } }[value]);
};

/** Show the scopes to choose from; the value is `name sid`. */
export function scopes(box, { account_sid, call_sid }, everything) {
  const choices = [call_sid && ["call_sid", call_sid, "Call "], account_sid && ["account_sid", account_sid, "Account "], ["", "", everything]].filter(Boolean);
  $(box).replaceChildren(...choices.map(([name, value, text], index) =>
    h("label", { class: "radio" }, h("input", { type: "radio", name: "scope", value: `${name} ${value}`, checked: index === 0 }), h("span", {}, text, value && h("code", {}, value)))));
}

function reset({ scope }) {
  const [name, value] = [scope.slice(0, scope.indexOf(" ")), scope.slice(scope.indexOf(" ") + 1)];
  undoable(value ? `Reset ${value}` : "Reset everything", UNDO_SECONDS, () =>
    call(query("/_emulator/reset", { [name]: value }), { method: "POST" })
      .then(({ requests }) => (toast(`Reset: ${requests} request${requests === 1 ? "" : "s"} deleted.`), clock()))
      .catch(failed));
}

/** Ask for the control token. */
export function askToken(wrong) {
  const dialog = $("token");
  const form = dialog.querySelector("form");
  $("token-wrong").hidden = !wrong;
  form.reset();
  open("token");
  return new Promise((resolve) => {
    form.onsubmit = (event) => (event.preventDefault(), resolve(form.elements.token.value), dialog.close());
    dialog.onclose = () => resolve(null);
  });
}

// Fault rules: a banner that shows active rules, and a panel that adds and removes them. They are requested after events that
// change them, and periodically while the page is visible; the remaining time is counted here.

import { open, scopes } from "./actions.js";
import { call } from "./api.js";
import { $, h, short } from "./dom.js";
import { toast } from "./notice.js";

const PATH = "/_emulator/faults";
const EVERY = 5000; // other programs add rules too
const EACH = 5; // minimum interval per rule, because a response with 10,000 is large
const LISTED = 100;
const NAMED = 2;
const SHOWN = 100;
const ENDLESS = Infinity;

const form = $("faults").querySelector("form");
const { elements } = form;
let rules = [];
let profiles = [];
let kinds = [];
let asked = 0;
let due = ENDLESS;
let timer, tick;

/** focus() returns the account and call of the selected request, if any. */
export function install(focus) {
  elements.fault.addEventListener("change", choose);
  form.addEventListener("submit", (event) => (event.preventDefault(), add()));
  $("open-faults").addEventListener("click", () => {
    scopes("fault-scopes", focus(), "Everything");
    say("");
    open("faults");
    refresh();
  });
  $("mend").addEventListener("click", () => remove(active().length > 1 ? "" : `/${active()[0].id}`));
  $("mend-all").addEventListener("click", () => remove(""));
  document.addEventListener("visibilitychange", () => soon(0));
  addEventListener("focus", () => soon(0));
  refresh();
}

/** Refresh after a fault, which changes counters, and after a reset, which deletes rules. */
export const handleEvents = (events) => events.some(({ kind, data }) => kind === "reset" || data.fault) && soon(400);

/** Refresh after a delay in milliseconds, unless the page is hidden or an earlier refresh is planned. */
export function soon(wait) {
  const now = performance.now();
  const at = now + Math.max(wait, rules.length * EACH);
  if (document.hidden || at >= due) return;
  clearTimeout(timer);
  timer = setTimeout(refresh, (due = at) - now);
}

async function refresh() {
  clearTimeout(timer);
  due = ENDLESS;
  const mine = ++asked;
  try {
    const page = await call(PATH);
    if (mine !== asked) return;
    const now = performance.now();
    rules = page.faults.map((rule) => ({ ...rule, ends: rule.seconds_left === null ? ENDLESS : now + rule.seconds_left * 1000 }));
    if (!profiles.length) {
      ({ profiles, kinds } = page);
      for (const [group, listed] of Object.entries({ profiles, kinds })) $(group).append(...listed.map(({ name }) => h("option", {}, name)));
      elements.fault.selectedIndex = 0;
      choose();
    }
    draw();
  } catch (error) {
    if (error.status === 401) return; // do not ask again for a token that the user did not enter
  }
  soon(EVERY);
}

/** Show the effect of a profile, or the editor of a custom rule. */
function choose() {
  const { value } = elements.fault;
  const profile = profiles.find(({ name }) => name === value);
  const kind = kinds.find(({ name }) => name === value);
  $("own").hidden = !kind;
  $("fault-does").textContent = profile?.does ?? `${kind.does} The rule may also contain match, probability and seed.`;
  if (kind) elements.then.value = JSON.stringify({ then: kind.then }, null, 1).replace(/\n */g, " ");
}

const active = () => rules.filter((rule) => rule.active);
const sentence = (...parts) => parts.filter(Boolean).join(" · ");
const plural = (count, one, more) => `${count} ${count === 1 ? one : more}`;

function draw() {
  const now = performance.now();
  rules = rules.filter(({ ends }) => ends > now);
  const left = ({ ends }) => {
    const seconds = Math.ceil((ends - now) / 1000);
    return ends < ENDLESS && `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} left`;
  };
  const live = active();
  const one = live[0];
  $("broken").classList.toggle("on", Boolean(one));
  // Change the live region with the rules, not every second.
  const words = one ? `${plural(live.length, "fault is", "faults are")} active: ${live.slice(0, NAMED).map(title).join("; ")}${live.length > NAMED ? "; …" : ""}` : "";
  if ($("broken-words").textContent !== words) $("broken-words").textContent = words;
  $("broken-count").textContent = one ? sentence(`${live.reduce((sum, { fired }) => sum + fired, 0)} fired`, live.length === 1 && left(one)) : "";
  $("mend").hidden = !one;
  $("mend").textContent = live.length > 1 ? "Remove all" : "Remove";

  const listed = new Map(rules.slice(0, LISTED).map((rule) => [rule.id, rule]));
  for (const row of [...$("rules").children]) if (!listed.has(row.id)) row.remove();
  for (const [id, rule] of listed) {
    if (!$(id)) $("rules").append(item(rule));
    $(id).querySelector("small").textContent = sentence(`${rule.matched} matched`, `${rule.fired}${rule.times ? ` of ${rule.times}` : ""} fired`, rule.active ? left(rule) : "expired");
  }
  $("rule-count").textContent = plural(rules.length, "rule", "rules");
  $("mend-all").hidden = !rules.length;
  clearTimeout(tick);
  if (!document.hidden && rules.some(({ ends }) => ends < ENDLESS)) tick = setTimeout(draw, 1000);
}

const item = (rule) => h("li", { id: rule.id }, h("span", {}, title(rule), h("small", {})),
  h("button", { type: "button", "aria-label": `Remove ${rule.id}`, click: () => remove(`/${rule.id}`) }, "Remove"));

/** `lost-answer for call CA0000…ab12`; for a call, without the account. */
function title({ profile, then, match: { account_sid, call_sid, ...rest } }) {
  const whose = call_sid ? `call ${short(call_sid)}` : account_sid ? `account ${short(account_sid)}` : "everything";
  const json = (value) => JSON.stringify(value).slice(0, SHOWN);
  return `${profile ?? json(then)} for ${whose}${Object.keys(rest).length ? ` with ${json(rest)}` : ""}`;
}

/** Show the result below the form, and mark the invalid fields. */
function say(text, wrong) {
  $("fault-said").textContent = text;
  $("fault-said").className = wrong ? "wrong" : "";
  for (const field of elements) field.setAttribute("aria-invalid", Boolean(wrong?.some(({ parameter }) => parameter.split("/")[1] === field.name)));
  form.querySelector("[aria-invalid=true]")?.focus();
}

async function add() {
  try {
    const rule = $("own").hidden ? { profile: elements.fault.value } : { ...JSON.parse(elements.then.value) };
    const [name, sid] = elements.scope.value.split(/ (.*)/s);
    if (sid) rule.match = { ...rule.match, [name]: sid };
    for (const field of ["skip_first", "times", "ttl"]) if (elements[field].value) rule[field] = Number(elements[field].value);
    say(`Added ${(await call(PATH, { method: "POST", json: rule })).id}.`);
  } catch (error) {
    say(error.message, error.parameters ?? [{ parameter: "/then" }]); // JSON.parse names no field
  }
  await refresh();
}

/** Remove the rule at `/` and its id, or all rules. */
async function remove(path) {
  const inside = form.contains(document.activeElement);
  try {
    await call(PATH + path, { method: "DELETE" });
    say("Removed.");
  } catch (error) {
    if (error.status !== 404) say(error.message, []), toast(error.message); // 404: it has expired
  }
  await refresh();
  // The button that had the focus was removed.
  (inside ? $("rules").querySelector("button") ?? elements.fault : $("open-faults")).focus();
}

// Connected users, their calls, and the messages of a call. There are no events for users, so they are polled while visible.

import { deliveryText } from "./findings.js";
import { call } from "./api.js";
import { $, callTag, h, throttled, timeOfDay } from "./dom.js";
import { badge } from "./list.js";
import { snippet } from "./welcome.js";

const EVERY = 2000;
const SHARE = 5; // the interval is at least this multiple of the response time
const SHOWN = 200;
const CHARACTERS = 2000;

const panel = $("users");
const list = $("connected");
const box = $("talk");
const log = box.querySelector("[role=log]");
const field = box.querySelector("textarea");
let talk, leave, drawn, timer, looking, failed, fresh;
let rows = new Map();

/** jump(request_id) shows an exchange. */
export function install(jump) {
  leave = (id) => (panel.close(), jump(id));
  $("nobody").append(
    snippet(`<script src="${location.origin}/_emulator/voice-shim.js"></script>\n<script src="/twilio.min.js"></script>`, "page"),
    snippet('def test_the_user_answers(twilio_end_user):\n    twilio_end_user.call()\n    twilio_end_user.send_message({"answer": "yes"})', "pytest"));
  $("open-users").addEventListener("click", () => show());
  box.querySelector("form").addEventListener("submit", answer);
  document.addEventListener("visibilitychange", look);
}

/** Open the panel, with the messages of a call if one is given. */
export function show(sid = talk) {
  say("");
  choose(sid);
  panel.showModal();
  look();
}

const again = throttled(200, look);
export const handleEvents = (events) => events.some(({ kind, data }) => kind === "reset" || data.call_sid === talk) && again();
const say = (text) => ($("users-said").textContent = text);

async function look() {
  clearTimeout(timer);
  if (!panel.open || document.hidden) return;
  if (looking) return again();
  looking = performance.now();
  let denied = false;
  try {
    draw(await call("/_emulator/users"));
    if (talk) await listen(talk);
    if (failed) say("");
    failed = false;
  } catch (error) {
    failed = true;
    say(error.message);
    denied = error.status === 401; // do not ask again for a token that the user did not enter
  }
  if (!denied) timer = setTimeout(look, Math.max(EVERY, (performance.now() - looking) * SHARE));
  looking = 0;
}

function choose(sid) {
  if (talk === sid) return;
  talk = sid;
  fresh = true;
  rows.clear();
  log.firstElementChild.replaceChildren();
  $("talk-call").replaceChildren(callTag(sid));
}

async function act(path, method, json) {
  try {
    choose((await call(`/_emulator/calls${path}`, { method, json })).call_sid);
    say("");
  } catch (error) {
    say(error.message);
  }
  look();
}

function draw({ users, count }) {
  const first = users.flatMap((user) => user.calls)[0];
  if (first && !talk) choose(first.call_sid);
  box.hidden = !talk;
  $("nobody").hidden = count > 0;
  const now = JSON.stringify([users, talk]);
  if (drawn === now) return;
  drawn = now;
  const focused = list.contains(document.activeElement) && document.activeElement.dataset.of;
  list.replaceChildren(...users.slice(0, SHOWN).map(entry), count > SHOWN ? `and ${count - SHOWN} more` : "");
  if (focused) ([...list.querySelectorAll("button")].find((one) => one.dataset.of === focused) ?? $("users-title")).focus();
}

const button = (text, of, click, more) => h("button", { type: "button", "data-of": text + of, click, ...more }, text);

const entry = ({ identity, account_sid, registered, calls }) => h("li", {},
  h("div", { class: "with" }, h("b", { title: account_sid }, identity),
    registered ? button("Call", identity, () => act("", "POST", { to: `client:${identity}`, account_sid }), { "aria-label": `Call ${identity}` }) : h("small", {}, "not registered")),
  calls.map(({ call_sid: sid, account_sid, direction, answered }) => h("div", { class: "with" },
    button([callTag(sid), h("small", {}, direction, !answered && ", ringing")], sid, () => (choose(sid), look()), { class: "one", "aria-pressed": String(sid === talk) }),
    button("Hang up", sid, () => act(`/${sid}`, "PUT", { account_sid, status: "completed" }), { "aria-label": `Hang up ${sid}` }))));

/** Show the messages of a call. */
async function listen(sid) {
  const [{ identity, received, said }, { deliveries }] = await Promise.all([
    call(`/_emulator/calls/${sid}/end-user`), call(`/_emulator/deliveries?call_sid=${sid}&order=newest&limit=1000`)]);
  if (sid !== talk) return;
  const about = (one) => deliveries.filter((other) => other.message_sid === one.sid && other.sequence_number === one.sequence_number).reverse();
  const all = [...received.map((one) => ({ at: one.received_at, one })), ...said.map((one) => ({ at: one.at, one, isSent: true }))].sort((a, b) => a.at.localeCompare(b.at));
  $("talk-count").textContent = all.length > SHOWN ? `Newest ${SHOWN} of ${all.length}` : all.length ? "" : "No messages yet.";
  $("talk-who").textContent = `Message from ${identity ?? "the end user (no Voice SDK is connected)"}, as JSON`;
  log.ariaLive = fresh ? "off" : "polite"; // screen readers do not announce old messages
  fresh = false;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  // Keep unchanged rows, so that focus and selection are not lost.
  const before = rows;
  rows = new Map(all.slice(-SHOWN).map((item) => {
    if (item.isSent) item.callbacks = about(item.one);
    const key = JSON.stringify(item);
    return [key, before.get(key) ?? row(item)];
  }));
  for (const [key, element] of before) if (!rows.has(key)) element.remove();
  const [place] = log.children;
  [...rows.values()].forEach((element, at) => place.children[at] !== element && place.insertBefore(element, place.children[at]));
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const row = ({ at, one, isSent, callbacks }) => h("li", { class: isSent && "said" },
  h("p", {}, h("b", {}, isSent ? one.identity || "End user" : "Server"), " ", h("time", { title: at }, timeOfDay(at)),
    !isSent && h("button", { type: "button", class: "quiet", click: () => leave(one.request_id) }, "request")),
  h("p", { class: "words" }, one.content.slice(0, CHARACTERS), one.content.length > CHARACTERS && " …"),
  isSent ? [h("small", {}, `${one.notified || "No"} subscription${one.notified === 1 ? "" : "s"} notified`), h("ul", {}, callbacks.map(delivery))]
    : one.delivered && h("small", { class: one.delivered.to === null && "bad" }, deliveryText(one.delivered)));

/** The outcome of a callback. */
const delivery = ({ outcome, code, method, callback, attempts }) => h("li", {},
  badge({ outcome }), " ", h("code", {}, `${method} ${callback}`), " ",
  h("small", {}, code && `${code}: `, attempts.length > 1 && `${attempts.length} attempts: `, attempts.map(({ status, error, duration }) => `${error ?? status} ${(duration * 1000).toFixed(1)} ms`).join("; ")));

async function answer(event) {
  event.preventDefault();
  const wrong = $("talk-wrong");
  try {
    await call(`/_emulator/calls/${talk}/end-user/messages`, { method: "POST", json: { content: field.value } });
    field.value = wrong.textContent = "";
  } catch (error) {
    wrong.textContent = error.message;
  }
  field.setAttribute("aria-invalid", wrong.textContent !== "");
  field.focus();
  look();
}

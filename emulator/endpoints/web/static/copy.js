// An exchange as code that can be pasted and run without changes.

import { parseJson } from "./tree.js";

const TOKEN = "0".repeat(32);
const BASE = location.origin;

/** A quoted word for a POSIX shell; control characters are escaped, because terminals interpret them when pasted. */
export function shell(text) {
  if (!/[\x00-\x1f\x7f]/.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text.replace(/[\\']/g, "\\$&").replace(/[\x00-\x1f\x7f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `$'${escaped}'`;
}

/** A string literal that is valid in JavaScript and Python. */
const literal = (text) => JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A JSON value as a Python literal. */
function python(value, indent = "") {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return literal(value);
  if (typeof value !== "object") return String(value);
  if ("text" in value && value.constructor !== Object) return value.text; // a number with its original digits
  const inner = `${indent}    `;
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const parts = Array.isArray(value)
    ? value.map((one) => inner + python(one, inner))
    : Object.entries(value).map(([name, one]) => `${inner}${literal(name)}: ${python(one, inner)}`);
  const flat = open + parts.map((part) => part.trim()).join(", ") + close;
  return flat.length < 80 && !flat.includes("\n") ? flat : `${open}\n${parts.join(",\n")},\n${indent}${close}`;
}

const username = (exchange) => {
  const header = exchange.request?.headers.find(({ name }) => name === "authorization");
  return /^Basic ([^:]+):/.exec(header?.value ?? "")?.[1] ?? null;
};

export function asCurl(exchange) {
  const { method, target, form, body, headers } = exchange.request;
  const type = headers.find(({ name }) => name === "content-type")?.value;
  const user = username(exchange);
  const fields = Object.entries(form);
  const lines = [
    method === "POST" ? "curl" : `curl -X ${shell(method)}`,
    ...(user ? [`-u ${shell(`${user}:${TOKEN}`)}`] : []),
    ...fields.map(([name, value]) => `--data-urlencode ${shell(`${name}=${value}`)}`),
    ...(!fields.length && body ? [`-H ${shell(`Content-Type: ${type ?? ""}`)}`, `--data-binary ${shell(body)}`] : []),
    ...(!fields.length && !body && method === "POST" ? ["-d ''"] : []),
    shell(BASE + target),
  ];
  return lines.join(" \\\n  ");
}

export function asPython(exchange) {
  const key = exchange.idempotency_key;
  return [
    "from twilio.rest import Client",
    "",
    `client = Client(${literal(exchange.account_sid ?? "")}, ${literal(TOKEN)})`,
    `client.api.base_url = ${literal(BASE)}`,
    "",
    `message = client.calls(${literal(exchange.call_sid ?? "")}).user_defined_messages.create(`,
    `    content=${literal(exchange.content ?? "")},`,
    ...(key ? [`    idempotency_key=${literal(key)},`] : []),
    ")",
    "print(message.sid)",
  ].join("\n");
}

export function asNode(exchange) {
  const key = exchange.idempotency_key;
  return [
    `const client = require("twilio")(${literal(exchange.account_sid ?? "")}, ${literal(TOKEN)});`,
    `client.api.baseUrl = ${literal(BASE)};`,
    "",
    `client.calls(${literal(exchange.call_sid ?? "")}).userDefinedMessages`,
    `  .create({ content: ${literal(exchange.content ?? "")}${key ? `, idempotencyKey: ${literal(key)}` : ""} })`,
    "  .then((message) => console.log(message.sid));",
  ].join("\n");
}

export function asPytest(exchange) {
  const scope = `"call_sid": ${literal(exchange.call_sid ?? "")}`;
  const head = ["import requests", "", `EMULATOR = ${literal(BASE)}`, "", ""];
  const { outcome } = exchange;
  if (outcome === "refused" || outcome === "faulted") {
    const [what, name] = outcome === "refused" ? ["rule", exchange.rule?.name] : ["fault", exchange.fault?.name];
    const owner = exchange.call_sid === null ? `"account_sid": ${literal(exchange.account_sid ?? "")}` : scope;
    return [
      ...head,
      `def test_the_message_is_${outcome}() -> None:`,
      `    wanted = {${owner}, "outcome": "${outcome}", "order": "newest", "limit": 1}`,
      '    found = requests.get(f"{EMULATOR}/_emulator/requests", params=wanted, timeout=5).json()["requests"]',
      "",
      `    assert [(one["status"], one["code"]) for one in found] == [(${exchange.status ?? "None"}, ${exchange.code ?? "None"})]`,
      `    assert found[0]["${what}"]["name"] == ${literal(name ?? "")}`,
    ].join("\n");
  }
  return [
    ...head,
    "def test_the_message_arrives() -> None:",
    `    wanted = {${scope}, "at_least": 1, "timeout": 5}`,
    '    page = requests.get(f"{EMULATOR}/_emulator/messages", params=wanted, timeout=10).json()',
    "",
    '    assert page["satisfied"], "\\n".join(page["explanation"])',
    `    assert page["messages"][-1]${assertion(exchange.content ?? "")}`,
  ].join("\n");
}

function assertion(content) {
  try {
    return `["json"] == ${python(parseJson(content), "    ")}`;
  } catch {
    return `["content"] == ${literal(content)}`;
  }
}

export const asJson = (exchange) => JSON.stringify(exchange, null, 2);

export const FORMS = [
  ["curl", asCurl],
  ["Python", asPython],
  ["Node", asNode],
  ["pytest assertion", asPytest],
  ["JSON", asJson],
];

/** Copy a text to the clipboard; outside of a secure context, with the deprecated command. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  const host = document.querySelector("dialog[open]") ?? document.body;
  host.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Save values as a JSON file. */
export function download(name, value) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

// The search language: `call: account: code: status: outcome: key: fault: content.path=value` and free text; `-` negates a
// term, quotes enclose spaces. Terms that the API can filter become parameters; all terms are matched here too.

const FIELDS = {
  call: (exchange) => exchange.call_sid,
  account: (exchange) => exchange.account_sid,
  key: (exchange) => exchange.idempotency_key,
  code: (exchange) => exchange.code,
  status: (exchange) => exchange.status,
  outcome: (exchange) => exchange.outcome,
  rule: (exchange) => exchange.rule?.name,
  fault: ({ fault }) => fault && [fault.name, fault.rule],
};
const EXACT = new Set(["code", "status", "outcome", "key", "rule", "fault"]);
const OUTCOMES = new Set(["created", "replayed", "mismatch", "refused", "preflight", "faulted", "deleted"]);
const WHOLE_SID = /^(AC|CA)[0-9a-fA-F]{32}$/;
const WHOLE_NUMBER = /^\d{1,9}$/;

/** `{terms, matches(exchange), parameters, exact}`; exact = the parameters express the whole search. */
export function parse(text) {
  const terms = (text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? []).map(term);
  const parameters = {};
  let exact = true;
  for (const one of terms) {
    const [name, value] = parameter(one);
    if (name && !(name in parameters)) parameters[name] = value;
    else exact = false;
  }
  return { terms, parameters, exact, matches: (exchange) => terms.every((one) => holds(one, exchange)) };
}

function term(text) {
  const not = text.length > 1 && text[0] === "-";
  const bare = (not ? text.slice(1) : text).replaceAll('"', "");
  const path = /^content\.([^=]+)=(.*)$/s.exec(bare);
  if (path) return { not, path: path[1].split("."), value: path[2] };
  const [, field, value] = /^(\w+):(.*)$/s.exec(bare) ?? [];
  return field in FIELDS ? { not, field, value } : { not, value: bare.toLowerCase() };
}

/** The equivalent API filter of a term, if there is one. */
function parameter({ not, field, value }) {
  if (not) return [];
  if ((field === "call" || field === "account") && WHOLE_SID.test(value)) return [`${field}_sid`, value];
  if ((field === "code" || field === "status") && WHOLE_NUMBER.test(value)) return [field, value];
  if (field === "outcome" && OUTCOMES.has(value)) return [field, value];
  if (field === "key" && value) return ["idempotency_key", value];
  return [];
}

function holds({ not, field, path, value }, exchange) {
  let found;
  if (path) found = at(path, exchange.content, value);
  else if (field) {
    const texts = [FIELDS[field](exchange) ?? ""].flat().map(String);
    found = texts.some((text) => (EXACT.has(field) ? text === value : text.toLowerCase().includes(value.toLowerCase())));
  } else {
    found = [exchange.content, exchange.path, exchange.account_sid, exchange.call_sid, exchange.idempotency_key,
      exchange.message_sid, exchange.request_id, exchange.outcome, exchange.code, exchange.rule?.name, exchange.rule?.says,
      exchange.fault?.name, exchange.fault?.rule, exchange.lost && "response lost"]
      .some((text) => text != null && String(text).toLowerCase().includes(value));
  }
  return found !== not;
}

/** Whether the content has this value at a path; `42` matches the number and the string. */
function at(path, content, value) {
  let place;
  try {
    place = JSON.parse(content);
  } catch {
    return false;
  }
  for (const name of path) {
    if (place === null || typeof place !== "object" || !Object.hasOwn(place, name)) return false;
    place = place[name];
  }
  return (typeof place === "string" ? place : JSON.stringify(place)) === value;
}

/** Add a `field:value` term to a text, or remove it if present; another value of the field is replaced. */
export function toggled(text, field, value) {
  const parts = text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
  const mine = `${field}:${/\s/.test(value) ? `"${value}"` : value}`;
  const others = parts.filter((part) => !part.startsWith(`${field}:`));
  return (parts.includes(mine) ? others : [...others, mine]).join(" ");
}

// Creates elements. The page shows untrusted text, so text becomes text nodes only: no module parses HTML.

/** Create an element with attributes (functions are listeners; false and null are ignored) and children (nodes, texts, arrays). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(2).filter((child) => child != null && child !== false));
  return element;
}

export const $ = (id) => document.getElementById(id);

/** Shorten a SID for a list; keep begin and end, because test SIDs often differ in only one of them. */
export const short = (sid) => (sid.length > 14 ? `${sid.slice(0, 6)}…${sid.slice(-4)}` : sid);

/** The hue of a SID, stable across tabs and reloads (FNV-1a). */
export function hue(sid) {
  let hash = 2166136261;
  for (let at = 0; at < sid.length; at++) hash = Math.imul(hash ^ sid.charCodeAt(at), 16777619);
  return ((hash >>> 0) % 24) * 15;
}

/** A CallSid with its colour; the tooltip is the full SID. */
export const callTag = (sid, text = short(sid)) => {
  const tag = h("span", { class: "call", title: sid }, text);
  tag.style.setProperty("--hue", hue(sid));
  return tag;
};

const two = (number) => String(number).padStart(2, "0");

/** The local time of day of an ISO 8601 text, to the millisecond. */
export function timeOfDay(text) {
  const time = new Date(text);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** Limit calls of a function to one per interval; the last call is not lost. */
export function throttled(milliseconds, act) {
  let timer = 0;
  return () => {
    timer ||= setTimeout(() => {
      timer = 0;
      act();
    }, milliseconds);
  };
}

// Elements from values. What is shown came from outside, so text only ever becomes text nodes: no module of this page
// parses HTML.

/** An element with attributes (functions listen, false and null are left out) and children (nodes, texts, lists). */
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

/** A SID short enough for a list; both ends, because test SIDs often differ in one of them only. */
export const short = (sid) => (sid.length > 14 ? `${sid.slice(0, 6)}…${sid.slice(-4)}` : sid);

/** One hue per SID, the same in every tab and after a reload (FNV-1a). */
export function hue(sid) {
  let hash = 2166136261;
  for (let at = 0; at < sid.length; at++) hash = Math.imul(hash ^ sid.charCodeAt(at), 16777619);
  return ((hash >>> 0) % 24) * 15;
}

/** A SID with its call's colour beside it; whole when pointed at. */
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

/** Call a function at most once in so many milliseconds, the last time included. */
export function throttled(milliseconds, act) {
  let timer = 0;
  return () => {
    timer ||= setTimeout(() => {
      timer = 0;
      act();
    }, milliseconds);
  };
}

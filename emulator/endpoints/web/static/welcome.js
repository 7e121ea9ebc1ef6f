// The welcome view: address, credentials and examples.

import { FORMS, copy } from "./copy.js";
import { $, h } from "./dom.js";
import { toast } from "./notice.js";

export const DEFAULTS = { account: `AC${"a".repeat(32)}`, call: `CA${"b".repeat(32)}`, token: "0".repeat(32), content: '{"key":"value"}' };

const path = `/2010-04-01/Accounts/${DEFAULTS.account}/Calls/${DEFAULTS.call}/UserDefinedMessages.json`;
const EXAMPLE = {
  account_sid: DEFAULTS.account,
  call_sid: DEFAULTS.call,
  content: DEFAULTS.content,
  outcome: "created",
  request: {
    method: "POST",
    target: path,
    headers: [{ name: "authorization", value: `Basic ${DEFAULTS.account}:` }],
    form: { Content: DEFAULTS.content },
  },
};
const NAMES = ["curl", "Python", "Node", "pytest assertion"];

/** A block of code with a button that copies it. */
export const snippet = (code, name) =>
  h(
    "figure",
    { class: "snippet" },
    h("pre", { tabindex: 0, role: "region", "aria-label": `${name} example` }, h("code", {}, code)),
    h("button", { type: "button", click: () => copy(code).then(() => toast(`Copied ${name}.`)) }, "Copy"),
  );

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, h("code", {}, value))];

export function fill() {
  const panel = h("div", { role: "tabpanel", id: "example", "aria-labelledby": "example-0" });
  const tabs = NAMES.map((name, index) => h("button", { type: "button", role: "tab", id: `example-${index}`, "aria-controls": "example", click: () => show(index) }, name.split(" ")[0]));
  const show = (chosen) => {
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", index === chosen);
      tab.tabIndex = index === chosen ? 0 : -1;
    });
    panel.setAttribute("aria-labelledby", tabs[chosen].id);
    const [name, form] = FORMS.find(([one]) => one === NAMES[chosen]);
    panel.replaceChildren(snippet(form(EXAMPLE), name));
  };
  const list = h("div", { role: "tablist", "aria-label": "Examples" }, tabs);
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
    show(next);
    tabs[next].focus();
  });
  show(0);
  $("facts").replaceChildren(
    ...[fact("Address", location.origin), fact("AccountSid", "any: AC and 32 hex digits"), fact("AuthToken", DEFAULTS.token), fact("CallSid", "any: CA and 32 hex digits")].flat(),
  );
  $("examples").replaceChildren(list, panel);
}

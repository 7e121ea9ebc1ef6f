// What became of a message, and what a thread of attempts shows.

/** What became of a message for the end user. */
export const reached = ({ to, after_ms: after, reason }) =>
  to === null ? `Not delivered: ${reason}` : after === null ? `On its way to ${to}` : `Delivered to ${to} after ${Math.max(0.1, after).toFixed(1)} ms`;

const FINDINGS = {
  retried_same_key: "Retried with the same key: nothing is created twice.",
  retried_new_key: "Retried with a new key: what was processed before is created again.",
  retried_without_key: "Retried without a key: what was processed before is created again.",
  retried_other_content: "Retried the same key with other content: Twilio keeps the first.",
  retried_too_early: "Retried before Retry-After was over.",
  retried_a_refusal: "Retried a refusal that cannot succeed.",
  gave_up: "Gave up: the last attempt failed, and no other came.",
  recovered: "Recovered: a later attempt got its answer.",
};
export const isGood = (finding) => finding === "recovered" || finding === "retried_same_key";

/** What a finding says of the client. */
export const says = (finding) => FINDINGS[finding] ?? finding;

// Texts: results of deliveries, and findings about retries.

/** The delivery of a message to the end user. */
export const deliveryText = ({ to, after_ms: after, reason }) =>
  to === null ? `Not delivered: ${reason}` : after === null ? `On its way to ${to}` : `Delivered to ${to} after ${Math.max(0.1, after).toFixed(1)} ms`;

const FINDINGS = {
  retried_same_key: "Retried with the same key: no duplicate was created.",
  retried_new_key: "Retried with a new key: if the first attempt was processed, this created a duplicate.",
  retried_without_key: "Retried without a key: if the first attempt was processed, this created a duplicate.",
  retried_other_content: "Retried the same key with different content: Twilio keeps the first content.",
  retried_too_early: "Retried before the end of Retry-After.",
  retried_a_refusal: "Retried a refused request, which cannot succeed.",
  gave_up: "Gave up: the last attempt failed, and no other followed.",
  recovered: "Recovered: a later attempt got a response.",
};
export const isGood = (finding) => finding === "recovered" || finding === "retried_same_key";

/** The text of a finding. */
export const findingText = (finding) => FINDINGS[finding] ?? finding;

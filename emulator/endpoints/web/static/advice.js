// What a person can do about a refusal, by the rule that refused. The emulator says what was wrong; this says what next.
// And what a thread of attempts shows.

const ADVICE = {
  "credentials-missing": "Send HTTP Basic credentials: the AccountSid (or an API key) as username, the AuthToken (or its secret) as password.",
  "username-unknown": "Use an AccountSid (AC and 32 hex digits) or a configured API key as username. Look for a swapped variable, or a stray space.",
  "token-wrong": "Use the AuthToken that the emulator was started with: 32 zeros unless auth_token or accounts say otherwise.",
  "account-foreign": "The credentials are of another account than the path. Make the client with the account that owns the call.",
  "path-unknown": "Compare the path with /2010-04-01/Accounts/AC…/Calls/CA…/UserDefinedMessages.json; SIDs are AC or CA and 32 hex digits, and case counts.",
  "method-not-allowed": "Create a message with POST; Twilio has no way to read messages back. To read them here use /_emulator/messages.",
  "body-too-large": "Send less: the Content may have 10,000 characters.",
  "form-broken": "Send application/x-www-form-urlencoded with correct percent-encoding, as the official libraries do.",
  "content-required": "Send the parameter Content, with a capital C, in the form body; a JSON body is not read.",
  "content-too-long": "Keep Content under 10,000 characters: send a reference and let the client fetch the rest.",
  "content-not-json": "Content must be JSON text: pass json.dumps(…) or JSON.stringify(…), not a bare string or a printed dict.",
  "idempotency-conflict": "This key was used with other parameters. Make a new key for each message, and keep it for retries only.",
  "callback-required": "Send the parameter Callback: the URL that is told what the end user says.",
  "callback-invalid": "Send a whole http or https URL, without an underscore in its host.",
  "method-invalid": "Send POST, GET, or no Method.",
  "subscription-unknown": "Compare the SID with /_emulator/subscriptions.",
  "origin-foreign": "Subscribe from a server, or add the origin to allowed_origins.",
  "call-unknown": "The call does not exist for this account. Check the CallSid, or register it (Calls).",
  "call-not-active": "The call has ended or has not begun. Send while it is ringing or in progress, or set its state (Calls).",
  "call-is-pstn": "Only a Voice SDK leg can receive messages. Use the CallSid of the SDK's leg, not the telephone's.",
  "too-many-requests": "Retry after a pause that grows, with the same IdempotencyKey.",
  "internal-error": "Retry with the same IdempotencyKey. If it is not an ordered fault, it is a bug of the emulator: please report it.",
  "request-malformed": "These bytes are no HTTP request. Look for a proxy or a hand-made client in between.",
  "head-too-large": "Request line and headers are over 64 KiB. Look for a cookie or header that grows.",
};

/** What to change, or null when there is nothing to say. */
export const advice = (rule) => (Object.hasOwn(ADVICE, rule) ? ADVICE[rule] : null);

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

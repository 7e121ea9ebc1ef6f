// Texts: how to fix a refused request, by rule; effects of faults; results of deliveries; findings about retries.

const ADVICE = {
  "credentials-missing": "Send HTTP Basic credentials: the AccountSid (or an API key) as username, the AuthToken (or its secret) as password.",
  "username-unknown": "Use an AccountSid (AC and 32 hex digits) or a configured API key as username. Check for swapped variables and stray spaces.",
  "token-wrong": "Use the AuthToken of the emulator: 32 zeros, unless auth_token or accounts is set.",
  "account-foreign": "The credentials and the path have different accounts. Create the client with the account that owns the call.",
  "path-unknown": "Compare the path with /2010-04-01/Accounts/AC…/Calls/CA…/UserDefinedMessages.json; SIDs are AC or CA and 32 hex digits, in the same case.",
  "method-not-allowed": "Create messages with POST. Twilio cannot list messages; use /_emulator/messages.",
  "body-too-large": "Send a smaller body: Content may have 10,000 characters.",
  "form-broken": "Send application/x-www-form-urlencoded with correct percent-encoding, as the official libraries do.",
  "content-required": "Send the parameter Content, with a capital C, in the form body; JSON bodies are not supported.",
  "content-too-long": "Keep Content under 10,000 characters: send a reference and let the client fetch the rest.",
  "content-not-json": "Content must be JSON text: pass json.dumps(…) or JSON.stringify(…), not a plain string or a dict.",
  "idempotency-conflict": "This key was used with different parameters. Use a new key for each message, and repeat it only for retries.",
  "callback-required": "Send the parameter Callback: the URL that receives the messages of the end user.",
  "callback-invalid": "Send an absolute http or https URL without an underscore in its host.",
  "method-invalid": "Send POST, GET, or no Method.",
  "subscription-unknown": "Compare the SID with /_emulator/subscriptions.",
  "origin-foreign": "Create subscriptions from a server, or add the origin to allowed_origins.",
  "call-unknown": "The call does not exist for this account. Check the CallSid, or register it (Calls).",
  "call-not-active": "The call has ended or has not started. Send messages while it is ringing or in progress, or set its status (Calls).",
  "call-is-pstn": "Only a Voice SDK leg can receive messages. Use the CallSid of the SDK's leg, not of the phone's.",
  "too-many-requests": "Retry with exponential backoff and the same IdempotencyKey.",
  "internal-error": "Retry with the same IdempotencyKey. Unless a fault caused this error, it is a bug of the emulator: please report it.",
  "request-malformed": "The bytes are not a valid HTTP request. Check proxies and custom clients.",
  "head-too-large": "Request line and headers are over 64 KiB. Check for a growing cookie or header.",
};

/** How to fix a request that a rule refused, or null. */
export const advice = (rule) => (Object.hasOwn(ADVICE, rule) ? ADVICE[rule] : null);

const EFFECTS = {
  reply: "The fault replaced the response; the request was not processed.",
  "drop-before": "The connection was reset before the request was processed.",
  "drop-after": "The request was processed, then the connection was reset: the client does not know the outcome.",
  truncate: "The request was processed; the body of the response was truncated.",
  garbage: "The request was processed; the response is not HTTP.",
  close: "The connection was closed without a response; the request was not processed.",
};

/** The effect of a fault. */
export const faultEffect = ({ name, delay }) => `${EFFECTS[name] ?? ""} ${delay ? `The response was delayed by ${delay.toFixed(2)} s.` : ""}`;

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

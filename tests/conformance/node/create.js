// Twilio's Node library, unmodified: makes each attempt that stands on stdin, prints what came of it.
"use strict";

const twilio = require("twilio");

async function make(attempt) {
  const client = twilio(attempt.username, attempt.password, { accountSid: attempt.account_sid, ...attempt.options });
  client.api.baseUrl = attempt.url;
  const params = { content: attempt.content };
  if (attempt.key !== null) params.idempotencyKey = attempt.key;
  try {
    const message = await client.calls(attempt.call_sid).userDefinedMessages.create(params);
    return { created: message.toJSON() };
  } catch (error) {
    const { status, code, message, moreInfo } = error;
    return { refused: { name: error.constructor.name, status, code, message, moreInfo } };
  }
}

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const results = [];
  for (const attempt of JSON.parse(text)) results.push(await make(attempt));
  process.stdout.write(JSON.stringify(results));
}

main();

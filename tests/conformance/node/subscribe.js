// Twilio's Node library, unmodified: makes a subscription, makes it again, deletes it twice, prints what came of each.
"use strict";

const twilio = require("twilio");

async function told(act) {
  try {
    return { done: await act() };
  } catch (error) {
    const { status, code, message } = error;
    return { refused: { name: error.constructor.name, status, code, message } };
  }
}

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const { attempt, subscription, bad } = JSON.parse(text);
  const client = twilio(attempt.username, attempt.password, { accountSid: attempt.account_sid });
  client.api.baseUrl = attempt.url;
  const call = client.calls(attempt.call_sid);
  const create = (parameters) =>
    told(async () => (await call.userDefinedMessageSubscriptions.create(parameters)).toJSON());
  const created = await create(subscription);
  const remove = () => told(() => call.userDefinedMessageSubscriptions(created.done.sid).remove());
  process.stdout.write(
    JSON.stringify([created, await create(subscription), await create(bad), await remove(), await remove()]),
  );
}

main();

// A shop that sends order updates to a caller during a call. Run: node shop.js
"use strict";

const http = require("node:http");

const CALL_HAS_ENDED = 21220;

function createShop(twilio) {
  async function sendUpdate(callSid, { order, step }) {
    try {
      const message = await twilio.calls(callSid).userDefinedMessages.create({
        content: JSON.stringify({ type: "order", order, step }),
        idempotencyKey: `${order}-${step}`, // a repeated step creates no second message
      });
      return [201, { sid: message.sid }];
    } catch (error) {
      if (error.code === CALL_HAS_ENDED) return [409, { error: "the caller has hung up" }];
      return [502, { error: `Twilio: ${error.message}` }];
    }
  }

  return http.createServer(async (request, response) => {
    const [, callSid] = request.url.match(/^\/calls\/(CA[0-9a-f]{32})\/steps$/) ?? [];
    if (request.method !== "POST" || !callSid) return response.writeHead(404).end();
    let body = "";
    for await (const piece of request) body += piece;
    const [status, reply] = await sendUpdate(callSid, JSON.parse(body));
    response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(reply));
  });
}

module.exports = { createShop };

if (require.main === module) createShop(require("twilio")()).listen(8000);

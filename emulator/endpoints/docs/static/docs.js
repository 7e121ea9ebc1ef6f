// Swagger UI on our own document, with the default credentials filled in so that "Try it out" works at once.
const ACCOUNT = "AC" + "a".repeat(32);
const TOKEN = "0".repeat(32);

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete: () => ui.preauthorizeBasic("accountSid_authToken", ACCOUNT, TOKEN),
});

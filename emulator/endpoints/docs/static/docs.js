// Swagger UI on our own document, with the default credentials filled in so that "Try it out" works at once.
const ACCOUNT = "AC" + "a".repeat(32);
const TOKEN = "0".repeat(32);

// As chosen on the page at `/`.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: -1, // each operation shows its own; the list of all is long and tells nothing more
  displayRequestDuration: true,
  filter: true,
  syntaxHighlight: false, // its colours are for one light only
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete: () => ui.preauthorizeBasic("accountSid_authToken", ACCOUNT, TOKEN),
});

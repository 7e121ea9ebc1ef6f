// Swagger UI on our own document, with the default credentials filled in so that "Try it out" works at once.
const ACCOUNT = "AC" + "a".repeat(32);
const TOKEN = "0".repeat(32);

// The page at `/`: its theme, and the way there.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
document.getElementById("home").href = "/";

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: -1, // each operation shows its own; the list of all is long and tells nothing more
  displayRequestDuration: true,
  // A text with a media type becomes a file to choose, and Content could not be typed: leave the type out here.
  responseInterceptor(response) {
    if (!response.url.endsWith("/openapi.json")) return response;
    const document = JSON.parse(response.text, (name, value) => (name === "contentMediaType" ? undefined : value));
    return Object.assign(response, { text: JSON.stringify(document) });
  },
  filter: true,
  syntaxHighlight: false, // its colours are for one light only
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete: () => ui.preauthorizeBasic("accountSid_authToken", ACCOUNT, TOKEN),
});

// Swagger UI on our own document, with the default credentials filled in so that "Try it out" works at once.
const ACCOUNT = "AC" + "a".repeat(32);
const TOKEN = "0".repeat(32);

// Theme of the page at `/`, and the link to it.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
document.getElementById("home").href = "/";

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: -1, // each operation shows its own models; the list of all adds nothing
  displayRequestDuration: true,
  // Swagger UI shows a string with a media type as a file input; without the type, Content can be typed.
  responseInterceptor(response) {
    if (!response.url.endsWith("/openapi.json")) return response;
    const document = JSON.parse(response.text, (name, value) => (name === "contentMediaType" ? undefined : value));
    return Object.assign(response, { text: JSON.stringify(document) });
  },
  filter: true,
  syntaxHighlight: false, // its colours work in one theme only
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete: () => ui.preauthorizeBasic("accountSid_authToken", ACCOUNT, TOKEN),
});

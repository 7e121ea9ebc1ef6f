// Client of the inspection API. The control token is sent in a header, never in a URL.

const TOKEN = "control-token";
let asking = null;
let ask = async () => null;

/** Set the function that asks the user for the control token; it resolves to null if the user cancels. */
export const onTokenNeeded = (callback) => (ask = callback);

/** Send a request and return the response. Throws an Error with the emulator's message if it fails. */
export async function request(path, { json, headers = {}, ...options } = {}) {
  for (;;) {
    const token = sessionStorage.getItem(TOKEN);
    const response = await fetch(path, {
      ...options,
      headers: {
        ...headers,
        ...(token && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { "content-type": "application/json" }),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
      cache: "no-store",
      credentials: "omit", // otherwise the browser opens its own dialog on a 401
    });
    if (response.ok) return response;
    if (response.status === 401 && (await newToken(token))) continue;
    const body = await response.json().catch(() => ({}));
    throw Object.assign(new Error(body.error ?? `${response.status} ${response.statusText}`), { status: response.status, parameters: body.parameters });
  }
}

export const call = async (path, options) => {
  const response = await request(path, options);
  if (response.status === 204) return null;
  const page = await response.json();
  for (const [name, records] of Object.entries(page)) if (Array.isArray(records)) page[name] = records.filter(isRendered);
  return page;
};

/** Whether a record was rendered; an error entry in its place is logged. */
export function isRendered(record) {
  const failed = record?.error && "seq" in record && "sid" in record;
  if (failed) console.error(record.error, record);
  return !failed;
}

/** `path?name=value…` without missing values. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Whether there is another token to try; concurrent calls that fail ask only once. */
async function newToken(refused) {
  if (sessionStorage.getItem(TOKEN) !== refused) return true;
  asking ??= ask(refused !== null).finally(() => (asking = null));
  const token = await asking;
  if (token) sessionStorage.setItem(TOKEN, token);
  return Boolean(token);
}

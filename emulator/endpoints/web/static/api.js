// The inspection API, as any of its users sees it. The control token goes into a header, never into a URL.

const TOKEN = "control-token";
let asking = null;
let ask = async () => null;

/** Say how a person is asked for the control token; the answer is null when they will not tell. */
export const onTokenNeeded = (how) => (ask = how);

/** The response of a call that succeeded. Throws an Error with the emulator's own words otherwise. */
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
      credentials: "omit", // or the browser would open a dialog of its own on a 401
    });
    if (response.ok) return response;
    if (response.status === 401 && (await newToken(token))) continue;
    const told = await response.json().catch(() => ({}));
    throw Object.assign(new Error(told.error ?? `${response.status} ${response.statusText}`), { status: response.status, parameters: told.parameters });
  }
}

export const call = async (path, options) => {
  const response = await request(path, options);
  if (response.status === 204) return null;
  const page = await response.json();
  for (const [name, records] of Object.entries(page)) if (Array.isArray(records)) page[name] = records.filter(isRendered);
  return page;
};

/** Whether a record was rendered; where it could not be there is an error entry, which is logged. */
export function isRendered(record) {
  const failed = record?.error && "seq" in record && "sid" in record;
  if (failed) console.error(record.error, record);
  return !failed;
}

/** `path?name=value…` without the values that are missing. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Whether there is another token to try; several calls that fail together ask once. */
async function newToken(refused) {
  if (sessionStorage.getItem(TOKEN) !== refused) return true;
  asking ??= ask(refused !== null).finally(() => (asking = null));
  const token = await asking;
  if (token) sessionStorage.setItem(TOKEN, token);
  return Boolean(token);
}

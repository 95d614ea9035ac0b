// The hospital's own server, as small as it can be: it serves the page, and fetches tickets from Hilum for whoever is
// signed in. Node without packages; any other server does the same.
//   HILUM=https://visit.clinic.example HILUM_API_KEY=hk_... ORIGIN=https://portal.clinic.example PORT=8443 \
//     CERTIFICATE=fullchain.pem KEY=privkey.pem MODULES=modules node portal.mjs
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import path from "node:path";

const { HILUM, HILUM_API_KEY, ORIGIN, PORT, CERTIFICATE, KEY, MODULES, CLINIC = "physio" } = process.env;
const here = import.meta.dirname;
const socket = HILUM.replace("https:", "wss:");

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  `connect-src 'self' ${socket}`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");
const HEADERS = {
  "content-security-policy": POLICY,
  "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const file = (name, kind, change = (text) => text) => [kind, change(readFileSync(name, "utf8"))];
const script = "text/javascript; charset=utf-8";
const FILES = {
  "/": file(path.join(here, "index.html"), "text/html; charset=utf-8"),
  "/page.css": file(path.join(here, "page.css"), "text/css; charset=utf-8"),
  "/page.js": file(path.join(here, "page.js"), script, (text) => text.replace("wss://visit.clinic.example", socket)),
};
for (const name of ["rtc", "safety", "signal"]) {
  FILES[`/modules/${name}.js`] = file(path.join(MODULES, `${name}.js`), script);
}

async function hilum(route, headers, body) {
  const answer = await fetch(`${HILUM}${route}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: await answer.json() };
}

/** What the hospital knows of whoever is signed in here: their appointment, made once. */
let visit;
async function visitOf(_request) {
  if (!visit) {
    const starts = Math.floor(Date.now() / 1000);
    const wanted = { clinic: CLINIC, label: "portal", starts, minutes: 30, people: [{ role: "patient" }] };
    const made = await hilum("/v1/appointments", { authorization: `Bearer ${HILUM_API_KEY}` }, wanted);
    visit = { secret: made.json.links[0].url.split("#")[1] };
  }
  return visit;
}

/** The press: a ticket for this browser. The link itself never leaves the server. */
async function ticket(request) {
  if (request.headers.origin !== ORIGIN) return { status: 403, json: { error: "origin" } };
  const mine = await visitOf(request);
  const joined = await hilum("/v1/visit/join", { origin: ORIGIN }, mine);
  // Whoever comes back shows this word, and is the same person.
  if (joined.json.browser) mine.browser = joined.json.browser;
  return { status: joined.status, json: { ticket: joined.json.ticket, error: joined.json.error } };
}

createServer({ cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) }, async (request, response) => {
  const known = request.method === "GET" ? FILES[request.url] : undefined;
  if (known) {
    response.writeHead(200, { ...HEADERS, "content-type": known[0] }).end(known[1]);
  } else if (request.method === "POST" && request.url === "/ticket") {
    const { status, json } = await ticket(request).catch(() => ({ status: 502, json: { error: "unavailable" } }));
    response.writeHead(status, { ...HEADERS, "content-type": "application/json" }).end(JSON.stringify(json));
  } else {
    response.writeHead(404, HEADERS).end();
  }
}).listen(PORT);

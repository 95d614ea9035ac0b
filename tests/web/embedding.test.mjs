// The page of docs/embedding: a hospital's own, on an origin of its own, in a call with the reference client, through one
// Hilum. HILUM names the binary.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, person } from "./browser.mjs";
import { code, startPlace } from "./place.mjs";
import { freePort } from "./relay.mjs";

const TRIES = 400;
const DOCUMENT = readFileSync("docs/embedding.md", "utf8");
let place, portal, origin, browser;

async function until(what, claim) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await claim()) return;
    await sleep(50);
  }
  assert.fail(`it never came: ${what}`);
}

/** The modules as a hospital gets them: from its Hilum, into a folder beside its page. */
async function modules(folder) {
  mkdirSync(folder);
  for (const name of ["rtc", "safety", "signal"]) {
    const { status, headers, text } = await place.fetch(`/modules/${name}.js`, place.origin);
    assert.equal(status, 200);
    assert.match(headers["content-type"], /^text\/javascript/);
    writeFileSync(path.join(folder, `${name}.js`), text);
  }
  return folder;
}

before(async () => {
  const port = await freePort();
  origin = `https://localhost:${port}`;
  place = await startPlace(process.env.HILUM ?? "target/release/hilum", { origins: [origin] });
  const at = (name) => path.join(place.folder, name);
  portal = spawn(process.execPath, [path.resolve("docs/embedding/portal.mjs")], {
    env: {
      PATH: process.env.PATH,
      HILUM: place.origin,
      HILUM_API_KEY: place.key,
      ORIGIN: origin,
      PORT: port,
      CERTIFICATE: at("certificate.pem"),
      KEY: at("key.pem"),
      MODULES: await modules(at("modules")),
      NODE_EXTRA_CA_CERTS: at("certificate.pem"),
    },
    stdio: "inherit",
  });
  process.once("exit", () => portal.kill("SIGKILL"));
  await until("the portal", () => place.fetch("/", origin).then(({ status }) => status === 200, () => false));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  if (portal?.exitCode === null) {
    const ended = once(portal, "exit");
    portal.kill();
    await ended;
  }
  await place?.stop();
});

/** The picture of the other one moves. */
async function moving(video) {
  await video.waitFor();
  const time = () => video.evaluate((each) => each.currentTime);
  const first = await time();
  await until("a picture that moves", async () => (await time()) > first + 0.3);
}

test("a hospital's own page holds a call with the reference client", async () => {
  const [patient, clinician] = [await person(browser), await person(browser)];
  const { headers } = await place.fetch("/", origin);
  const [, policy, permissions] = /Content-Security-Policy: ([^]*?)\nPermissions-Policy: (.*)\n/.exec(DOCUMENT);
  const socket = place.origin.replace("https", "wss");
  const written = policy.replace(/\s+/g, " ").replace("wss://visit.clinic.example", socket);
  assert.equal(headers["content-security-policy"], written);
  assert.equal(headers["permissions-policy"], permissions);

  const asked = [];
  patient.on("request", (request) => asked.push(request.url()));
  patient.on("websocket", (socket) => asked.push(socket.url()));
  await patient.goto(origin);
  await patient.getByRole("button", { name: "Join" }).click();
  await patient.getByRole("status").filter({ hasText: "waiting room" }).waitFor();

  const { name, password, authenticator } = place.account;
  await clinician.goto(`${place.origin}/staff`);
  for (const [at, text] of [name, password, code(new URL(authenticator).searchParams.get("secret"))].entries()) {
    await clinician.locator("input").nth(at).fill(text);
  }
  await clinician.keyboard.press("Enter");
  await clinician.locator(".room", { hasText: "portal" }).locator(".primary").click();
  await moving(patient.locator("#theirs"));
  await moving(clinician.locator(".tile > video").first());

  await clinician.locator(".mark-button").first().click();
  await clinician.locator(".words ol").waitFor();
  const words = await clinician.locator(".words li").allInnerTexts();
  await clinician.keyboard.press("Escape");
  assert.equal(await patient.locator("#words").innerText(), words.join(" – "));

  // Whoever reloads is the same person: the page waits for a press, the call goes on.
  await patient.reload();
  await patient.getByRole("button", { name: "Join" }).click();
  await moving(patient.locator("#theirs"));

  await clinician.locator(".tool.end").click();
  await clinician.locator("dialog .danger").click();
  await patient.getByRole("status").filter({ hasText: "has ended" }).waitFor();

  // The page's policy was in force: it asked its own server and Hilum's socket, and nobody else.
  const strangers = asked.filter((url) => !url.startsWith(origin) && !url.startsWith(socket));
  assert.deepEqual(strangers, []);
  assert.equal(await patient.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
  for (const page of [patient, clinician]) assert.deepEqual(page.faults, []);
});

test("the page answers to every event that the modules know", () => {
  const page = readFileSync("docs/embedding/page.js", "utf8");
  const events = [
    ["rtc/peer.ts", "PeerEvents"],
    ["safety/index.ts", "SafetyEvents"],
    ["signal/index.ts", "SignalEvents"],
  ];
  for (const [file, name] of events) {
    const source = readFileSync(`src/signal/web/src/${file}`, "utf8");
    const [, members] = new RegExp(`interface ${name} {([^]*?)\\n}`).exec(source);
    const known = [...members.matchAll(/^  (\w+)\(/gm)].map(([, each]) => each);
    assert.ok(known.length >= 3, name);
    for (const each of known) assert.match(page, new RegExp(`\\b${each}\\b *[:(,]`), `${name}: ${each}`);
  }
});

test("a page of an origin that the configuration does not name gets no socket", async () => {
  const page = await person(browser);
  const other = await freePort();
  const empty = { body: "<!doctype html>", contentType: "text/html" };
  await page.route(`https://localhost:${other}/**`, (route) => route.fulfill(empty));
  await page.goto(`https://localhost:${other}/`);
  const closed = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, "hilum.v1");
        socket.onopen = () => resolve("opened");
        socket.onerror = () => resolve("refused");
      }),
    `${place.origin.replace("https", "wss")}/v1/signal`,
  );
  assert.equal(closed, "refused");
});

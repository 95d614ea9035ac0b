// Debian's Chromium with fake devices, and what every test of a page needs.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

// What Chromium would ask its maker for by itself, and what playwright turns off: of two lists, the last one holds.
const QUIET = [
  "AimEnabled",
  "AutofillServerCommunication",
  "AvoidUnnecessaryBeforeUnloadCheckSync",
  "DestroyProfileOnBrowserClose",
  "HttpsFirstBalancedModeAutoEnable",
  "HttpsUpgrades",
  "MediaRouter",
  "NetworkTimeServiceQuerying",
  "OptimizationGuideModelDownloading",
  "OptimizationHints",
  "PaintHolding",
  "PreconnectToSearch",
  "ThirdPartyStoragePartitioning",
  "Translate",
  "WebRtcHideLocalIpsWithMdns",
];
const FLAGS = [
  "--use-fake-device-for-media-stream=fps=10",
  "--allow-loopback-in-peer-connection",
  "--auto-select-desktop-capture-source=Entire screen",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
  // The browser itself has nothing to say to anybody either.
  "--disable-domain-reliability",
  "--no-pings",
  "--gaia-url=https://127.0.0.1:9/",
  "--component-updater=url-source=https://127.0.0.1:9/",
  "--optimization-guide-service-get-models-url=https://127.0.0.1:9/",
  `--disable-features=${QUIET.join(",")}`,
];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const VARIANTS = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 },
  desktop: { viewport: { width: 1280, height: 800 } },
};

export async function launch({ prompt = false, executable = process.env.CHROMIUM ?? "/usr/bin/chromium" } = {}) {
  const args = prompt ? FLAGS : [...FLAGS, "--use-fake-ui-for-media-stream"];
  return chromium.launch({ executablePath: executable, args, timeout: 60_000 });
}

/** What pages did against their policy, all of them; a file of tests ends with `policyHolds`. */
export const violations = [];
let listened = 0;

/** Tells of everything that the page's Content-Security-Policy forbids, from its first line on. */
async function watchPolicy(context) {
  await context.exposeBinding("policyViolated", ({ page }, what) => {
    if (what) violations.push(`${new URL(page.url()).pathname}: ${what}`);
    else listened += 1;
  });
  await context.addInitScript(() => {
    const tell = globalThis.policyViolated;
    addEventListener("securitypolicyviolation", ({ effectiveDirective: rule, blockedURI, sourceFile }) =>
      tell(`${rule} forbids ${blockedURI} in ${sourceFile}`),
    );
    tell("");
  });
}

/** Whether all pages have kept to their policy, and whether one that does not is heard of. */
export async function policyHolds(browser, origin) {
  assert.deepEqual(violations, []);
  assert.ok(listened, "no page was listened to");
  const page = await person(browser);
  await page.goto(`${origin}/`);
  await page.evaluate(() => (new Image().src = "https://192.0.2.1/pixel.png"));
  for (let attempt = 0; attempt < 100 && violations.length === 0; attempt++) await sleep(50);
  await page.context().close();
  assert.match(violations.splice(0).join(), /img-src forbids https:\/\/192\.0\.2\.1/);
}

/** A person's browser: its faults are kept in `page.faults`, its foreign requests too. */
export async function person(browser, { device = "desktop", dark = false, locale = "en-GB" } = {}) {
  const context = await browser.newContext({
    ...VARIANTS[device],
    colorScheme: dark ? "dark" : "light",
    locale,
    reducedMotion: "reduce",
    // The certificates of these tests are their own.
    ignoreHTTPSErrors: true,
  });
  await context.grantPermissions(["camera", "microphone", "clipboard-read", "clipboard-write"]);
  await watchPolicy(context);
  const page = await context.newPage();
  page.faults = [];
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !/status of (4\d\d|503)|WebSocket connection/.test(text)) page.faults.push(text);
  });
  return page;
}

/**
 * Puts a drawn person before the camera: head and shoulders in a quiet room, who nods a little. A test picture in loud
 * green says nothing of how a page looks. Sound stays the fake one.
 */
export async function drawn(page, number) {
  await page.addInitScript((which) => {
    if (!navigator.mediaDevices) return;
    const looks = [
      { room: ["#d9e4dd", "#b9cdc2"], skin: "#c98f6b", hair: "#3a2a22", shirt: "#0b6b6b" },
      { room: ["#e6ddd0", "#cdbfa9"], skin: "#8d5b3f", hair: "#1d1a18", shirt: "#f4f1ea" },
      { room: ["#d7dde6", "#b7c2d2"], skin: "#e2b48f", hair: "#a8763e", shirt: "#5b4b7a" },
      { room: ["#e3d6d9", "#cbb5ba"], skin: "#b57d58", hair: "#6b6a6a", shirt: "#7a3b46" },
    ];
    const { room, skin, hair, shirt } = looks[which % looks.length];
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    const pen = canvas.getContext("2d");
    const oval = (x, y, wide, high, colour) => {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.ellipse(x, y, wide, high, 0, 0, 7);
      pen.fill();
    };
    const draw = () => {
      const nod = Math.sin(Date.now() / 700) * 4;
      const wall = pen.createLinearGradient(0, 0, 640, 480);
      wall.addColorStop(0, room[0]);
      wall.addColorStop(1, room[1]);
      pen.fillStyle = wall;
      pen.fillRect(0, 0, 640, 480);
      pen.fillStyle = "rgb(255 255 255 / 45%)";
      pen.fillRect(40, 40, 120, 170);
      oval(320, 470, 190, 140, shirt);
      pen.fillStyle = skin;
      pen.fillRect(282, 290 + nod / 2, 76, 70);
      oval(320, 205 + nod, 104, 122, hair);
      oval(320, 226 + nod, 88, 106, skin);
      oval(320, 138 + nod, 92, 44, hair);
      for (const eye of [286, 354]) oval(eye, 222 + nod, 7, 9, "#2a2220");
      pen.strokeStyle = "#2a2220";
      pen.lineWidth = 4;
      pen.beginPath();
      pen.arc(320, 258 + nod, 30, 0.5, Math.PI - 0.5);
      pen.stroke();
    };
    draw();
    setInterval(draw, 100);
    const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await real(wanted);
      for (const track of stream.getVideoTracks()) {
        const [picture] = canvas.captureStream(10).getVideoTracks();
        Object.defineProperty(picture, "label", { value: "Built-in camera" });
        stream.removeTrack(track);
        track.stop();
        stream.addTrack(picture);
      }
      return stream;
    };
  }, number);
}

/** What axe-core finds that is serious or critical, a line each. It runs in a world of its own, as the page's policy allows no other script. */
export async function axe(page) {
  const client = await page.context().newCDPSession(page);
  const { frameTree } = await client.send("Page.getFrameTree");
  const world = await client.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  const contextId = world.executionContextId;
  await client.send("Runtime.evaluate", { expression: AXE, contextId });
  const { result } = await client.send("Runtime.evaluate", {
    expression: `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => JSON.stringify(violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.map((n) => n.html.slice(0, 120) + " " + (n.any[0]?.message ?? "")).join(" | "))))`,
    contextId,
    awaitPromise: true,
  });
  await client.detach();
  return JSON.parse(result.value);
}

/** Pixels of a picture's height: what lies below is not worth its bytes. */
const TALLEST = 2600;

/** A small picture of a page, with what lies below the fold. */
export async function shoot(page, file) {
  const client = await page.context().newCDPSession(page);
  const { cssLayoutViewport, cssContentSize } = await client.send("Page.getLayoutMetrics");
  const [width, shown] = [cssLayoutViewport.clientWidth, cssLayoutViewport.clientHeight];
  const covered = await page.evaluate(() => Boolean(document.querySelector("dialog[open]")));
  const height = covered ? shown : Math.min(TALLEST, Math.max(shown, Math.ceil(cssContentSize.height)));
  const below = height > shown ? { captureBeyondViewport: true, clip: { x: 0, y: 0, width, height, scale: 1 } } : {};
  const { data } = await client.send("Page.captureScreenshot", { format: "webp", quality: 50, ...below });
  await client.detach();
  writeFileSync(file, Buffer.from(data, "base64"));
}

// Debian's Chromium with fake devices, and what every test of a page needs.
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

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
];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const VARIANTS = {
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 },
  desktop: { viewport: { width: 1280, height: 800 } },
};

export async function launch({ prompt = false } = {}) {
  const args = prompt ? FLAGS : [...FLAGS, "--use-fake-ui-for-media-stream"];
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args, timeout: 60_000 });
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

export async function shoot(page, name) {
  if (!process.env.SCREENS) return;
  mkdirSync(process.env.SCREENS, { recursive: true });
  await page.screenshot({ path: `${process.env.SCREENS}/${name}.png`, animations: "disabled" });
}

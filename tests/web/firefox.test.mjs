// A visit of a patient in Firefox ESR with a clinician in Chromium, with the whole product. Firefox is driven by WebDriver
// BiDi, with presses that it cannot tell from a person's.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as firefox from "../strangers/firefox.mjs";
import { launch, person } from "./browser.mjs";
import { startPlace } from "./place.mjs";
import { admit, appointment, measure, media, signIn, talking, until, wordsOf } from "./steps.mjs";

let place, chromium, fox, pid;

before(async () => {
  place = await startPlace(process.env.HILUM ?? "target/release/hilum");
  process.once("exit", () => {
    try {
      if (pid) process.kill(-pid, "SIGKILL");
    } catch {
      // It has ended as it should.
    }
  });
  const started = (number) => (pid = number);
  // The certificates of these tests are their own.
  const capabilities = { alwaysMatch: { acceptInsecureCerts: true } };
  // It calls its maker by many names, in spite of all that switches it off: each is this host.
  const here = { "network.dns.forceResolve": "127.0.0.1" };
  const fire = firefox.launch("/usr/bin/firefox-esr", here, started, capabilities);
  [chromium, fox] = await Promise.all([launch(), fire]);
});

after(async () => {
  await Promise.allSettled([chromium?.close(), fox?.close()]);
  await place?.stop();
});

/** Presses with the pointer where the first such thing is. */
async function press(page, selector) {
  let at;
  await until(`${selector} in Firefox`, async () => {
    at = await page.evaluate((wanted) => {
      const element = document.querySelector(wanted);
      element?.scrollIntoView({ block: "center" });
      const { x, y, width, height } = element?.getBoundingClientRect() ?? {};
      return width ? { x: Math.round(x + width / 2), y: Math.round(y + height / 2) } : undefined;
    }, selector);
    return at !== undefined;
  });
  const actions = [
    { type: "pointerMove", ...at },
    { type: "pointerDown", button: 0 },
    { type: "pointerUp", button: 0 },
  ];
  const { session, context } = page;
  await session.command("input.performActions", { context, actions: [{ type: "pointer", id: "mouse", actions }] });
}

const count = (page, selector) => page.evaluate((wanted) => document.querySelectorAll(wanted).length, selector);

/** Everybody's picture moves in Firefox. */
async function moving(page) {
  const time = () => page.evaluate(() => document.querySelector(".tile > video")?.currentTime ?? 0);
  await until("a picture in Firefox", async () => (await time()) > 0);
  const first = await time();
  await until("a picture that moves in Firefox", async () => (await time()) > first + 0.3);
}

test("a patient in Firefox and a clinician in Chromium see and hear each other, and read the same words", async (context) => {
  const [link] = await appointment(place, "F-1");
  const patient = await fox.newPage();
  await patient.goto(link);
  await until("the secret leaves the address bar", async () => (await patient.evaluate(() => location.hash)) === "");
  await press(patient, ".door .primary");
  await until("the waiting room", async () => (await count(patient, ".calm-card")) === 1);
  const clinician = await person(chromium);
  await measure(clinician);
  await signIn(clinician, place);
  await admit(clinician, "F-1");
  await moving(patient);
  await talking(clinician);

  const first = await media(clinician);
  let last;
  await until("a hundred packets of sound from Firefox", async () => {
    last = await media(clinician);
    return last.audio - first.audio >= 100;
  });
  assert.ok(last.video > first.video, "its picture arrives");
  context.diagnostic(`sound ${last.audio - first.audio} packets, ${last.lost} lost; pictures ${last.video - first.video}`);

  await press(patient, ".mark-button");
  await until("the words", async () => (await count(patient, ".words li")) === 4);
  const words = await patient.evaluate(() => [...document.querySelectorAll(".words li")].map((each) => each.innerText));
  assert.deepEqual(words, await wordsOf(clinician));

  await clinician.locator(".tool.end").click();
  await clinician.locator("dialog .danger").click();
  await until("the end", async () => (await count(patient, ".rating")) === 1);
  const left = await patient.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
  assert.equal(left, 0);
  assert.deepEqual(clinician.faults, []);
});

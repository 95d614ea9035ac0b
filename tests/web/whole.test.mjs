// A visit in Chromium with the whole product: pages, signaling, credentials and relay all come from one Hilum, over one
// port. HILUM names the binary.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, person } from "./browser.mjs";
import { code, startPlace } from "./place.mjs";

const TRIES = 400;
let place, browser;

before(async () => {
  place = await startPlace(process.env.HILUM ?? "target/release/hilum");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await place?.stop();
});

async function until(what, claim) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await claim()) return;
    await sleep(50);
  }
  assert.fail(`it never came: ${what}`);
}

/** Everybody's picture moves. */
async function talking(page) {
  await page.locator(".tile > video").first().waitFor();
  const time = () =>
    page
      .locator(".tile > video")
      .first()
      .evaluate((video) => video.currentTime);
  const first = await time();
  await until("a picture that moves", async () => (await time()) > first + 0.3);
}

async function wordsOf(page) {
  await page.locator(".mark-button").first().click();
  await page.locator(".words ol").waitFor();
  const words = await page.locator(".words li").allInnerTexts();
  await page.keyboard.press("Escape");
  return words;
}

async function signIn(page) {
  const { name, password, authenticator } = place.account;
  await page.goto(`${place.origin}/staff`);
  await page.locator("input").nth(0).fill(name);
  await page.locator("input").nth(1).fill(password);
  await page
    .locator("input")
    .nth(2)
    .fill(code(new URL(authenticator).searchParams.get("secret")));
  await page.keyboard.press("Enter");
  await page.locator(".list").waitFor();
}

test("a consultation from the appointment to the end, over one port", async () => {
  const starts = Math.floor(Date.now() / 1000);
  const wanted = { clinic: place.clinic, label: "W-1", starts, minutes: 30, people: [{ role: "patient" }] };
  const made = await place.api("POST", "/v1/appointments", wanted);
  assert.equal(made.status, 201, made.text);
  const { links } = JSON.parse(made.text);
  const pages = [await person(browser), await person(browser)];
  const [patient, clinician] = pages;
  await patient.goto(links[0].url);
  await patient.locator(".door .primary").click();
  await patient.locator(".calm-card").waitFor();
  await until("a check of the network that is done", async () => (await patient.locator(".check.ok").count()) === 3);
  await signIn(clinician);
  const row = clinician.locator(".room", { hasText: "W-1" });
  await row.locator(".ready-marks .ok").nth(2).waitFor();
  await row.locator(".primary").click();
  await talking(patient);
  await talking(clinician);
  const words = await wordsOf(patient);
  assert.equal(words.length, 4);
  assert.deepEqual(await wordsOf(clinician), words);

  // A reload comes back by itself.
  await patient.reload();
  await talking(patient);
  await talking(clinician);

  await clinician.locator(".tool.end").click();
  await clinician.locator("dialog .danger").click();
  await patient.locator(".rating").waitFor();
  await patient.locator(".stars .press").first().click();
  const left = await patient.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
  assert.equal(left, 0);
  // Those of the network checks end with their credentials, within a minute and a half.
  const running = () => JSON.parse(place.hilum("allocations", "--json")).allocations;
  await until("the end of the room's allocations", () => running().every(({ token }) => token.party === "check"));
  const log = place.log();
  assert.ok(!log.includes(links[0].url.split("#")[1]) && !log.includes("W-1"), "the log holds something of the visit");
  for (const page of pages) assert.deepEqual(page.faults, []);
});

test("a clinician makes an appointment on the page, and its link works", async () => {
  const [clinician, patient] = [await person(browser), await person(browser)];
  // A code is good once: the next one is there within half a minute.
  const { authenticator } = place.account;
  const secret = new URL(authenticator).searchParams.get("secret");
  const used = code(secret);
  await until("the next code", async () => code(secret) !== used || (await sleep(100), false));
  await signIn(clinician);
  await clinician.locator(".list > header .primary").click();
  await clinician.locator("dialog input").first().fill("W-2");
  await clinician.locator("dialog .press.primary").click();
  const link = await clinician.locator(".link-card input").inputValue();
  await clinician.keyboard.press("Escape");
  await patient.goto(link);
  await patient.locator(".door .primary").click();
  await clinician.locator(".room", { hasText: "W-2" }).locator(".primary").click();
  await talking(patient);
  for (const page of [clinician, patient]) assert.deepEqual(page.faults, []);
});

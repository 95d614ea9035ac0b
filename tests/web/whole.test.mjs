// A visit in Chromium with the whole product: pages, signaling, credentials and relay all come from one Hilum, over one
// port. HILUM names the binary.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, person, policyHolds } from "./browser.mjs";
import { startPlace } from "./place.mjs";
import { signIn, talking, until, wordsOf } from "./steps.mjs";

let place, browser;

before(async () => {
  place = await startPlace(process.env.HILUM ?? "target/release/hilum");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await place?.stop();
});

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
  await signIn(clinician, place);
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
  await signIn(clinician, place, place.staff("dr.woods"));
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

test("an operator signs in and is shown the state of the relay, and no clinic", async () => {
  const account = JSON.parse(place.hilum("staff", "add", "night.watch", "--role", "operator", "--json"));
  const operator = await person(browser);
  await operator.goto(`${place.origin}/status`);
  await operator.locator("a.press", { hasText: "Sign in" }).click();
  await signIn(operator, place, account, ".status");
  assert.equal(new URL(operator.url()).pathname, "/status");
  // The certificate of these tests lasts for two days.
  await operator.locator(".alarms li", { hasText: "ends within two weeks" }).waitFor();
  await operator.locator(".sentence.trouble").waitFor();
  const cards = (await operator.locator(".cards h2").allInnerTexts()).join();
  for (const card of ["Visits", "Allocations", "Bandwidth", "Certificates and keys", "Audit log", "Refused"]) {
    assert.ok(cards.includes(card), `${card}: ${cards}`);
  }
  const text = await operator.locator("main").innerText();
  assert.ok(!/W-1|W-2|127\.0\.0\.1|dr\.rivers/.test(text), text);
  await operator.locator(".press", { hasText: "Sign out" }).click();
  await operator.locator("h1", { hasText: "Sign in" }).waitFor();
  assert.deepEqual(operator.faults, []);
});

test("no page has done what its policy forbids, and one that does is heard of", () => policyHolds(browser, place.origin));

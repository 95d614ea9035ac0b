// Links in Chromium with the whole product: scanners of mail, replays, a second browser, and the edges of a window.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, person, policyHolds } from "./browser.mjs";
import { ask, startPlace } from "./place.mjs";
import { signIn, until } from "./steps.mjs";

/** Looks at a page that changes by itself within half a minute. */
const TRIES = 600;
/** Seconds around an appointment in which its links work: the default of `signal.opens_before` and `closes_after`. */
const AROUND = 900;
/** How often a scanner looks. */
const LOOKS = 20;
let place, browser;

before(async () => {
  place = await startPlace(process.env.HILUM ?? "target/release/hilum");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await place?.stop();
});

const now = () => Math.floor(Date.now() / 1000);
const title = (page) => page.locator(".card h1");

async function appointment({ label, starts = now(), minutes = 30 }) {
  const wanted = { clinic: place.clinic, label, starts, minutes, people: [{ role: "patient" }] };
  const made = await place.api("POST", "/v1/appointments", wanted);
  assert.equal(made.status, 201, made.text);
  const { opens, ends, links } = JSON.parse(made.text);
  return { opens, ends, url: links[0].url, secret: links[0].url.split("#")[1] };
}

async function press(page, url) {
  await page.goto(url);
  await page.locator(".door .primary").click();
}

/** What the page says once it has changed to it. */
async function says(page, text) {
  await until(text, async () => (await title(page).allInnerTexts()).includes(text), TRIES);
}

async function close(...pages) {
  for (const page of pages) assert.deepEqual(page.faults, [], page.url());
  await Promise.all(pages.map((page) => page.context().close()));
}

test("whoever scans mail burns no link: twenty times HEAD, GET and a browser that presses nothing", async () => {
  const { url, secret } = await appointment({ label: "S-1" });
  for (let look = 0; look < LOOKS; look++) {
    for (const method of ["HEAD", "GET"]) {
      const { status } = await ask(place.origin, method, "/j");
      assert.ok(status === 200 || (method === "HEAD" && status === 405), `${method}: ${status}`);
    }
    const scanner = await person(browser);
    await scanner.goto(url);
    await scanner.locator(".door .primary").waitFor();
    await close(scanner);
  }
  const patient = await person(browser);
  await press(patient, url);
  await patient.locator(".calm-card").waitFor();
  // The secret is gone from the address and the history, and never was in a request's path.
  assert.equal(await patient.evaluate(() => location.href), `${place.origin}/j`);
  assert.ok(!place.log().includes(secret));
  await close(patient);
});

test("a used link is refused to a second browser, and the clinician who is asked lets it in", async () => {
  const { url } = await appointment({ label: "R-1" });
  const [first, second, clinician] = [await person(browser), await person(browser), await person(browser)];
  await press(first, url);
  await first.locator(".calm-card").waitFor();
  await press(second, url);
  await says(second, "This link is open somewhere else");
  // It stays so, however often it is tried.
  await second.locator(".card .primary").click();
  await says(second, "This link is open somewhere else");
  await first.locator(".calm-card").waitFor();

  await signIn(clinician, place);
  const row = clinician.locator(".room", { hasText: "R-1" });
  await row.locator(".second .press").click();
  await says(first, "You went on with another device");
  await second.locator(".calm-card").waitFor();
  await row.locator(".second").waitFor({ state: "detached" });
  const kept = await first.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length);
  assert.equal(kept, 0);
  // Now it is the first one that is refused.
  await first.goto("about:blank");
  await press(first, url);
  await says(first, "This link is open somewhere else");
  await close(first, second, clinician);
});

test("a window opens to the second, and lets in whoever pressed before", async () => {
  const { url, opens } = await appointment({ label: "O-1", starts: now() + AROUND + 8 });
  const patient = await person(browser);
  let joined = 0;
  patient.on("request", (request) => {
    if (request.url().endsWith("/v1/visit/join")) joined ||= Date.now() / 1000;
  });
  await patient.goto(url);
  await patient.locator(".digits").waitFor();
  await patient.locator(".door .primary").click();
  await patient.locator(".door .calm").waitFor();
  await patient.locator(".calm-card").waitFor();
  assert.ok(joined >= opens, `${joined - opens} s too early`);
  await close(patient);
});

test("a window closes to the second: who waits hears it, and who comes later reads it", async () => {
  const minutes = 15;
  const { url, ends } = await appointment({ label: "E-1", starts: now() + 12 - AROUND - minutes * 60, minutes });
  const [patient, late] = [await person(browser), await person(browser)];
  await press(patient, url);
  await patient.locator(".calm-card").waitFor();
  await says(patient, "This appointment has ended");
  assert.ok(Date.now() / 1000 >= ends, "it ended too early");
  await late.goto(url);
  await says(late, "This appointment has ended");
  assert.equal(await late.locator(".primary").count(), 0);
  await close(patient, late);
});

test("a link that never was reads as one that is no more, and says what to do", async () => {
  const page = await person(browser);
  await page.goto(`${place.origin}/j#${"A".repeat(22)}`);
  await says(page, "This link does not work");
  await close(page);
});

test("no page has done what its policy forbids, and one that does is heard of", () => policyHolds(browser, place.origin));

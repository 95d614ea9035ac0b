// A call whose signaling is gone for a minute, in networks that reach nobody but Hilum:
// `node tests/web/alone.mjs tests/web/signaling.test.mjs`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, person, policyHolds } from "./browser.mjs";
import { startPlace } from "./place.mjs";
import { admit, appointment, join, measure, media, signIn, talking, until } from "./steps.mjs";
import { HILUM, Street, settle } from "./streets.mjs";

/** Milliseconds for which nobody hears of the service. */
const GONE = 60_000;
/** Milliseconds of silence, or of a picture that stands still, from which on a call is said to freeze. */
const FREEZE = 1000;
/** What both are told meanwhile. */
const AWAY = "Reconnecting to the clinic";
let place, streets, browsers, patient, clinician;

before(async () => {
  settle();
  place = await startPlace(process.env.HILUM ?? "target/release/hilum", { host: HILUM, port: 443 });
  streets = [await Street.make(), await Street.make()];
  browsers = await Promise.all(streets.map(({ chromium }) => launch({ executable: chromium })));
  [patient, clinician] = await Promise.all(browsers.map((browser) => person(browser)));
  for (const page of [patient, clinician]) {
    await page.addInitScript(byDatagrams);
    await measure(page);
  }
  const [link] = await appointment(place, "S-1");
  await join(patient, link);
  await signIn(clinician, place);
  await admit(clinician, "S-1");
  await talking(patient);
  await talking(clinician);
});

after(async () => {
  await Promise.allSettled((browsers ?? []).map((browser) => browser.close()));
  for (const street of streets ?? []) street.end();
  await place?.stop();
});

/** In the page: its calls go by UDP alone, since what takes signaling away takes TCP. */
function byDatagrams() {
  const only = (configuration) => ({
    ...configuration,
    iceServers: (configuration?.iceServers ?? []).map((server) => ({
      ...server,
      urls: [server.urls].flat().filter((url) => url.startsWith("turn:") && !url.endsWith("transport=tcp")),
    })),
  });
  const Native = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(configuration) {
      super(only(configuration));
    }
    setConfiguration(configuration) {
      super.setConfiguration(only(configuration));
    }
  };
}

const both = (ask) => Promise.all([patient, clinician].map(ask));

test("signaling is gone for a minute: nothing freezes, both are told, and then it goes on as if nothing had been", async (context) => {
  await sleep(3000);
  await both((page) => media(page, true));
  for (const street of streets) street.silence(true);
  const told = both((page) => page.locator(".notice", { hasText: AWAY }).waitFor({ timeout: GONE }));
  await Promise.all([told, sleep(GONE)]);
  const said = await both((page) => media(page));
  for (const street of streets) street.silence(false);
  for (const { gaps, ways } of said) {
    context.diagnostic(`gap in sound ${Math.round(gaps.audio)} ms, in the picture ${Math.round(gaps.video)} ms`);
    assert.ok(gaps.audio < FREEZE && gaps.video < FREEZE, "the call froze");
    assert.deepEqual(ways, ["udp"], "it was the same way all the time");
  }

  await until("the end of the notice", async () => (await both((page) => page.locator(".notice").count())).every((count) => count === 0));
  await talking(patient);
  await talking(clinician);
  // What is said now is heard.
  await clinician.locator(".tool.end").click();
  await clinician.locator("dialog .danger").click();
  await patient.locator(".rating").waitFor({ timeout: 5000 });
});

test("no page has done what its policy forbids, and one that does is heard of", async () => {
  for (const browser of browsers) await policyHolds(browser, place.origin);
});

// A visit whose patient moves from network to network, and whose link becomes narrow, in
// networks that reach nobody but Hilum: `node tests/web/alone.mjs tests/web/road.test.mjs`.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, person, policyHolds } from "./browser.mjs";
import { startPlace } from "./place.mjs";
import { admit, appointment, frames, join, measure, media, signIn, talking, until, voice } from "./steps.mjs";
import { HILUM, Street, settle } from "./streets.mjs";

/** How often the patient's network changes. */
const CHANGES = 10;
/** Milliseconds of the longest gap in what is heard and seen, of nineteen in twenty. */
const MOST_GAP = 4000;
/** Milliseconds in which what has piled up before a link that became narrow is gone. */
const SETTLING = 8_000;
/** Seconds for which credentials are good: what connects after that has fresh ones. */
const CREDENTIALS = 20;
/** Looks, of fifty milliseconds, until a picture is back: it is tried every twenty seconds, and may just have failed. */
const BACK = 1800;
/** What both are told when there is no room for a picture. */
const STOPPED = "Your picture is paused so that your voice stays clear.";
let place, streets, browsers, patient, clinician, heard;

before(async () => {
  settle();
  place = await startPlace(process.env.HILUM ?? "target/release/hilum", {
    host: HILUM,
    port: 443,
    credentials: CREDENTIALS,
  });
  streets = [await Street.make(2), await Street.make()];
  browsers = await Promise.all(streets.map(({ chromium }) => launch({ executable: chromium })));
  [patient, clinician] = await Promise.all(browsers.map((browser) => person(browser)));
  heard = [patient, clinician].map((page) => frames(page));
  for (const page of [patient, clinician]) await measure(page);
  const [link] = await appointment(place, "R-1");
  await join(patient, link);
  await signIn(clinician, place);
  await admit(clinician, "R-1");
  await talking(patient);
  await talking(clinician);
});

after(async () => {
  await Promise.allSettled((browsers ?? []).map((browser) => browser.close()));
  for (const street of streets ?? []) street.end();
  await place?.stop();
});

const both = (ask) => Promise.all([patient, clinician].map(ask));
const round = (list) => list.map((each) => Math.round(each)).join(" ");

/** Sound and picture have come to both without a pause, for so many milliseconds. */
async function flows(milliseconds) {
  for (let quiet = 0, tries = 0; quiet < milliseconds; quiet += 100, tries++) {
    assert.ok(tries < 600, "sound and picture do not come back within a minute");
    await sleep(100);
    const now = await both((page) => media(page));
    if (now.some(({ still }) => still.audio > 400 || still.video > 1000)) quiet = 0;
  }
}

test("the patient's network changes ten times in a call, and it goes on by itself", async (context) => {
  const [gaps, fragments] = [{ audio: [], video: [] }, new Set()];
  await flows(1000);
  for (let change = 0; change < CHANGES; change++) {
    await both((page) => media(page, true));
    // In turn: another address in the same network, and another network.
    streets[0].use((change >> 1) % 2, 3 + change);
    await sleep(2500);
    await flows(1000);
    const now = await both((page) => media(page));
    for (const kind of ["audio", "video"]) gaps[kind].push(Math.max(...now.map((each) => each.gaps[kind])));
    for (const fragment of now[0].fragments) fragments.add(fragment);
  }
  context.diagnostic(`gaps in sound, ms: ${round(gaps.audio)}; in the picture: ${round(gaps.video)}`);
  for (const kind of ["audio", "video"]) {
    const [worst] = gaps[kind].toSorted((one, other) => other - one);
    // The 95th in a hundred of ten is the worst of them.
    assert.ok(worst < MOST_GAP, `${kind}: ${worst} ms`);
    assert.ok(worst > 100, "no change was felt: nothing was measured");
  }
  assert.ok(fragments.size > 1, "ICE was never restarted");
  const renewals = heard.map((all) => all.filter(({ t }) => t === "turn").length);
  assert.ok(renewals.every((count) => count >= 2), `renewed ${renewals} times`);
  assert.equal(await patient.locator("dialog[open]").count(), 0);
  await until("the end of notices", async () => (await patient.locator(".notice").count()) === 0);
});

/** How much of the voice was lost and made up on both sides, and the pictures that came, in so many seconds. */
async function listen(seconds) {
  const first = await both((page) => media(page, true));
  await sleep(seconds * 1000);
  const last = await both((page) => media(page));
  return last.map((each, at) => ({
    ...voice(first[at], each),
    gap: each.gaps.audio,
    pictures: (each.video - first[at].video) / seconds,
  }));
}

const parts = (said) =>
  said
    .map(({ loss, concealed, gap, pictures }) => {
      const percent = (part) => `${(100 * part).toFixed(1)} %`;
      return `${percent(loss)} lost, ${percent(concealed)} made up, gap ${Math.round(gap)} ms, ${pictures.toFixed(1)} pictures/s`;
    })
    .join("; ");

test("a narrow link stops the picture, the voice goes on, and the picture comes back", async (context) => {
  streets[0].use(0, 60);
  await sleep(2500);
  await flows(1000);
  for (const [bits, stops] of [
    [300_000, false],
    [60_000, true],
  ]) {
    streets[0].narrow(0, bits);
    // The picture goes down a step in six seconds, until it stops, and both are told.
    if (stops) await both((page) => page.locator(".notice", { hasText: STOPPED }).waitFor({ timeout: 60_000 }));
    await sleep(SETTLING);
    const said = await listen(8);
    context.diagnostic(`${bits / 1000} kbit/s: ${parts(said)}`);
    for (const { loss, concealed, gap } of said) {
      assert.ok(gap < 1000, `${gap} ms of silence`);
      // Where no picture fits, one is tried now and then, and costs the voice something.
      if (stops) continue;
      assert.ok(loss < 0.03, `${loss} of the voice is lost`);
      assert.ok(concealed < 0.05, `${concealed} of the voice is made up`);
    }
  }
  assert.equal(await patient.locator(".tile").count(), 1, "the call goes on");
  streets[0].narrow(0, 0);
  const notices = () => both((page) => page.locator(".notice").count());
  await until("the end of the notices", async () => (await notices()).every((count) => count === 0), BACK);
  // A video's time goes on without pictures as long as there is sound.
  const seen = () => both(async (page) => (await media(page)).video);
  const first = await seen();
  await until("pictures on both sides", async () => (await seen()).every((count, at) => count > first[at] + 10), BACK);
});

test("nobody but Hilum was tried", () => {
  for (const street of streets) assert.equal(street.elsewhere(), 0);
});

test("no page has done what its policy forbids, and one that does is heard of", () => policyHolds(browsers[0], place.origin));

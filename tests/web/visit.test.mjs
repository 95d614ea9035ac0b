// Whole visits in Chromium, against the protocol in memory and a relay that enforces its seal: `node --test tests/web`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { axe, launch, person, policyHolds } from "./browser.mjs";
import { Mock } from "./mock.mjs";
import { startRelay } from "./relay.mjs";
import { STATUS, TROUBLE, signIn, walk } from "./states.mjs";

const TRIES = 300;
let relay, mock, browser;

before(async () => {
  relay = await startRelay(process.env.HILUM ?? "target/release/hilum");
  mock = await new Mock(relay).listen();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await mock?.stop();
  await relay?.stop();
});

/** Looks again and again until it is so; a page that never comes to it fails with what was wanted. */
async function until(what, claim) {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (await claim()) return;
    await sleep(50);
  }
  assert.fail(`it never came: ${what}`);
}

const texts = (page, selector) => page.locator(selector).allInnerTexts();

/** A patient and a clinician in a call, with those who join them. */
async function inCall({ people = ["patient"] } = {}) {
  const { id, links } = mock.appointment({ label: `L-${mock.rooms.size}`, people });
  const [patient, clinician] = [await person(browser), await person(browser)];
  await patient.goto(links[0].url);
  await patient.locator(".door .primary").click();
  await signIn(clinician, mock);
  await clinician
    .locator(".room", { hasText: mock.rooms.get(id).label })
    .locator(".primary")
    .click();
  await talking(patient);
  await talking(clinician);
  return { id, links, patient, clinician };
}

/** Pictures of everybody move. */
async function talking(page, count = 1) {
  await page
    .locator(".tile > video")
    .nth(count - 1)
    .waitFor();
  const times = () => page.locator(".tile > video").evaluateAll((all) => all.map((video) => video.currentTime));
  const first = await times();
  await until("a picture that moves", async () => {
    const now = await times();
    return now.length >= count && now.every((time, at) => time > (first[at] ?? 0) + 0.2);
  });
}

async function close(...pages) {
  for (const page of pages) assert.deepEqual(page.faults, [], page.url());
  await Promise.all(pages.map((page) => page.context().close()));
}

async function wordsOf(page) {
  await page.locator(".mark-button").first().click();
  await page.locator(".words ol").waitFor();
  const words = await texts(page, ".words li");
  await page.keyboard.press("Escape");
  return words;
}

test("a link that is only opened is not used up, and its secret is never sent", async () => {
  const { links } = mock.appointment();
  const [secret] = links[0].url.split("#").slice(-1);
  const scanner = await person(browser);
  for (let time = 0; time < 5; time++) {
    await scanner.goto(links[0].url);
    await scanner.locator(".door .primary").waitFor();
    assert.ok(!scanner.url().includes(secret), "it leaves the address bar");
    await scanner.goto("about:blank");
  }
  const patient = await person(browser);
  await patient.goto(links[0].url);
  await patient.locator(".door .primary").click();
  await patient.locator(".calm-card").waitFor();
  assert.ok(!mock.requests.some((line) => line.includes(secret)));
  // A second browser has no part in it.
  await scanner.goto(links[0].url);
  await scanner.locator(".door .primary").click();
  await until("the page that says so", async () => (await texts(scanner, "h1"))[0]?.includes("open somewhere else"));
  await close(scanner, patient);
});

test("a clock lets in by itself who pressed before the door opened", async () => {
  const patient = await person(browser);
  const { links } = mock.appointment({ opens: Math.floor(Date.now() / 1000) + 4 });
  await patient.goto(links[0].url);
  await patient.locator(".digits").waitFor();
  await patient.locator(".door .primary").click();
  await patient.locator(".calm-card").waitFor();
  await close(patient);
});

test("a visit by keyboard alone, relayed only, with equal words on both sides and nothing left behind", async () => {
  const { id, links } = mock.appointment({ label: "K-1" });
  const [patient, clinician] = [await person(browser), await person(browser)];
  await patient.goto(links[0].url);
  await patient.locator("h1").waitFor();
  await tabTo(patient, ".door .primary");
  await patient.keyboard.press("Enter");
  await patient.locator(".check.ok").nth(2).waitFor();
  await signIn(clinician, mock);
  await clinician.locator(".room", { hasText: "K-1" }).locator(".primary").waitFor();
  await until("marks of readiness", async () => (await clinician.locator(".ready-marks .ok").count()) === 3);
  const frames = mock.frames.filter(([member]) => member.room?.id === id).map(([, text]) => text);
  assert.ok(!frames.join().includes("p2"), "who waits hears of nobody");
  await tabTo(clinician, ".room .primary", "K-1");
  await clinician.keyboard.press("Enter");
  await talking(patient);
  await talking(clinician);
  const words = await wordsOf(patient);
  assert.equal(words.length, 4);
  assert.deepEqual(await wordsOf(clinician), words);
  await tabTo(patient, ".tool");
  await patient.keyboard.press("Enter");
  assert.equal(await patient.locator(".tool").first().getAttribute("aria-pressed"), "true");
  await clinician.locator(".muted-mark").waitFor();
  await tabTo(patient, ".tool.end");
  await patient.keyboard.press("Enter");
  await tabTo(patient, "dialog .danger");
  await patient.keyboard.press("Enter");
  await patient.locator(".rating").waitFor();
  await patient.locator(".stars .press").nth(3).click();
  await until("the rating", () => mock.rating === 4);
  const left = await patient.evaluate(async () => [
    localStorage.length + sessionStorage.length,
    document.cookie,
    (await indexedDB.databases()).length,
    (await caches.keys()).length,
  ]);
  assert.deepEqual(left, [0, "", 0, 0]);
  const foreign = mock.requests.filter((line) => !/ \/(j|staff|assets\/|v1\/)/.test(line) && !/ \/$/.test(line));
  assert.deepEqual(foreign, []);
  await close(patient, clinician);
});

/** Presses Tab until the focus is where it is wanted. */
async function tabTo(page, selector, within = "") {
  for (let presses = 0; presses < 60; presses++) {
    const there = await page.evaluate(
      ([wanted, text]) => {
        const at = document.activeElement;
        const inside = !text || at?.closest(".room")?.textContent?.includes(text);
        return Boolean(at?.matches(wanted) && inside && at.matches(":focus-visible"));
      },
      [selector, within],
    );
    if (there) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab never reaches ${selector}`);
}

test("a reload in mid-call is back within five seconds, without a press", async () => {
  const { patient, clinician } = await inCall();
  const begun = Date.now();
  await patient.reload();
  await talking(patient);
  const took = Date.now() - begun;
  await talking(clinician);
  assert.equal(await clinician.locator(".tile").count(), 1);
  assert.ok(took < 5000, `${took} ms`);
  await close(patient, clinician);
});

test("a part of the page that does not arrive is fetched again, and the link is not lost by it", async () => {
  const { links } = mock.appointment({ label: "P-1" });
  for (const failures of [1, 5]) {
    const page = await person(browser);
    let left = failures;
    // As when a phone changes its network while the page loads.
    const fails = (route) => (left-- > 0 ? route.abort("internetdisconnected") : route.continue());
    await page.route("**/assets/patient-*.js", fails);
    await page.goto(links[0].url);
    await page.locator(".door .primary").waitFor();
    assert.ok(left < 0, "it was fetched as often as it failed, and once more");
    await page.context().close();
  }
});

test("whoever left by mistake goes back by a press, though nothing was kept", async () => {
  const { patient, clinician } = await inCall();
  await patient.locator(".tool.end").click();
  await patient.locator("dialog .danger").click();
  await patient.locator(".rating").waitFor();
  assert.equal(await patient.evaluate(() => localStorage.length + sessionStorage.length), 0);
  await patient.locator(".press", { hasText: "Go back to the appointment" }).click();
  await patient.locator(".calm-card").waitFor();
  await clinician.locator(".room.current .room-buttons .primary").click();
  await talking(patient);
  await talking(clinician);
  await close(patient, clinician);
});

test("the service away for a while freezes nothing, and the call goes on after it", async () => {
  const { patient, clinician } = await inCall();
  mock.cut();
  await patient.locator(".notice").waitFor();
  await talking(patient);
  await talking(clinician);
  mock.closed = false;
  await patient.locator(".notice").waitFor({ state: "detached" });
  await talking(patient);
  await close(patient, clinician);
});

test("chat and files go from browser to browser: no frame of the service holds a word of them", async () => {
  const { patient, clinician } = await inCall();
  await patient.locator(".tool").nth(2).click();
  await patient.locator("textarea").fill("canary-of-the-chat");
  await patient.keyboard.press("Enter");
  await clinician.locator(".tool").nth(2).click();
  await until("the line", async () => (await texts(clinician, ".said")).includes("canary-of-the-chat"));
  const bytes = Buffer.alloc(5_000_000, "canary-of-the-file");
  const file = { name: "letter.bin", mimeType: "text/html", buffer: bytes };
  await patient.locator("input[type=file]").setInputFiles(file);
  await clinician.locator(".line.file .primary").click();
  const link = clinician.locator(".line.file a[download]");
  await link.waitFor();
  const [download] = await Promise.all([clinician.waitForEvent("download"), link.click()]);
  assert.equal(download.suggestedFilename(), "letter.bin");
  assert.ok(readFileSync(await download.path()).equals(bytes), "it is not what was sent");
  assert.ok(!mock.frames.some(([, text]) => text.includes("canary")));
  await close(patient, clinician);
});

test("a third and a fourth person come in, and everybody sees everybody", async () => {
  const { links, patient, clinician } = await inCall({ people: ["patient", "guest", "captioner"] });
  const [guest, captioner] = [await person(browser), await person(browser)];
  for (const [page, link] of [
    [guest, links[1]],
    [captioner, links[2]],
  ]) {
    await page.goto(link.url);
    await page.locator(".door .primary").click();
    await clinician.locator(".room.current .room-buttons .primary").click();
    await page.locator(".tiles").waitFor();
  }
  for (const page of [patient, clinician, guest, captioner]) await talking(page, 3);
  await captioner.locator(".tool").nth(3).click();
  await captioner.locator(".menu .press", { hasText: "captions" }).click();
  await captioner.locator("dialog textarea").pressSequentially("Take two");
  await until("the caption", async () => (await texts(patient, ".captions p")).includes("Take two"));
  await close(patient, clinician, guest, captioner);
});

test("a screen is shown and taken back", async () => {
  const { patient, clinician } = await inCall();
  await clinician.locator(".tool").nth(3).click();
  await clinician.locator(".menu .press").first().click();
  await clinician.locator(".sharing-bar").waitFor();
  await patient.locator(".tile.sharing > video").waitFor();
  await clinician.locator(".sharing-bar .danger").click();
  await patient.locator(".tile.sharing").waitFor({ state: "detached" });
  await close(patient, clinician);
});

test("a fingerprint that is swapped on the way ends in the page that protects, and never in a call", async () => {
  const swap = (sdp) =>
    sdp.replace(/(a=fingerprint:sha-256 )(..)/g, (_, start, two) => start + (two === "00" ? "11" : "00"));
  for (const side of [false, true]) {
    mock.security = [];
    mock.meddle = (message, from) =>
      message.t === "sdp" && Boolean(from.staff) === side
        ? { ...message, desc: { ...message.desc, sdp: swap(message.desc.sdp) } }
        : message;
    const { id, links } = mock.appointment({ label: `M-${mock.rooms.size}` });
    const [patient, clinician] = [await person(browser), await person(browser)];
    await patient.goto(links[0].url);
    await patient.locator(".door .primary").click();
    await signIn(clinician, mock);
    await clinician
      .locator(".room", { hasText: mock.rooms.get(id).label })
      .locator(".primary")
      .click();
    // Whoever is shown the other certificate is told, and told what to do.
    if (side) await patient.locator(".danger-card").waitFor();
    else await clinician.locator("dialog", { hasText: "private connection" }).waitFor();
    mock.meddle = (message) => message;
    for (const page of [patient, clinician]) assert.equal(await page.locator(".tile > video").count(), 0);
    assert.ok(mock.security.includes("words_differ"));
    await close(patient, clinician);
  }
});

test("words that differ end the call, tell the service, and show what to do", async () => {
  const { patient, clinician } = await inCall();
  mock.security = [];
  await patient.locator(".mark-button").first().click();
  await patient.locator(".words .danger").click();
  await patient.locator(".danger-card").waitFor();
  assert.deepEqual(mock.security, ["words_differ"]);
  await close(patient, clinician);
});

test("somebody whom the service invents is shown as not verified, and goes on record", async () => {
  const { id, patient, clinician } = await inCall();
  mock.security = [];
  const [member] = mock.rooms.get(id).members.filter(({ staff }) => !staff);
  mock.say(member, { t: "peer", id: "p99", role: "guest", polite: true });
  await patient.locator(".tile .trust-waiting").waitFor();
  assert.equal(await patient.locator(".tile").count(), 2);
  assert.equal(await patient.locator(".tile .trust-words").count(), 1);
  await patient.locator(".tile .trust-unverified").waitFor();
  await patient.locator(".notice", { hasText: "not shown who they are" }).waitFor();
  await patient.locator(".mark-button.trust-unverified").waitFor();
  assert.deepEqual(mock.security, ["ghost"]);
  await close(patient, clinician);
});

test("the operator's page tells what needs somebody, looks again by itself, and can be stopped by keyboard", async () => {
  mock.status = STATUS;
  const page = await person(browser);
  await page.goto(`${mock.origin}/status`);
  await page.locator("h1", { hasText: "All well: calls 14" }).waitFor();
  mock.status = TROUBLE;
  await page.locator("h1", { hasText: "Needs you: 4" }).waitFor();
  assert.equal(await page.locator(".alarms li").count(), 4);
  assert.match(await page.title(), /^\(4\)/);
  mock.away = true;
  await page.locator(".look", { hasText: "What you see is from" }).waitFor();
  assert.equal(await page.locator(".alarms li").count(), 4);
  mock.away = false;
  await page.locator(".look").waitFor({ state: "detached" });
  await tabTo(page, ".choices .press");
  await page.keyboard.press("Enter");
  const looks = mock.looks;
  await page.locator(".hint", { hasText: "Stopped at" }).waitFor();
  await sleep(6_000);
  assert.equal(mock.looks, looks);
  await page.keyboard.press("Enter");
  await until("another look", () => mock.looks > looks);
  mock.status = undefined;
  await page.locator("a.press", { hasText: "Sign in" }).waitFor();
  await close(page);
});

test("whatever the devices refuse, the visit goes on and says what to do", async () => {
  for (const name of ["NotAllowedError", "NotFoundError", "NotReadableError", "AbortError"]) {
    const patient = await person(browser);
    await patient.addInitScript((error) => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", error));
    }, name);
    await patient.goto(mock.appointment().links[0].url);
    await patient.locator(".door .primary").click();
    await patient.locator(".blocked .press").first().waitFor();
    assert.ok((await texts(patient, ".note")).join().includes("listen"), name);
    await close(patient);
  }
});

test("no serious finding of axe-core in any state of any page", async () => {
  const found = [];
  // A clinic of its own, with nobody else in its list.
  const quiet = await new Mock(relay).listen();
  const look = async (page, name) => {
    found.push(...(await axe(page)).map((line) => `${name}: ${line}`));
    found.push(...page.faults.map((line) => `${name}: ${line}`));
  };
  try {
    for (const variant of [
      { device: "phone", dark: true, locale: "ar" },
      { device: "desktop", locale: "en-GB" },
    ]) {
      await walk({ browser, mock: quiet, variant, look });
      quiet.rooms.clear();
    }
  } finally {
    await quiet.stop();
  }
  assert.deepEqual(found, []);
});

test("no page has done what its policy forbids, and one that does is heard of", () => policyHolds(browser, mock.origin));

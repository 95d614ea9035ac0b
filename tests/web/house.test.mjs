// Whole visits of up to four in Chromium with the whole product: by keyboard alone, with what patients hear of each other,
// and with what the service never sees. Credentials are short, so that they are renewed while this goes on.
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, readSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, person, policyHolds } from "./browser.mjs";
import { code, startPlace } from "./place.mjs";
import { admit, appointment, frames, join, measure, media, signIn, tabTo, talking, until, voice } from "./steps.mjs";

/** Seconds for which credentials are good; they are renewed at four fifths. */
const CREDENTIALS = 20;
const MEGABYTES = 5;
const BACK = 5000;
let place, browser;

before(async () => {
  place = await startPlace(process.env.HILUM ?? "target/release/hilum", { credentials: CREDENTIALS });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await place?.stop();
});

async function close(...pages) {
  for (const page of pages) assert.deepEqual(page.faults, [], page.url());
  await Promise.all(pages.map((page) => page.context().close()));
}

/** Types into the field that has the focus, and goes on to the next. */
async function type(page, ...lines) {
  for (const line of lines) {
    await page.keyboard.type(line);
    await page.keyboard.press("Tab");
  }
}

/** Comes to it with Tab, and presses Enter. */
async function enter(page, selector, within) {
  await tabTo(page, selector, within);
  await page.keyboard.press("Enter");
}

test("both sides by keyboard alone, from signing in to the end for all", async () => {
  const [clinician, patient] = [await person(browser), await person(browser)];
  const { name, password, authenticator } = place.account;
  await clinician.goto(`${place.origin}/staff`);
  await clinician.locator("input").first().waitFor();
  await tabTo(clinician, "input");
  await type(clinician, name, password, code(new URL(authenticator).searchParams.get("secret")));
  await enter(clinician, ".primary");
  await clinician.locator(".list").waitFor();
  await enter(clinician, ".list > header .primary");
  await tabTo(clinician, "dialog input");
  await clinician.keyboard.type("K-1");
  await enter(clinician, "dialog .press.primary");
  const link = await clinician.locator(".link-card input").inputValue();
  await clinician.keyboard.press("Escape");

  await patient.goto(link);
  await patient.locator("h1").waitFor();
  await enter(patient, ".door .primary");
  await patient.locator(".calm-card").waitFor();
  await clinician.locator(".room", { hasText: "K-1" }).locator(".primary").waitFor();
  await enter(clinician, ".room .primary", "K-1");
  await talking(patient);
  await talking(clinician);
  for (const [one, other] of [
    [patient, clinician],
    [clinician, patient],
  ]) {
    await enter(one, ".tool");
    await other.locator(".muted-mark").waitFor();
    await enter(one, ".mark-button");
    await one.locator(".words ol").waitFor();
    await enter(one, ".words .primary");
    await one.keyboard.press("Escape");
  }
  await enter(clinician, ".tool.end");
  await enter(clinician, "dialog .danger");
  await patient.locator(".rating").waitFor();
  await close(patient, clinician);
});

test("who waits hears nothing of another who waits, in any frame", async () => {
  const [one, other, clinician] = [await person(browser), await person(browser), await person(browser)];
  const heard = [one, other].map((page) => frames(page));
  const links = [await appointment(place, "canary-one"), await appointment(place, "canary-two")].flat();
  await signIn(clinician, place, place.staff("dr.lakes"));
  for (const [at, page] of [one, other].entries()) await join(page, links[at]);
  await clinician.locator(".room", { hasText: "canary-two" }).locator(".ready-marks .ok").nth(2).waitFor();
  await admit(clinician, "canary-one");
  await talking(one);
  assert.ok(heard.every((all) => all.some(({ t }) => t === "welcome")), "nothing was captured");
  const [first, second] = heard.map((all) => JSON.stringify(all));
  const id = (all) => all.find(({ t }) => t === "welcome").room.id;
  for (const [said, them] of [
    [first, [id(heard[1]), "canary-two"]],
    [second, [id(heard[0]), "canary-one"]],
  ]) {
    for (const never of [...them, '"t":"list"', "canary-one", "canary-two"]) assert.ok(!said.includes(never), never);
  }
  assert.deepEqual([...new Set(heard[1].map(({ t }) => t))].filter((t) => t !== "pong"), ["welcome"]);
  await close(one, other, clinician);
});

/** Whether these bytes are anywhere in the memory of a process that can be read. */
function inMemory(pid, canary) {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const piece = Buffer.alloc(1 << 20);
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? [];
      if (!from || /\[v(var|syscall|dso)/.test(line)) continue;
      for (let at = BigInt(`0x${from}`); at < BigInt(`0x${to}`); at += BigInt(piece.length - canary.length)) {
        const most = Math.min(piece.length, Number(BigInt(`0x${to}`) - at));
        let read = 0;
        try {
          read = readSync(memory, piece, 0, most, at);
        } catch {
          // It is gone meanwhile, or a device.
        }
        if (piece.subarray(0, read).includes(canary)) return true;
      }
    }
    return false;
  } finally {
    closeSync(memory);
  }
}

/** The files below a folder that hold these bytes. */
function inFiles(folder, canary) {
  return readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, name))
    .filter((file) => statSync(file).isFile() && readFileSync(file).includes(canary));
}

/** Each of the first goes to the second over data channels: a line, and a file that is compared. */
async function send(from, to, bytes, canary) {
  await from.locator(".tool").nth(2).click();
  await from.locator("textarea").fill(canary);
  await from.keyboard.press("Enter");
  await to.locator(".tool").nth(2).click();
  await until("the line", async () => (await to.locator(".said").allInnerTexts()).includes(canary));
  const file = { name: "letter.bin", mimeType: "application/octet-stream", buffer: bytes };
  await from.locator("input[type=file]").setInputFiles(file);
  await to.locator(".line.file .primary").click();
  const link = to.locator(".line.file a[download]");
  await link.waitFor({ timeout: 60_000 });
  const [download] = await Promise.all([to.waitForEvent("download"), link.click()]);
  assert.ok(readFileSync(await download.path()).equals(bytes), "it is not what was sent");
}

test("words, a file of 5 MB and a screen go from browser to browser; the service has none of it", async (context) => {
  const [patient, clinician] = [await person(browser), await person(browser)];
  const heard = [patient, clinician].map((page) => frames(page));
  for (const page of [patient, clinician]) await measure(page);
  const [link] = await appointment(place, "label-in-memory");
  await signIn(clinician, place, place.staff("dr.hills"));
  await join(patient, link);
  await admit(clinician, "label-in-memory");
  await talking(patient);
  await talking(clinician);
  const ask = () => Promise.all([patient, clinician].map((page) => media(page, true)));
  const first = await ask();

  const bytes = Buffer.alloc(MEGABYTES * 1_000_000, "canary-of-the-file");
  await send(patient, clinician, bytes, "canary-of-the-chat");
  const last = await ask();
  const said = last.map((each, at) => voice(first[at], each));
  context.diagnostic(`while the file went: ${said.map(({ loss }) => `${(100 * loss).toFixed(2)} %`).join(" and ")} of the voice lost`);
  for (const { loss } of said) assert.ok(loss < 0.01, `${loss} of the voice was lost`);

  for (const canary of ["canary-of-the-chat", "canary-of-the-file"].map((each) => Buffer.from(each))) {
    assert.ok(!inMemory(place.pid, canary), `${canary} is in the memory of the server`);
    assert.deepEqual(inFiles(place.folder, canary), []);
    assert.ok(!(await place.metrics()).includes(canary));
    assert.ok(!JSON.stringify(heard).includes(canary), `${canary} went through the service`);
  }
  // What it has to have is found there: the search works.
  assert.ok(inMemory(place.pid, Buffer.from("label-in-memory")));
  assert.ok(inFiles(place.folder, Buffer.from("Physiotherapy")).length > 0);

  await clinician.locator("textarea").press("Escape");
  await clinician.locator(".tool").nth(3).click();
  await clinician.locator(".menu .press").first().click();
  await clinician.locator(".sharing-bar").waitFor();
  await patient.locator(".tile.sharing > video").waitFor();
  await clinician.locator(".sharing-bar .danger").click();
  await patient.locator(".tile.sharing").waitFor({ state: "detached" });

  const renewals = () => heard.map((all) => all.filter(({ t }) => t === "turn").length);
  await until("two renewals for each", () => renewals().every((count) => count >= 2), 1200);
  const now = await ask();
  context.diagnostic(`renewed ${renewals()} times; longest gap ${now.map(({ gaps }) => Math.round(gaps.audio))} ms`);
  for (const [at, { gaps, fragments }] of now.entries()) {
    assert.ok(gaps.audio < 1000, `${gaps.audio} ms of silence`);
    assert.deepEqual(fragments, first[at].fragments, "ICE was restarted");
  }

  const begun = Date.now();
  await patient.reload();
  await talking(patient);
  const took = Date.now() - begun;
  context.diagnostic(`back ${took} ms after a reload`);
  assert.ok(took < BACK, `${took} ms`);
  await talking(clinician);
  await close(patient, clinician);
});

test("a third and a fourth person come in, and everybody sees everybody", async () => {
  const people = [await person(browser), await person(browser), await person(browser)];
  const clinician = await person(browser);
  const links = await appointment(place, "M-4", ["patient", "guest", "captioner"]);
  await signIn(clinician, place, place.staff("dr.fields"));
  for (const [at, page] of people.entries()) {
    await join(page, links[at]);
    await admit(clinician, "M-4");
    await page.locator(".tiles").waitFor();
  }
  for (const page of [...people, clinician]) await talking(page, 3);
  const captioner = people[2];
  await captioner.locator(".tool").nth(3).click();
  await captioner.locator(".menu .press", { hasText: "captions" }).click();
  await captioner.locator("dialog textarea").pressSequentially("Take two");
  const captions = people[0].locator(".captions p");
  await until("the caption", async () => (await captions.allInnerTexts()).includes("Take two"));
  await close(...people, clinician);
});

test("no page has done what its policy forbids, and one that does is heard of", () => policyHolds(browser, place.origin));

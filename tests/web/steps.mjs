// What people do in a whole product, and what their browsers then say of the call.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { code } from "./place.mjs";

const TRIES = 400;

/** Looks again and again until it is so; what never comes fails with what was wanted. */
export async function until(what, claim, tries = TRIES) {
  for (let attempt = 0; attempt < tries; attempt++) {
    if (await claim()) return;
    await sleep(50);
  }
  assert.fail(`it never came: ${what}`);
}

/** Pictures of so many others move. */
export async function talking(page, count = 1) {
  const videos = page.locator(".tile > video");
  await videos.nth(count - 1).waitFor();
  const times = () => videos.evaluateAll((all) => all.map((video) => video.currentTime));
  const first = [];
  await until("pictures that move", async () => {
    const now = await times();
    // Who comes back has a picture that begins anew.
    for (const [at, time] of now.entries()) first[at] = Math.min(first[at] ?? time, time);
    return now.length >= count && now.every((time, at) => time > first[at] + 0.3);
  });
}

export async function wordsOf(page) {
  await page.locator(".mark-button").first().click();
  await page.locator(".words ol").waitFor();
  const words = await page.locator(".words li").allInnerTexts();
  await page.keyboard.press("Escape");
  return words;
}

/** Signs in with an account; a code of it is good once. */
export async function signIn(page, place, { name, password, authenticator } = place.account, then = ".list") {
  await page.goto(`${place.origin}/staff`);
  const fields = page.locator("input");
  await fields.nth(0).fill(name);
  await fields.nth(1).fill(password);
  await fields.nth(2).fill(code(new URL(authenticator).searchParams.get("secret")));
  await page.keyboard.press("Enter");
  await page.locator(then).waitFor();
}

/** The hospital's system makes an appointment; a link for each of the people. */
export async function appointment(place, label, people = ["patient"]) {
  const starts = Math.floor(Date.now() / 1000);
  const wanted = { clinic: place.clinic, label, starts, minutes: 30, people: people.map((role) => ({ role })) };
  const made = await place.api("POST", "/v1/appointments", wanted);
  assert.equal(made.status, 201, made.text);
  return JSON.parse(made.text).links.map(({ url }) => url);
}

export async function join(page, link) {
  await page.goto(link);
  await page.locator(".door .primary").click();
  await page.locator(".calm-card").waitFor();
}

export async function admit(clinician, label) {
  await clinician.locator(".room", { hasText: label }).locator(".primary").first().click();
}

/** Presses Tab until the focus is where it is wanted, and is seen there. */
export async function tabTo(page, selector, within = "") {
  for (let presses = 0; presses < 80; presses++) {
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

/** Every frame that comes to this page's sockets, from now on. */
export function frames(page) {
  const all = [];
  page.on("websocket", (socket) =>
    socket.on("framereceived", ({ payload }) => all.push(JSON.parse(payload.toString()))),
  );
  return all;
}

/** Before the first page: keeps its connections where `media` finds them, and measures the gaps of what arrives. */
export async function measure(page) {
  await page.addInitScript(() => {
    const connections = new Set();
    const Native = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Native {
      constructor(configuration) {
        super(configuration);
        connections.add(this);
      }
    };
    const open = () => [...connections].filter((one) => one.connectionState !== "closed" && one.getReceivers().length);
    const gaps = { audio: 0, video: 0 };
    const last = { audio: [0, 0], video: [0, 0] };
    const read = async () => {
      const sum = { audio: 0, lost: 0, samples: 0, concealed: 0, video: 0, sent: 0, fragments: [], paths: [], ways: [] };
      for (const one of open()) {
        const reports = await one.getStats();
        for (const report of reports.values()) {
          if (report.type === "inbound-rtp" && report.kind === "audio") {
            sum.audio += report.packetsReceived ?? 0;
            sum.lost += report.packetsLost ?? 0;
            sum.samples += report.totalSamplesReceived ?? 0;
            sum.concealed += (report.concealedSamples ?? 0) - (report.silentConcealedSamples ?? 0);
          } else if (report.type === "inbound-rtp") sum.video += report.framesDecoded ?? 0;
          else if (report.type === "outbound-rtp" && report.kind === "video") sum.sent += report.framesEncoded ?? 0;
          else if (report.type === "local-candidate") sum.paths.push(`${report.relayProtocol} ${report.networkType}`);
          else if (report.type === "transport") {
            const pair = reports.get(report.selectedCandidatePairId);
            sum.ways.push(reports.get(pair?.localCandidateId)?.relayProtocol);
          }
        }
        sum.fragments.push(/a=ice-ufrag:(\S+)/.exec(one.currentLocalDescription?.sdp ?? "")?.[1]);
      }
      return sum;
    };
    const look = async () => {
      const sum = await read().catch(() => undefined);
      for (const kind of sum ? ["audio", "video"] : []) {
        const [count, at] = last[kind];
        const now = performance.now();
        if (sum[kind] !== count) last[kind] = [sum[kind], now];
        gaps[kind] = Math.max(gaps[kind], at ? now - at : 0);
      }
      setTimeout(look, 100);
    };
    void look();
    globalThis.media = async (again) => {
      const now = performance.now();
      const still = { audio: now - last.audio[1], video: now - last.video[1] };
      const said = { ...(await read()), gaps: { ...gaps }, still };
      if (again) Object.assign(gaps, still);
      return said;
    };
  });
}

/** What the page's connections say; `again` begins the measuring of gaps anew. */
export const media = (page, again = false) => page.evaluate((anew) => globalThis.media(anew), again);

/** What was lost of what the other sent, and what was made up instead, 0 to 1, between two readings. */
export function voice(before, after) {
  const lost = Math.max(0, after.lost - before.lost);
  return {
    loss: lost / Math.max(1, after.audio - before.audio + lost),
    concealed: (after.concealed - before.concealed) / Math.max(1, after.samples - before.samples),
  };
}

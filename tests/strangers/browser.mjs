// Two headless Chromium pages with fake media call each other with relayed candidates only. This script carries the
// signalling between them, and judges what getStats says. Usage: RELAY='{"urls":…}' node browser.mjs NAME
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";

const relay = JSON.parse(process.env.RELAY);
const MEGABYTE = 1 << 20;
// Frames that both sides must decode before and again after the ICE restart.
const FRAMES = 31;
// Milliseconds for one step of a call; a loaded machine encodes video slowly.
const STEP = 40_000;

const FLAGS = [
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--allow-loopback-in-peer-connection",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Runs in the page: makes `window.peer`, this side of the call. */
async function preparePage({ relay, caller, size }) {
  const connection = new RTCPeerConnection({ iceServers: [relay], iceTransportPolicy: "relay" });
  const peer = { connection, candidates: [], seen: [], errors: [] };
  window.peer = peer;
  connection.onicecandidate = ({ candidate }) => {
    if (!candidate || !candidate.candidate) return;
    peer.candidates.push(candidate.toJSON());
    peer.seen.push(candidate.type);
  };
  connection.onicecandidateerror = (event) => peer.errors.push(`${event.errorCode} ${event.errorText} ${event.url}`);
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: 320, height: 240, frameRate: 20 },
  });
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
  connection.ontrack = ({ streams }) => {
    // Played, since Chromium may not decode what nothing shows.
    const video = document.querySelector("video");
    video.srcObject = streams[0];
    video.play().catch(() => {});
  };
  const digest = async (parts) => {
    const bytes = await new Blob(parts).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  connection.ondatachannel = ({ channel }) => {
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => channel.send(data);
  };
  if (!caller) return;
  const channel = connection.createDataChannel("echo");
  channel.binaryType = "arraybuffer";
  const opened = new Promise((resolve) => (channel.onopen = resolve));
  peer.echo = async () => {
    await opened;
    const chunk = 16_384;
    const sent = [];
    const back = [];
    let received = 0;
    const complete = new Promise((resolve) => {
      channel.onmessage = ({ data }) => {
        back.push(data);
        received += data.byteLength;
        if (received >= size) resolve();
      };
    });
    for (let at = 0; at < size; at += chunk) {
      const part = crypto.getRandomValues(new Uint8Array(chunk));
      sent.push(part);
      channel.send(part);
    }
    await complete;
    return { received, sent: await digest(sent), back: await digest(back) };
  };
}

/** Runs in the page: what the connection says of itself now. */
async function look() {
  const { connection, errors, seen } = window.peer;
  const stats = await connection.getStats();
  const out = { state: connection.connectionState, errors, seen, frames: 0, pair: null, received: 0 };
  for (const report of stats.values()) {
    if (report.type === "inbound-rtp" && report.kind === "video") out.frames += report.framesDecoded ?? 0;
    if (report.type === "transport" && report.selectedCandidatePairId) {
      const pair = stats.get(report.selectedCandidatePairId);
      if (!pair) continue;
      const local = stats.get(pair.localCandidateId);
      const remote = stats.get(pair.remoteCandidateId);
      out.pair = {
        id: pair.id,
        local: local?.candidateType,
        remote: remote?.candidateType,
        through: local?.relayProtocol,
        ufrag: local?.usernameFragment,
        port: local?.port,
      };
    }
  }
  return out;
}

function demand(claim, what) {
  if (!claim) throw new Error(what);
}

/** Asks `look` until `done(answer)` or the step's time is over. */
async function until(page, what, done) {
  const end = Date.now() + STEP;
  let last;
  while (Date.now() < end) {
    last = await page.evaluate(look);
    if (done(last)) return last;
    demand(last.state !== "failed", `${what}: the connection failed: ${JSON.stringify(last)}`);
    await sleep(200);
  }
  throw new Error(`${what}: not within ${STEP} ms: ${JSON.stringify(last)}`);
}

/** One offer and answer, from the first page to the second; `restart` asks for new ICE credentials. */
async function negotiate(from, to, restart) {
  const offer = await from.evaluate(async (restart) => {
    const { connection } = window.peer;
    if (restart) connection.restartIce();
    await connection.setLocalDescription();
    return connection.localDescription.toJSON();
  }, restart);
  const answer = await to.evaluate(async (offer) => {
    const { connection } = window.peer;
    await connection.setRemoteDescription(offer);
    await connection.setLocalDescription();
    return connection.localDescription.toJSON();
  }, offer);
  await from.evaluate((answer) => window.peer.connection.setRemoteDescription(answer), answer);
}

/** Carries candidates both ways until stopped. */
function trickle(one, other) {
  let running = true;
  const carry = async (from, to) => {
    const found = await from.evaluate(() => window.peer.candidates.splice(0));
    for (const candidate of found) {
      await to.evaluate((candidate) => window.peer.connection.addIceCandidate(candidate), candidate);
    }
  };
  const done = (async () => {
    while (running) {
      await carry(one, other);
      await carry(other, one);
      await sleep(50);
    }
  })();
  // A failure is told by `stop`; until then it must not end the process as unhandled.
  done.catch(() => {});
  return async () => {
    running = false;
    await done;
  };
}

function judgePair(side, { pair, seen }) {
  demand(pair.local === "relay" && pair.remote === "relay", `${side}: the pair is ${pair.local}/${pair.remote}`);
  demand(
    seen.every((type) => type === "relay"),
    `${side}: candidates of other types: ${seen}`,
  );
  const wanted = relay.urls.startsWith("turns:") ? "tls" : relay.urls.split("transport=")[1];
  demand(pair.through === wanted, `${side}: the relay is reached over ${pair.through}, not ${wanted}`);
}

async function talk(pages, { after, oldPairs }) {
  const looks = [];
  for (const [index, page] of pages.entries()) {
    const side = index === 0 ? "caller" : "callee";
    const seen = await until(page, `${side}: connected with ${FRAMES} more frames decoded`, (now) => {
      const fresh = !oldPairs || (now.pair && now.pair.ufrag !== oldPairs[index].pair.ufrag);
      if (now.state !== "connected" || !now.pair || !fresh) return false;
      after[index] ??= now.frames;
      return now.frames >= after[index] + FRAMES;
    });
    judgePair(side, seen);
    looks.push(seen);
  }
  return looks;
}

async function call(browser, origin) {
  const pages = [];
  for (const caller of [true, false]) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(origin);
    await page.evaluate(preparePage, { relay, caller, size: MEGABYTE });
    pages.push(page);
  }
  await negotiate(...pages, false);
  const stop = trickle(...pages);
  const first = await talk(pages, { after: [0, 0] });

  const late = sleep(STEP, undefined, { ref: false }).then(() => {
    throw new Error(`the echo is not back after ${STEP} ms`);
  });
  late.catch(() => {});
  const echo = await Promise.race([pages[0].evaluate(() => window.peer.echo()), late]);
  demand(echo.received === MEGABYTE && echo.sent === echo.back, `the echo is not intact: ${JSON.stringify(echo)}`);

  await negotiate(...pages, true);
  // Frames are counted from the moment the new pair is selected, so they went through it.
  const second = await talk(pages, { after: [undefined, undefined], oldPairs: first });
  await stop();
  for (const [index] of pages.entries()) {
    demand(second[index].pair.id !== first[index].pair.id, "the ICE restart selected no new pair");
  }
  const frames = second.map((one) => one.frames).join(" and ");
  return `relay/relay, ${frames} frames decoded, 1 MB echo intact, new pair after an ICE restart`;
}

const web = http.createServer((_, answer) => {
  answer.setHeader("content-type", "text/html; charset=utf-8");
  answer.end("<!doctype html><title>call</title><video muted autoplay playsinline></video>");
});
await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
let browser;
try {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS, timeout: 60_000, env: process.env });
  console.log(await call(browser, `http://127.0.0.1:${web.address().port}/`));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser?.close();
  web.close();
}

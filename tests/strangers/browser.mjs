// A call of two or more browser pages with fake media, over relayed candidates only. This script starts the browsers,
// carries the signalling between the pages, and judges what they say of their connections. The call to make comes as
// JSON in the variable CALL; what was seen goes out as a line of JSON. See browser.py, which starts it.
import { appendFileSync } from "node:fs";
import http from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import * as firefox from "./firefox.mjs";
import * as inPage from "./page.mjs";

const CALL = JSON.parse(process.env.CALL);
const MEGABYTE = 1 << 20;
// Frames that every party must decode of every other one in every part of the call.
const FRAMES = 31;
// Milliseconds for one step of a call; a loaded machine encodes video slowly.
const STEP = 40_000;

const FLAGS = [
  "--use-fake-device-for-media-stream=fps=15",
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

/** Tells browser.py what it has to know, as a line of JSON. */
function tell(what) {
  console.log(JSON.stringify(what));
}

const replies = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Tells browser.py, and waits until it has done what there is to do. */
async function ask(what) {
  tell(what);
  demand(!(await replies.next()).done, "browser.py has not replied");
}

function demand(claim, what) {
  if (!claim) throw new Error(what);
}

const START = {
  async chromium() {
    const options = { executablePath: "/usr/bin/chromium", timeout: 60_000, env: process.env };
    const browser = await chromium.launch({ ...options, args: [...FLAGS, ...CALL.flags] });
    return { newPage: async () => (await browser.newContext()).newPage(), close: () => browser.close() };
  },
  firefox: () => firefox.launch("/usr/bin/firefox-esr", CALL.preferences, (pid) => appendFileSync(CALL.pids, `${pid}\n`)),
};

/** One page for each party, and a connection between each two of them. */
class Call {
  constructor(pages) {
    this.pages = pages;
    this.names = CALL.parties.map(({ browser }, index) => `${browser} ${index + 1}`);
    this.links = pages.flatMap((_, one) => pages.map((_, other) => [one, other])).filter(([one, other]) => one < other);
    this.packets = 0;
  }

  async begin() {
    await Promise.all(this.pages.map((page, index) => page.evaluate(inPage.prepare, { relay: this.relay(index, CALL.way) })));
    for (const [one, other] of this.links) {
      const shared = { channel: CALL.echo, size: MEGABYTE };
      await this.pages[one].evaluate(inPage.link, { other, offers: true, ...shared });
      await this.pages[other].evaluate(inPage.link, { other: one, offers: false, ...shared });
    }
    await this.negotiate(false);
  }

  relay(index, way) {
    return CALL.parties[index].relay[way];
  }

  /** Offer and answer on every connection; `restart` asks for new ICE credentials. No candidate is carried meanwhile. */
  async negotiate(restart) {
    const one = async ([from, to]) => {
      const offer = await this.pages[from].evaluate(inPage.offer, { other: to, restart });
      const answer = await this.pages[to].evaluate(inPage.answer, { other: from, offer });
      await this.pages[from].evaluate(inPage.accept, { other: to, answer });
      this.description = offer.sdp;
    };
    await Promise.all(this.links.map(one));
  }

  async carryCandidates() {
    for (const [from, page] of this.pages.entries()) {
      for (const [to, candidates] of Object.entries(await page.evaluate(inPage.takeCandidates))) {
        await this.pages[to].evaluate(inPage.addCandidates, { other: from, candidates });
      }
    }
  }

  /** What every party says of every connection, as a list of [party, other, what]. */
  async look() {
    const all = await Promise.all(this.pages.map((page) => page.evaluate(inPage.look)));
    return all.flatMap((links, party) => Object.entries(links).map(([other, seen]) => [party, Number(other), seen]));
  }

  /**
   * Waits until all connections have a new pair and FRAMES frames more than when it was first seen, and at least
   * `seconds`. Only what arrives after the new pair is selected counts, so it went through it. A call of CALL.packets
   * goes on until so many media packets have arrived in all.
   */
  async talk(seconds, way, before) {
    const old = new Map(before?.map(([party, other, { pair, ufrag }]) => [`${party}-${other}`, { id: pair.id, ufrag }]));
    const begun = new Map();
    const start = Date.now();
    for (let all = []; ; await sleep(150)) {
      await this.carryCandidates();
      all = await this.look();
      const missing = all.filter(([party, other, { state, pair, frames, ufrag }]) => {
        const [key, was] = [`${party}-${other}`, old.get(`${party}-${other}`)];
        if (state !== "connected" || !pair || pair.id === was?.id || ufrag === was?.ufrag) return true;
        if (!begun.has(key)) begun.set(key, frames);
        return frames < begun.get(key) + FRAMES;
      });
      const spent = Date.now() - start;
      const [party, other, seen] = missing[0] ?? all.find(([, , { state }]) => state === "failed") ?? [];
      const told = `${this.names[party]} to ${this.names[other]}: ${JSON.stringify(seen)}`;
      demand(seen?.state !== "failed", `the connection failed: ${told}`);
      this.packets = all.reduce((sum, [, , { received }]) => sum + received.audio + received.video, 0);
      const enough = !missing.length && spent >= seconds * 1000;
      if (enough && this.packets >= CALL.packets) return this.judged(all, way);
      demand(missing.length || spent < STEP + seconds * 1000, `${this.packets} packets, not ${CALL.packets}, in ${spent} ms`);
      demand(spent < STEP + seconds * 1000, `not connected and ${FRAMES} more frames in ${STEP} ms: ${told}`);
    }
  }

  /** Relayed at both ends, the right way, and one DTLS handshake since the call began. */
  judged(all, way) {
    for (const [party, other, { pair, types, dtls }] of all) {
      const name = `${this.names[party]} to ${this.names[other]}`;
      // A check can come before its candidate was carried here: then a relayed address is called peer-reflexive.
      const relayed = pair.local === "relay" && ["relay", "prflx"].includes(pair.remote);
      demand(relayed, `${name}: the pair is ${pair.local}/${pair.remote}`);
      demand(types.every((type) => type === "relay"), `${name}: candidates of other types: ${types}`);
      demand(pair.through === way, `${name}: the relay is reached over ${pair.through}, not ${way}`);
      const connected = dtls.filter((state) => state === "connected").length;
      demand(connected === 1, `${name}: not one DTLS handshake: ${dtls}`);
    }
    return all;
  }

  async echo() {
    const [from, to] = this.links[0];
    const late = sleep(STEP, undefined, { ref: false }).then(() => {
      throw new Error(`the echo is not back after ${STEP} ms`);
    });
    late.catch(() => {});
    const echo = await Promise.race([this.pages[from].evaluate(inPage.echo, { other: to }), late]);
    demand(echo.received === MEGABYTE && echo.sent === echo.back, `the echo is not intact: ${JSON.stringify(echo)}`);
  }

  /**
   * ICE restart, over another transport to the relay if `way` is not the one in use. Chromium keeps a pair over UDP
   * that works, whatever it is told: so browser.py closes UDP, as a firewall would, while the call goes over TCP.
   */
  async restart(way) {
    tell({ way });
    await Promise.all(this.pages.map((page, index) => page.evaluate(inPage.move, { relay: this.relay(index, way) })));
    await this.negotiate(true);
  }
}

/** Ends all connections, and lets what says so arrive. */
async function hangUp(call) {
  for (const page of call.pages) await page.evaluate(inPage.hangUp);
  await sleep(300);
}

/** A good call: all media arrives, before and after each restart. */
async function good(call) {
  await call.begin();
  let seen = await call.talk(CALL.seconds, CALL.way);
  if (CALL.asks) await ask({ talking: true });
  if (CALL.echo) await call.echo();
  for (const way of CALL.restarts) {
    await call.restart(way);
    seen = await call.talk(CALL.seconds, way, seen);
  }
  const frames = Math.min(...seen.map(([, , { frames }]) => frames));
  const lost = seen.reduce((sum, [, , { lost }]) => sum + lost, 0);
  const { version, profile } = seen[0][2];
  await hangUp(call);
  return { packets: call.packets, frames, lost, version, profile };
}

/** A call whose browsers were told not to encrypt: its ICE connects, it sends, and nothing may arrive. */
async function clear(call) {
  await call.begin();
  demand(!/a=fingerprint|a=crypto|SAVP/.test(call.description), `this browser encrypts all the same: ${call.description}`);
  const start = Date.now();
  let connected;
  for (;;) {
    await call.carryCandidates();
    const all = await call.look();
    const ready = all.every(([, , { ice, pair, sent }]) => ["connected", "completed"].includes(ice) && pair && sent > 100);
    if (ready) connected ??= Date.now();
    if (connected && Date.now() - connected >= CALL.seconds * 1000) {
      const sum = (what) => all.reduce((sum, [, , seen]) => sum + what(seen), 0);
      const packets = sum(({ received }) => received.audio + received.video);
      return { packets, sent: sum(({ sent }) => sent), frames: sum(({ frames }) => frames) };
    }
    const told = JSON.stringify(all.map(([, , seen]) => seen));
    demand(connected || Date.now() - start < STEP, `ICE does not connect or nothing is sent: ${told}`);
    await sleep(200);
  }
}

/** Parties that may not reach each other: all gather candidates and try, none connects, and nothing arrives. */
async function apart(call) {
  await call.begin();
  const start = Date.now();
  const tried = new Set();
  for (;;) {
    await call.carryCandidates();
    const all = await call.look();
    const told = () => JSON.stringify(all.map(([, , seen]) => seen));
    let failed = 0;
    for (const [party, other, { state, pair, pairs, types }] of all) {
      const works = state === "connected" || pair || pairs.some(({ state }) => state === "succeeded");
      demand(!works, `a pair of candidates works: ${told()}`);
      const arrived = pairs.some((pair) => pair.bytesReceived || pair.requestsReceived || pair.responsesReceived);
      demand(!arrived, `something arrived: ${told()}`);
      // Chromium forgets a pair that has failed, so it has to be seen before.
      if (pairs.length && types.includes("relay")) tried.add(`${party}-${other}`);
      failed += state === "failed";
    }
    const spent = Date.now() - start;
    if (failed === all.length) {
      demand(tried.size === all.length, `only ${[...tried]} have tried: ${told()}`);
      return { failed, spent };
    }
    demand(spent < STEP, `${failed} of ${all.length} have failed in ${STEP} ms: ${told()}`);
    await sleep(150);
  }
}

/** Every party asks with each of its credentials for a relayed candidate. */
async function refused({ pages, names }) {
  const gather = (page, relay) => page.evaluate(inPage.gather, { relay, milliseconds: STEP });
  const asked = CALL.parties.map(async ({ cases }, party) => {
    const each = Object.entries(cases).map(async ([name, relay]) => [name, await gather(pages[party], relay)]);
    return [names[party], Object.fromEntries(await Promise.all(each))];
  });
  return Object.fromEntries(await Promise.all(asked));
}

/** A call in good order that browser.py then cuts: its media stops, and no new candidate is had. */
async function cut(call) {
  await call.begin();
  await call.talk(CALL.seconds, CALL.way);
  const sum = (all, what) => all.reduce((sum, [, , seen]) => sum + what(seen), 0);
  const received = (all) => sum(all, ({ received }) => received.audio + received.video);
  const sent = (all) => sum(all, (seen) => seen.sent);
  await ask({ talking: true });
  // What is on its way and in a jitter buffer may still arrive.
  await sleep(300);
  const before = await call.look();
  await sleep(2000);
  const after = await call.look();
  demand(sent(after) > sent(before) + 50, `no more is sent: ${sent(before)}, then ${sent(after)}`);
  const seen = { before: received(before), more: received(after) - received(before), sent: sent(after) - sent(before) };
  demand(seen.more === 0, `${seen.more} media packets arrived after the cut`);
  const again = (page, party) => page.evaluate(inPage.gather, { relay: call.relay(party, CALL.way), milliseconds: STEP });
  return { ...seen, again: await Promise.all(call.pages.map(again)) };
}

const CALLS = { good, clear, apart, refused, cut };

const web = http.createServer((_, reply) => {
  reply.setHeader("content-type", "text/html; charset=utf-8");
  reply.end("<!doctype html><title>call</title><body>");
});
await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
const browsers = {};
try {
  const pages = [];
  const kinds = [...new Set(CALL.parties.map(({ browser }) => browser))];
  // All of them have started or failed before anything goes on, so that none is forgotten.
  const starts = await Promise.allSettled(kinds.map(async (kind) => (browsers[kind] = await START[kind]())));
  for (const { reason } of starts) if (reason) throw reason;
  for (const { browser } of CALL.parties) {
    const page = await browsers[browser].newPage();
    await page.goto(CALL.page ?? `http://127.0.0.1:${web.address().port}/`);
    pages.push(page);
  }
  const protocol = await pages[0].evaluate(inPage.protocol, {});
  const closed = CALL.socket && (await pages[0].evaluate(inPage.socket, CALL.socket));
  tell({ protocol, closed, ...(await CALLS[CALL.kind](new Call(pages))) });
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await Promise.allSettled(Object.values(browsers).map((browser) => browser.close()));
}
// Connections that a page holds open do not keep this script.
process.exit();

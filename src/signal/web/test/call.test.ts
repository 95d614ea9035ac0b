// What a page does with people whom the service announces: real words, no words, other certificates than at first.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { Call, GHOST_AFTER } from "../src/model/call";
import type { LocalMedia } from "../src/model/media";
import { Peer } from "../src/rtc";
import type { Description, PeerEvents } from "../src/rtc";
import { Exchange, toBase64 } from "../src/safety";
import type { Safety, SafetyMessage } from "../src/safety";
import type { FromClient } from "../src/signal";
import { FakeClock, settle, until } from "./clock";

const OFFERS = "../../../tests/signal/offers/chromium-all.json";
const { descriptions } = JSON.parse(readFileSync(OFFERS, "utf8")) as { descriptions: Description[] };
const [offer, answer] = descriptions as [Description, Description];
const swapped = (sdp: string) =>
  sdp.replace(/(a=fingerprint:sha-256 )(..)/g, (_, start, two) => start + (two === "00" ? "11" : "00"));

/** As much of a connection as negotiation needs: it answers every offer with the answer that was recorded. */
class Connection {
  signalingState = "stable";
  connectionState = "new";
  localDescription: Description | null = null;
  remoteDescription: Description | null = null;
  closed = false;
  addTransceiver(): void {}
  getTransceivers(): [] {
    return [];
  }
  createDataChannel(): object {
    return { readyState: "connecting" };
  }
  async setRemoteDescription(desc: Description): Promise<void> {
    this.remoteDescription = desc;
  }
  async setLocalDescription(): Promise<void> {
    this.localDescription = { type: "answer", sdp: answer.sdp };
  }
  setConfiguration(): void {}
  close(): void {
    this.closed = true;
  }
}

// A page has these; Node has not.
const page = globalThis as unknown as Record<string, unknown>;
page.addEventListener = page.removeEventListener = () => undefined;
page.RTCPeerConnection = Connection;
page.navigator ??= {};

function called() {
  const clock = new FakeClock();
  const sent: FromClient[] = [];
  const state = { ended: false };
  const none = signal(null);
  const media = {
    microphone: none,
    camera: none,
    screen: none,
    muted: signal(false),
    cameraOn: signal(false),
  } as unknown as LocalMedia;
  const call = new Call({
    send: (message) => void sent.push(message),
    media,
    policy: { relayOnly: true, screen: false, files: false },
    turn: undefined,
    clock,
    doubt: () => undefined,
    danger: () => (state.ended = true),
  });
  call.people([{ id: "p2", role: "patient", polite: true }]);
  const security = () => sent.flatMap((message) => (message.t === "security" ? `${message.to} ${message.what}` : []));
  const [other] = call.others.value;
  ok(other);
  return { call, clock, sent, security, state, trust: () => other?.trust.value };
}

test("somebody who is announced and shows no words is unverified after twenty seconds, and it goes on record once", async () => {
  const { call, clock, security, trust } = called();
  await clock.pass(GHOST_AFTER - 1);
  deepEqual([trust(), security()], ["waiting", []]);
  await clock.pass(1);
  deepEqual([trust(), security()], ["unverified", ["p2 ghost"]]);
  await clock.pass(10 * GHOST_AFTER);
  deepEqual(security(), ["p2 ghost"]);
  call.close();
});

test("who shows words in time is no ghost, and who shows them late is believed then", async () => {
  for (const wait of [1_000, 2 * GHOST_AFTER]) {
    const { call, clock, sent, trust } = called();
    call.take({ t: "sdp", from: "p2", desc: offer });
    await clock.pass(wait);
    // The other end, as it should be: its certificate is the one of the offer, ours that of the answer.
    const prints = [offer, answer].map(({ sdp }) => printOf(sdp)) as [Uint8Array, Uint8Array];
    const far = new Exchange({
      send: (message) => call.take({ ...message, from: "p2" }),
      words: () => undefined,
      broken: () => undefined,
    });
    await far.begin(...prints);
    await far.commit(await committed(sent));
    await until(() => trust() === "words");
    equal(trust(), "words");
    await clock.pass(2 * GHOST_AFTER);
    equal(trust(), "words");
    call.close();
  }
});

test("a certificate that is swapped on the way ends the call, and so does one that changes in it", async () => {
  const first = called();
  first.call.take({ t: "sdp", from: "p2", desc: { type: "offer", sdp: swapped(offer.sdp) } });
  // Whoever swapped it can only hand on the commitment to the true one, or make one for the own.
  const far = new Exchange({
    send: (message) => first.call.take({ ...message, from: "p2" }),
    words: () => undefined,
    broken: () => undefined,
  });
  await far.begin(printOf(offer.sdp), printOf(answer.sdp));
  await far.commit(await committed(first.sent));
  await until(() => first.state.ended);
  deepEqual([first.state.ended, first.trust(), first.security()], [true, "broken", ["p2 words_differ"]]);
  first.call.close();

  const later = called();
  later.call.take({ t: "sdp", from: "p2", desc: offer });
  await settle();
  later.call.take({ t: "sdp", from: "p2", desc: { type: "offer", sdp: swapped(offer.sdp) } });
  await until(() => later.state.ended);
  deepEqual([later.state.ended, later.trust(), later.security()], [true, "broken", ["p2 fingerprint_changed"]]);
  later.call.close();
});

test("a description that breaks a rule closes the connection under the rule's name", async () => {
  const refused: string[] = [];
  const connection = new Connection();
  const nothing = () => undefined;
  const events = { sdp: nothing, ice: nothing, refused: (code: string) => refused.push(code) };
  const peer = new Peer({
    polite: true,
    turn: undefined,
    relayOnly: true,
    people: 2,
    clock: new FakeClock(),
    events: events as unknown as PeerEvents,
    connect: () => connection as unknown as RTCPeerConnection,
  });
  await peer.description({ type: "offer", sdp: offer.sdp.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP") });
  deepEqual([refused, connection.closed], [["sdp_profile_avp"], true]);
  await peer.description(offer);
  equal(connection.remoteDescription, null);
});

/** The commitment that was sent, once it is. */
async function committed(sent: FromClient[]): Promise<string> {
  await until(() => sent.some(({ t }) => t === "commit"));
  const heard = sent.find((message) => message.t === "commit");
  return heard?.t === "commit" ? heard.h : "";
}

function printOf(sdp: string): Uint8Array {
  const digits = /fingerprint:sha-256 (\S+)/.exec(sdp)?.[1] ?? "";
  return Uint8Array.from(digits.split(":"), (two) => parseInt(two, 16));
}

/** The fingerprint of a certificate: here of a fresh key of the kind that browsers make. */
async function certificate(): Promise<Uint8Array> {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const key = await crypto.subtle.exportKey("spki", (pair as CryptoKeyPair).publicKey);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", key));
}

interface Speaker {
  exchange: Exchange;
  safety: Safety | undefined;
  broken: boolean;
}

/** One end of an exchange; `to` hears what it says. */
function speaker(to: () => Exchange | undefined, random?: (length: number) => Uint8Array): Speaker {
  const one: Speaker = { safety: undefined, broken: false, exchange: undefined as unknown as Exchange };
  const say = (message: SafetyMessage) =>
    void (message.t === "commit" ? to()?.commit(message.h) : to()?.reveal(message.n));
  const events = { send: say, words: (safety: Safety) => (one.safety = safety), broken: () => (one.broken = true) };
  one.exchange = random ? new Exchange(events, random as never) : new Exchange(events);
  return one;
}

const ROUNDS = 100;

test("a man in the middle with certificates of his own on both legs gives different words, 100 times of 100", async () => {
  let different = 0;
  const seen = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const [alice, bob, left, right] = await Promise.all([certificate(), certificate(), certificate(), certificate()]);
    // His best: the same number on both legs. The legs know nothing of each other but what he carries.
    const number = crypto.getRandomValues(new Uint8Array(16));
    const a: Speaker = speaker(() => toAlice.exchange);
    const toAlice: Speaker = speaker(
      () => a.exchange,
      () => number,
    );
    const b: Speaker = speaker(() => toBob.exchange);
    const toBob: Speaker = speaker(
      () => b.exchange,
      () => number,
    );
    await Promise.all([
      a.exchange.begin(alice, left),
      toAlice.exchange.begin(left, alice),
      b.exchange.begin(bob, right),
      toBob.exchange.begin(right, bob),
    ]);
    await until(() => Boolean(a.safety && b.safety));
    ok(a.safety && b.safety && !a.broken && !b.broken, "both see words: only reading them aloud tells");
    different += a.safety?.words.join() === b.safety?.words.join() ? 0 : 1;
    seen.add(a.safety?.words.join() ?? "");
  }
  deepEqual([different, seen.size], [ROUNDS, ROUNDS]);
});

test("a man in the middle who hands the exchange on untouched is found out by both, 100 times of 100", async () => {
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [alice, bob, left, right] = await Promise.all([certificate(), certificate(), certificate(), certificate()]);
    const a: Speaker = speaker(() => b.exchange);
    const b: Speaker = speaker(() => a.exchange);
    await Promise.all([a.exchange.begin(alice, left), b.exchange.begin(bob, right)]);
    await until(() => a.broken && b.broken);
    found += a.broken && b.broken && !a.safety && !b.safety ? 1 : 0;
  }
  equal(found, ROUNDS);
});

test("he cannot wait for Alice's number before he commits to Bob: each end opens only to a commitment", async () => {
  const a: Speaker = speaker(() => undefined);
  await a.exchange.begin(await certificate(), await certificate());
  await settle();
  await a.exchange.reveal(toBase64(new Uint8Array(16)));
  ok(a.broken && !a.safety);
});

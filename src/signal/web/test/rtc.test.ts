import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import {
  Files,
  Ladder,
  Restarts,
  STEPS,
  Steady,
  best,
  between,
  capture,
  fingerprint,
  judge,
  plainName,
  totals,
} from "../src/rtc";
import type { Channel, FileEvents, Outlook } from "../src/rtc";
import { FakeClock, until } from "./clock";

const PRINT = `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`;
const ICE = ["a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuv"];
const KEYS = [...ICE, PRINT, "a=setup:actpass"];
const AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111 0", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux", ...KEYS];
const DATA = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:1", "a=sctp-port:5000", ...KEYS];
const OFFER = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1", ...AUDIO, ...DATA];
const RELAYED = "a=candidate:1 1 udp 41885695 192.0.2.1 50000 typ relay raddr 0.0.0.0 rport 0 generation 0";

const sdp = (lines: string[]) => `${lines.join("\r\n")}\r\n`;
const changed = (from: string | RegExp, to: string) => sdp(OFFER).replaceAll(from, to);

test("a good offer passes, and so does one with relayed candidates", () => {
  equal(judge(sdp(OFFER), true), undefined);
  equal(judge(sdp([...OFFER, RELAYED]), true), undefined);
});

test("every rule of the filter refuses by its own name", () => {
  const second = `a=fingerprint:sha-256 ${Array(32).fill("CD").join(":")}`;
  const cases: [string, string][] = [
    ["sdp_size", sdp([...OFFER, ...Array(20).fill(`a=${"x".repeat(4000)}`)])],
    ["sdp_line", sdp([...OFFER, `a=${"x".repeat(5000)}`])],
    ["sdp_bytes", sdp([...OFFER, "a=x\u0000y"])],
    ["sdp_version", changed("v=0", "v=1")],
    ["sdp_sections", sdp(OFFER.slice(0, 5))],
    ["sdp_sections", sdp([...OFFER, ...Array(7).fill(AUDIO).flat()])],
    ["sdp_crypto", sdp([...OFFER, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"])],
    ["sdp_crypto", sdp([...OFFER, "a=zrtp-hash:1.10 x"])],
    ["sdp_crypto", sdp([...OFFER, "a=key-mgmt:mikey x"])],
    ["sdp_profile", changed("UDP/TLS/RTP/SAVPF", "RTP/AVP")],
    ["sdp_profile", changed("UDP/TLS/RTP/SAVPF", "RTP/AVPF")],
    ["sdp_profile", changed("UDP/TLS/RTP/SAVPF", "RTP/SAVP")],
    ["sdp_bundle", changed("a=group:BUNDLE 0 1", "a=group:BUNDLE 0")],
    ["sdp_bundle", changed("a=group:BUNDLE 0 1", "a=x:y")],
    ["sdp_mux", changed("a=rtcp-mux", "a=x")],
    ["sdp_setup", changed("actpass", "holdconn")],
    ["sdp_fingerprint_missing", changed(PRINT, "a=x")],
    ["sdp_fingerprint_weak", changed(PRINT, `a=fingerprint:sha-1 ${Array(20).fill("AB").join(":")}`)],
    ["sdp_fingerprint_weak", changed(PRINT, `a=fingerprint:md5 ${Array(16).fill("AB").join(":")}`)],
    ["sdp_fingerprint_weak", changed(PRINT, "a=fingerprint:sha-256 AB:CD")],
    ["sdp_fingerprint_differs", sdp([...OFFER.slice(0, -2), second, "a=setup:actpass"])],
    ["sdp_credentials", changed("a=ice-ufrag:abcd", "a=ice-ufrag:abc")],
    ["sdp_credentials", changed("a=ice-pwd:abcdefghijklmnopqrstuv", "a=ice-pwd:short")],
    ["sdp_candidates", sdp([...OFFER, ...Array(65).fill(RELAYED)])],
    ["sdp_candidate_type", sdp([...OFFER, RELAYED.replace("relay", "host")])],
    ["sdp_candidate_type", sdp([...OFFER, RELAYED.replace("relay", "srflx")])],
  ];
  for (const [code, offer] of cases) equal(judge(offer, true), code);
});

test("the fingerprint is read as bytes", () => {
  deepEqual(fingerprint(sdp(OFFER)), new Uint8Array(32).fill(0xab));
  equal(fingerprint("v=0"), undefined);
});

test("a word for the quality changes only after three equal samples", () => {
  const steady = new Steady();
  const [good, poor] = [
    { loss: 0, rtt: 0.05 },
    { loss: 0.2, rtt: 0.05 },
  ];
  deepEqual(
    [good, poor, good, poor, poor, poor, good].map((each) => steady.take(each)),
    ["good", "good", "good", "good", "good", "poor", "poor"],
  );
});

test("our side is what they say of us, their side is what we get", () => {
  const read = (lostOwn: number, lostTheirs: number, count: number) =>
    totals([
      { id: "o", type: "outbound-rtp", packetsSent: count },
      { id: "r", type: "remote-inbound-rtp", localId: "o", packetsLost: lostOwn, roundTripTime: 0.1 },
      { id: "i", type: "inbound-rtp", packetsReceived: count - lostTheirs, packetsLost: lostTheirs },
      { id: "t", type: "transport", selectedCandidatePairId: "p" },
      { id: "p", type: "candidate-pair", bytesReceived: 7, localCandidateId: "l" },
      { id: "l", type: "local-candidate", candidateType: "relay", relayProtocol: "tls" },
    ]);
  const { own, theirs } = between(read(0, 0, 0), read(10, 50, 100));
  deepEqual(
    [own, theirs],
    [
      { loss: 0.1, rtt: 0.1 },
      { loss: 0.5, rtt: 0.1 },
    ],
  );
  deepEqual([read(0, 0, 1).through, read(0, 0, 1).bytes], ["tls", 7]);
});

test("the picture shrinks after six seconds of trouble, stops at the end, and comes back after twenty of quiet", () => {
  const ladder = new Ladder(2);
  const bad = { loss: 0.2, available: 40_000 };
  let now = 0;
  const go = (load: typeof bad, seconds: number) => {
    for (let second = 0; second < seconds; second += 2) ladder.take(load, (now += 2000));
    return ladder.step;
  };
  equal(go(bad, 6), 0);
  equal(go(bad, 2), 1);
  go(bad, 60);
  ok(ladder.off);
  const fine = { loss: 0, available: 3_000_000 };
  equal(go(fine, 20), STEPS.length - 1);
  equal(go(fine, 2), STEPS.length - 2);
});

test("a flicker of trouble changes nothing, and more people mean smaller pictures at once", () => {
  const ladder = new Ladder(2);
  let now = 0;
  for (let round = 0; round < 20; round++) {
    ladder.take({ loss: round % 2 ? 0.5 : 0, available: undefined }, (now += 2000));
  }
  equal(ladder.step, 0);
  equal(ladder.people(4), best(4));
});

function restarts() {
  const clock = new FakeClock();
  const seen: { restarts: number[]; outlooks: Outlook[] } = { restarts: [], outlooks: [] };
  const path = { bytes: 0 };
  const machine = new Restarts(clock, {
    restart: () => seen.restarts.push(clock.now()),
    outlook: (outlook) => seen.outlooks.push(outlook),
    bytes: async () => path.bytes,
  });
  return { clock, seen, machine, path };
}

test("a silence of under two and a half seconds restarts nothing; a longer one does, and a failure does at once", async () => {
  const { clock, seen, machine } = restarts();
  machine.state("connected");
  machine.state("disconnected");
  await clock.pass(2400);
  machine.state("connected");
  await clock.pass(10_000);
  deepEqual(seen.restarts, []);
  machine.state("disconnected");
  await clock.pass(2500);
  equal(seen.restarts.length, 1);
  machine.state("failed");
  equal(seen.restarts.length, 1, "one at most is under way");
  machine.state("connected");
  machine.state("failed");
  equal(seen.restarts.length, 2);
  deepEqual(seen.outlooks, ["away", "steady", "away"]);
});

test("restarts wait longer each time, up to fifteen seconds, and after a minute the telephone is offered", async () => {
  const { clock, seen, machine } = restarts();
  machine.state("connected");
  machine.state("failed");
  await clock.pass(70_000);
  deepEqual(seen.restarts, [0, 4000, 12_000, 27_000, 42_000, 57_000]);
  deepEqual(seen.outlooks, ["away", "help"]);
  machine.state("connected");
  deepEqual(seen.outlooks, ["away", "help", "steady"]);
});

test("another network restarts only a path that has gone silent, and a restart is judged by traffic", async () => {
  const { clock, seen, machine, path } = restarts();
  machine.state("connected");
  const still = machine.networkChanged();
  path.bytes = 100;
  await still;
  await clock.pass(2000);
  path.bytes = 300;
  deepEqual(seen.restarts, [], "it still brings something");
  await machine.networkChanged();
  await clock.pass(1500);
  equal(seen.restarts.length, 1);
  await clock.pass(500);
  path.bytes = 900;
  await clock.pass(500);
  deepEqual(seen.outlooks, ["away", "steady"], "though the state never changed");
  await clock.pass(60_000);
  equal(seen.restarts.length, 1);
});

class Pipe implements Channel {
  readyState = "open";
  bufferedAmount = 0;
  sent = 0;
  other: Pipe | undefined;
  spoil: ((data: ArrayBuffer) => ArrayBuffer) | undefined;
  #listeners: ((event: { data: unknown }) => void)[] = [];

  addEventListener(type: string, listener: (event: { data: unknown }) => void): void {
    if (type === "message") this.#listeners.push(listener);
  }

  send(data: string | ArrayBuffer): void {
    if (data instanceof ArrayBuffer) this.sent += data.byteLength;
    const through = data instanceof ArrayBuffer && this.spoil ? this.spoil(data) : data;
    for (const listener of this.other ? this.other.#listeners : []) listener({ data: through });
  }
}

function transfer() {
  const clock = new FakeClock();
  const [near, far] = [new Pipe(), new Pipe()];
  [near.other, far.other] = [far, near];
  const log: string[] = [];
  const got: Blob[] = [];
  const events = (name: string): FileEvents => ({
    offered: ({ id, name: file, size }) => log.push(`${name} offered ${id} ${file} ${size}`),
    progress: () => undefined,
    received: (id, blob) => (log.push(`${name} received ${id}`), got.push(blob)),
    delivered: (id) => log.push(`${name} delivered ${id}`),
    failed: (id, why) => log.push(`${name} failed ${id} ${why}`),
  });
  return {
    clock,
    near,
    far,
    log,
    got,
    from: new Files(near, clock, events("near")),
    to: new Files(far, clock, events("far")),
  };
}

test("a file goes only when it is accepted, paced, and arrives intact as a plain download", async () => {
  const { clock, near, from, to, log, got } = transfer();
  const bytes = new Uint8Array(1_000_000).map((_, at) => at % 251);
  await from.offer("a", "../x/letter.pdf", new Blob([bytes]));
  await clock.pass(1000);
  equal(near.sent, 0);
  deepEqual(log, ["far offered a letter.pdf 1000000"]);
  to.accept("a");
  await clock.pass(500);
  ok(near.sent < 700_000, `${near.sent} bytes in half a second`);
  await clock.pass(3000);
  await until(() => log.length === 3);
  deepEqual(log.slice(1), ["near delivered a", "far received a"]);
  deepEqual(new Uint8Array((await got[0]?.arrayBuffer()) as ArrayBuffer), bytes);
  equal(got[0]?.type, "application/octet-stream");
});

test("a file waits while the media is in trouble or too much waits in the browser", async () => {
  const { clock, near, from, to, log } = transfer();
  await from.offer("a", "x", new Blob([new Uint8Array(100_000)]));
  from.congested = true;
  to.accept("a");
  await clock.pass(5000);
  equal(near.sent, 0);
  from.congested = false;
  near.bufferedAmount = 256 * 1024;
  await clock.pass(5000);
  equal(near.sent, 0);
  near.bufferedAmount = 0;
  await clock.pass(5000);
  await until(() => log.includes("near delivered a"));
  ok(log.includes("near delivered a"));
});

test("a spoilt file is not given to the person, one that is refused is not sent, one that is too large not offered", async () => {
  const { clock, near, from, to, log } = transfer();
  near.spoil = (data) => new Uint8Array(data).fill(1).buffer;
  await from.offer("a", "x", new Blob(["something"]));
  to.accept("a");
  await clock.pass(1000);
  await from.offer("b", "y", new Blob(["more"]));
  to.refuse("b");
  await clock.pass(1000);
  await from.offer("c", "z", { size: 51 * 1024 * 1024 } as Blob);
  ok(!log.some((line) => line.includes("received")));
  for (const line of [
    "far failed a damaged",
    "near failed a damaged",
    "near failed b refused",
    "near failed c large",
  ]) {
    ok(log.includes(line), `${line} in ${log.join()}`);
  }
});

test("a file's name is only a name", () => {
  equal(plainName("../../etc/passwd"), "passwd");
  equal(plainName("a\u202egpj.exe"), "a_gpj.exe");
  equal(plainName("..."), "file");
  ok(plainName("x".repeat(500)).length <= 100);
});

const error = (name: string) => Object.assign(new Error(name), { name });

test("a camera that is missing does not cost the voice, and the reason is known", async () => {
  const track = { kind: "audio" } as MediaStreamTrack;
  const stream = { getTracks: () => [track], getAudioTracks: () => [track], getVideoTracks: () => [] };
  for (const [name, why] of [
    ["NotAllowedError", "blocked"],
    ["NotFoundError", "missing"],
    ["NotReadableError", "busy"],
    ["OverconstrainedError", "missing"],
    ["AbortError", "busy"],
    ["TypeError", "unsupported"],
  ] as const) {
    const seen = await capture({
      getUserMedia: async (wanted) => {
        if (wanted?.video) throw error(name);
        return stream as unknown as MediaStream;
      },
    });
    deepEqual([seen.audio, seen.video, seen.videoTrouble], [track, null, why]);
  }
  notEqual((await capture(undefined)).audioTrouble, undefined);
});

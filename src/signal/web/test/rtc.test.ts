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
  plainName,
  totals,
} from "../src/rtc";
import type { Channel, FileEvents, Outlook } from "../src/rtc";
import { FakeClock, until } from "./clock";

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

test("a picture that is tried in vain is tried more and more rarely, until it has held for a minute", () => {
  const ladder = new Ladder(2);
  const bad = { loss: 0.2, available: 40_000 };
  const fine = { loss: 0, available: 3_000_000 };
  let now = 0;
  /** Seconds until the picture stops, or is tried. */
  const until = (load: typeof bad, off: boolean): number => {
    const began = now;
    while (ladder.off !== off) ladder.take(load, (now += 1000));
    return (now - began) / 1000;
  };
  until(bad, true);
  const waits = [20, 40, 80, 160, 160].map(() => {
    const wait = until(fine, false);
    until(bad, true);
    return wait;
  });
  deepEqual(waits, [21, 41, 81, 161, 161]);
  until(fine, false);
  for (let second = 0; second < 60; second++) ladder.take(fine, (now += 1000));
  until(bad, true);
  equal(until(fine, false), 21);
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

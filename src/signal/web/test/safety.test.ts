import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { Exchange, WORDS, commitment, fromBase64, toBase64, words } from "../src/safety";
import type { Safety, SafetyMessage } from "../src/safety";
import { settle } from "./clock";

const print = (byte: number) => new Uint8Array(32).fill(byte);

/** One end: what it sends goes to `to` as it is, and what it comes to is kept. */
class End {
  safety: Safety | undefined;
  broken = false;
  sent: SafetyMessage[] = [];
  to: ((message: SafetyMessage) => void) | undefined;
  readonly exchange = new Exchange({
    send: (message) => {
      this.sent.push(message);
      this.to?.(message);
    },
    words: (safety) => (this.safety = safety),
    broken: () => (this.broken = true),
  });

  take = (message: SafetyMessage): void => {
    if (message.t === "commit") void this.exchange.commit(message.h);
    else void this.exchange.reveal(message.n);
  };
}

function joined(one: End, other: End): void {
  one.to = other.take;
  other.to = one.take;
}

test("there are 2048 words, and no two differ by one letter", () => {
  equal(WORDS.length, 2048);
  equal(new Set(WORDS).size, 2048);
  ok(WORDS.every((word) => /^[a-z]{4,9}$/.test(word)));
  const forms = new Map<string, string>();
  for (const word of WORDS) {
    for (let at = 0; at < word.length; at++) {
      const form = `${word.slice(0, at)}.${word.slice(at + 1)}`;
      ok(!forms.has(form), `${word} and ${forms.get(form)}`);
      forms.set(form, word);
    }
  }
});

test("both ends come to the same words, whoever begins", async () => {
  const [one, other] = [new End(), new End()];
  joined(one, other);
  await one.exchange.begin(print(9), print(3));
  await settle();
  equal(one.safety, undefined);
  await other.exchange.begin(print(3), print(9));
  await settle();
  ok(one.safety && one.safety.words.length === 4);
  deepEqual(one.safety, other.safety);
});

test("nothing is revealed before the other's commitment has come and the own one has gone", async () => {
  const [one, other] = [new End(), new End()];
  await one.exchange.begin(print(1), print(2));
  deepEqual(
    one.sent.map(({ t }) => t),
    ["commit"],
  );
  await other.exchange.commit((one.sent[0] as { h: string }).h);
  deepEqual(other.sent, []);
  await other.exchange.begin(print(2), print(1));
  deepEqual(
    other.sent.map(({ t }) => t),
    ["commit", "reveal"],
  );
});

test("a man in the middle with certificates of his own gets different words, a thousand times of a thousand", async () => {
  let equalWords = 0;
  for (let round = 0; round < 1000; round++) {
    const random = () => crypto.getRandomValues(new Uint8Array(16));
    const [alice, bob, mallory] = [random(), random(), random()];
    const left = await words({ fingerprint: print(1), nonce: alice }, { fingerprint: print(7), nonce: mallory });
    const right = await words({ fingerprint: print(7), nonce: mallory }, { fingerprint: print(2), nonce: bob });
    equalWords += left.words.join() === right.words.join() ? 1 : 0;
  }
  equal(equalWords, 0);
});

test("who opens another number than the one committed to is found out", async () => {
  const end = new End();
  await end.exchange.begin(print(1), print(2));
  await end.exchange.commit(toBase64(await commitment(print(2), new Uint8Array(16).fill(5))));
  await end.exchange.reveal(toBase64(new Uint8Array(16).fill(6)));
  equal(end.broken, true);
  equal(end.safety, undefined);
});

test("a commitment to another certificate than the one met is found out", async () => {
  const end = new End();
  const nonce = new Uint8Array(16).fill(5);
  await end.exchange.begin(print(1), print(2));
  await end.exchange.commit(toBase64(await commitment(print(3), nonce)));
  await end.exchange.reveal(toBase64(nonce));
  equal(end.broken, true);
});

test("a second commitment, a reveal before a commitment and malformed values break the exchange", async () => {
  const good = toBase64(print(4));
  const tries: ((end: End) => Promise<void>)[] = [
    async ({ exchange }) => (await exchange.commit(good), exchange.commit(good)),
    ({ exchange }) => exchange.reveal(toBase64(new Uint8Array(16))),
    ({ exchange }) => exchange.commit("short"),
    ({ exchange }) => exchange.commit(`${good.slice(0, -1)}=`),
  ];
  for (const each of tries) {
    const end = new End();
    await each(end);
    equal(end.broken, true);
  }
});

test("grinding does not help: the attacker must commit before he learns anything, in a toy of 16 bits", async () => {
  // An attacker who could choose his number after seeing the other's would find an equal first word within seconds.
  const [alice, bob] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
  const wanted = await words({ fingerprint: print(1), nonce: alice }, { fingerprint: print(7), nonce: bob });
  let found = false;
  const nonce = new Uint8Array(16);
  for (let guess = 0; guess < 20_000 && !found; guess++) {
    nonce[0] = guess & 255;
    nonce[1] = guess >> 8;
    const tried = await words({ fingerprint: print(7), nonce }, { fingerprint: print(2), nonce: bob });
    found = tried.words[0] === wanted.words[0];
  }
  ok(found, "the search itself works");
  // The same search against the exchange: its number was fixed by the commitment, so what was found is refused.
  const end = new End();
  await end.exchange.begin(print(2), print(7));
  await end.exchange.commit(toBase64(await commitment(print(7), new Uint8Array(16).fill(9))));
  await end.exchange.reveal(toBase64(nonce));
  equal(end.broken, true);
});

test("base64url has one form for each value", () => {
  deepEqual(fromBase64(toBase64(print(250)), 32), print(250));
  equal(fromBase64("", 16), undefined);
  notEqual(toBase64(print(255)).includes("/"), true);
});

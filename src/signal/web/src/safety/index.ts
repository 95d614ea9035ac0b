// The module `safety`: four words by which two people make sure that nobody is between them. It depends on nothing but
// the browser.
//
// Each end commits to a random number and its own certificate before it sees the other's number: so whoever carries
// the messages has one guess in 2^44, and cannot search for a certificate that gives equal words.
import { WORDS } from "./words";

export { WORDS } from "./words";

/** Bytes of the random number. */
const NONCE = 16;
const HASH = 32;

export type SafetyMessage = { t: "commit"; h: string } | { t: "reveal"; n: string };

export interface SafetyEvents {
  send(message: SafetyMessage): void;
  /** Both ends have opened their commitments. Equal words at both ends: nobody is in between. */
  words(words: Safety): void;
  /** The other end, or whoever speaks for it, broke the protocol. */
  broken(): void;
}

export interface Safety {
  words: string[];
  /** The same for who does not read the words' language: four numbers from 0 to 2047. */
  numbers: number[];
}

export function toBase64(bytes: Uint8Array): string {
  const plain = btoa(String.fromCharCode(...bytes));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Bytes of unpadded base64url of exactly this length. */
export function fromBase64(text: string, length: number): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length !== Math.ceil((length * 4) / 3)) return undefined;
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function hash(label: string, ...parts: Uint8Array[]): Promise<Uint8Array> {
  const all = [new TextEncoder().encode(label), ...parts];
  const whole = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

export function commitment(fingerprint: Uint8Array, nonce: Uint8Array): Promise<Uint8Array> {
  return hash("hilum safety 1", fingerprint, nonce);
}

function before(one: Uint8Array, other: Uint8Array): boolean {
  for (const [at, byte] of one.entries()) {
    const theirs = other[at] ?? 0;
    if (byte !== theirs) return byte < theirs;
  }
  return false;
}

export interface End {
  fingerprint: Uint8Array;
  nonce: Uint8Array;
}

/** The words of two ends, the same whoever asks: the end with the lower fingerprint comes first. */
export async function words(one: End, other: End): Promise<Safety> {
  const [low, high] = before(one.fingerprint, other.fingerprint) ? [one, other] : [other, one];
  const digest = await hash("hilum words 1", low.fingerprint, low.nonce, high.fingerprint, high.nonce);
  // 44 bits, 11 at a time.
  const bits = digest.slice(0, 6).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) >> 4n;
  const numbers = [33n, 22n, 11n, 0n].map((shift) => Number((bits >> shift) & 2047n));
  return { numbers, words: numbers.map((number) => WORDS[number] ?? "") };
}

/** The exchange with one other person, for one connection. */
export class Exchange {
  readonly #events: SafetyEvents;
  readonly #nonce: Uint8Array;
  #own: Uint8Array | undefined;
  #theirs: Uint8Array | undefined;
  #commit: Uint8Array | undefined;
  #reveal: Uint8Array | undefined;
  #sentCommit = false;
  #opened = false;
  #over = false;

  constructor(events: SafetyEvents, random = (length: number) => crypto.getRandomValues(new Uint8Array(length))) {
    this.#events = events;
    this.#nonce = random(NONCE);
  }

  /** The fingerprints of the two ends are in force: commits. */
  async begin(own: Uint8Array, theirs: Uint8Array): Promise<void> {
    if (this.#own) return;
    [this.#own, this.#theirs] = [own, theirs];
    this.#events.send({ t: "commit", h: toBase64(await commitment(own, this.#nonce)) });
    // Only now: their commitment may have come first, but nothing is opened before ours has gone.
    this.#sentCommit = true;
    await this.#go();
  }

  async commit(h: string): Promise<void> {
    const bytes = fromBase64(h, HASH);
    // A second commitment would be a second try.
    if (!bytes || this.#commit) return this.#break();
    this.#commit = bytes;
    await this.#go();
  }

  async reveal(n: string): Promise<void> {
    const bytes = fromBase64(n, NONCE);
    if (!bytes || !this.#commit || this.#reveal) return this.#break();
    this.#reveal = bytes;
    await this.#go();
  }

  async #go(): Promise<void> {
    if (this.#over || !this.#sentCommit || !this.#commit || !this.#own || !this.#theirs) return;
    if (!this.#opened) {
      this.#opened = true;
      this.#events.send({ t: "reveal", n: toBase64(this.#nonce) });
    }
    if (!this.#reveal) return;
    const expected = await commitment(this.#theirs, this.#reveal);
    if (this.#over) return;
    if (toBase64(expected) !== toBase64(this.#commit)) return this.#break();
    this.#over = true;
    const own = { fingerprint: this.#own, nonce: this.#nonce };
    this.#events.words(await words(own, { fingerprint: this.#theirs, nonce: this.#reveal }));
  }

  #break(): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.broken();
  }
}

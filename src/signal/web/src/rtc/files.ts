// Files over the data channel only: asked for before anything is sent, in small pieces that leave the media its room,
// and compared by their SHA-256 at the end. What arrives is offered as a download and never shown.
import type { Clock } from "./clock";

export const MOST_BYTES = 50 * 1024 * 1024;
/** Bytes of a piece: what every browser takes in one message. */
const PIECE = 16 * 1024;
/** Bytes that may wait in the browser. More would stand between the media and the network. */
const MOST_WAITING = 256 * 1024;
/** Milliseconds between two looks at whether sending may go on. */
const PAUSE = 25;
/** Bytes per second at most, so that the picture keeps its share of a home's uplink. */
const PACE = 512 * 1024;

export interface Offered {
  id: string;
  name: string;
  size: number;
}

export interface FileEvents {
  offered(file: Offered): void;
  /** Bytes that have gone or come. */
  progress(id: string, bytes: number): void;
  /** Received and intact. */
  received(id: string, blob: Blob): void;
  /** Sent, and the other end has said that it is intact. */
  delivered(id: string): void;
  failed(id: string, why: "refused" | "damaged" | "gone" | "large"): void;
}

/** As much of an RTCDataChannel as is needed. */
export interface Channel {
  readonly readyState: string;
  readonly bufferedAmount: number;
  send(data: string | ArrayBuffer): void;
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close", listener: () => void): void;
}

type Word =
  | { k: "offer"; id: string; name: string; size: number; sha256: string }
  | { k: "accept" | "refuse" | "cancel" | "intact" | "damaged"; id: string };

interface Incoming extends Offered {
  sha256: string;
  accepted: boolean;
  pieces: ArrayBuffer[];
  bytes: number;
}

async function sha256(data: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A name that is only a name: no folders, no control bytes, no change of direction, not endless. */
export function plainName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const plain = last.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069<>:"|?*]/g, "_").trim();
  return plain.replace(/^\.+/, "").slice(-100) || "file";
}

export class Files {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #events: FileEvents;
  /** Whether the media is in trouble, so that files wait. */
  congested = false;
  readonly #outgoing = new Map<string, ArrayBuffer>();
  readonly #incoming = new Map<string, Incoming>();
  // One file goes at a time, as one comes at a time: pieces carry no name.
  #sending: Promise<void> = Promise.resolve();
  #current: string | undefined;

  constructor(channel: Channel, clock: Clock, events: FileEvents) {
    this.#channel = channel;
    this.#clock = clock;
    this.#events = events;
    channel.addEventListener("message", ({ data }) => this.#message(data));
    channel.addEventListener("close", () => this.#gone());
  }

  async offer(id: string, name: string, blob: Blob): Promise<void> {
    if (blob.size > MOST_BYTES) return this.#events.failed(id, "large");
    const data = await blob.arrayBuffer();
    this.#outgoing.set(id, data);
    this.#say({ k: "offer", id, name: plainName(name), size: data.byteLength, sha256: await sha256(data) });
  }

  accept(id: string): void {
    const file = this.#incoming.get(id);
    if (!file || file.accepted) return;
    file.accepted = true;
    this.#say({ k: "accept", id });
    // An empty file has no pieces to wait for.
    if (file.size === 0) void this.#finish(file);
  }

  refuse(id: string): void {
    if (this.#incoming.delete(id)) this.#say({ k: "refuse", id });
  }

  #say(word: Word): void {
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify(word));
  }

  #message(data: unknown): void {
    if (data instanceof ArrayBuffer) return this.#piece(data);
    if (typeof data !== "string") return;
    let word: Word;
    try {
      word = JSON.parse(data) as Word;
    } catch {
      return;
    }
    if (typeof word?.id !== "string" || word.id.length > 40) return;
    this.#heed(word);
  }

  #heed(word: Word): void {
    const { id } = word;
    if (word.k === "offer") {
      const { size } = word;
      const fits = Number.isInteger(size) && size >= 0 && size <= MOST_BYTES && this.#incoming.size < 8;
      if (!fits || this.#incoming.has(id) || typeof word.name !== "string") return this.#say({ k: "refuse", id });
      const file = { id, name: plainName(word.name), size };
      this.#incoming.set(id, { ...file, sha256: String(word.sha256), accepted: false, pieces: [], bytes: 0 });
      this.#events.offered(file);
    } else if (word.k === "accept") {
      this.#sending = this.#sending.then(() => this.#send(id));
    } else if (this.#outgoing.delete(id)) {
      if (word.k === "intact") this.#events.delivered(id);
      else this.#events.failed(id, word.k === "refuse" ? "refused" : "damaged");
    }
  }

  async #send(id: string): Promise<void> {
    const data = this.#outgoing.get(id);
    if (!data) return;
    const begun = this.#clock.now();
    for (let at = 0; at < data.byteLength; at += PIECE) {
      const due = () => at <= (PACE * (this.#clock.now() - begun)) / 1000 + MOST_WAITING;
      while (this.congested || this.#channel.bufferedAmount + PIECE > MOST_WAITING || !due()) {
        if (this.#channel.readyState !== "open" || !this.#outgoing.has(id)) return;
        await new Promise<void>((go) => this.#clock.after(PAUSE, go));
      }
      if (this.#channel.readyState !== "open" || !this.#outgoing.has(id)) return;
      this.#channel.send(data.slice(at, at + PIECE));
      this.#events.progress(id, Math.min(at + PIECE, data.byteLength));
    }
  }

  #piece(data: ArrayBuffer): void {
    const file = [...this.#incoming.values()].find(({ id, accepted }) => accepted && (this.#current ?? id) === id);
    if (!file) return;
    this.#current = file.id;
    file.bytes += data.byteLength;
    if (file.bytes > file.size) {
      this.#drop(file);
      return;
    }
    file.pieces.push(data);
    this.#events.progress(file.id, file.bytes);
    if (file.bytes === file.size) void this.#finish(file);
  }

  async #finish(file: Incoming): Promise<void> {
    // The next file's pieces may come while this one's sum is made.
    this.#incoming.delete(file.id);
    this.#current = undefined;
    // Never the type that the other end claims: a browser only saves this one.
    const blob = new Blob(file.pieces, { type: "application/octet-stream" });
    const intact = (await sha256(await blob.arrayBuffer())) === file.sha256;
    this.#say({ k: intact ? "intact" : "damaged", id: file.id });
    if (intact) this.#events.received(file.id, blob);
    else this.#events.failed(file.id, "damaged");
  }

  #drop(file: Incoming): void {
    this.#incoming.delete(file.id);
    this.#current = undefined;
    this.#say({ k: "damaged", id: file.id });
    this.#events.failed(file.id, "damaged");
  }

  #gone(): void {
    for (const id of [...this.#outgoing.keys(), ...this.#incoming.keys()]) this.#events.failed(id, "gone");
    this.#outgoing.clear();
    this.#incoming.clear();
  }
}

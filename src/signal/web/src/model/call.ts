// A call: one connection to each other person, what they say over the data channel, files, safety words. Names, chat
// and captions go between the browsers only; the service never sees them.
import { batch, computed, effect, signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { Files, Peer, realClock } from "../rtc";
import type { Clock, Grade, Outlook, Totals } from "../rtc";
import { Exchange } from "../safety";
import type { Safety } from "../safety";
import type { FromClient, FromServer, PeerInfo, Role, Turn } from "../signal";
import { chime } from "./announce";
import type { LocalMedia } from "./media";

const MOST_TEXT = 2000;
const MOST_NAME = 40;
/** Lines of chat that are kept: a long consultation has fewer. */
const MOST_LINES = 500;
/** Lines that wait for a channel to open: it takes a second or two. */
const MOST_UNSENT = 20;
/** Milliseconds that a typed caption stays without a new one. */
const CAPTION_STAYS = 12_000;

/** Milliseconds in which somebody shows words: the exchange takes two ways through the service, about a second. */
export const GHOST_AFTER = 20_000;

/** `unverified`: the service has announced somebody who shows no certificate that the words could be made of. */
export type Trust = "waiting" | "unverified" | "words" | "match" | "broken";

export interface Line {
  id: number;
  from: Other | undefined;
  text: string;
  at: number;
}

export interface Transfer {
  id: string;
  from: Other | undefined;
  name: string;
  size: number;
  bytes: number;
  state: "offered" | "going" | "done" | "refused" | "damaged" | "gone" | "large";
  url?: string;
  files: Files[];
}

type Small =
  | { k: "chat"; text: string }
  | { k: "caption"; text: string }
  | { k: "state"; microphone: boolean; camera: boolean; screen: boolean; name: string };

/** One of the other people. */
export class Other {
  readonly id: string;
  readonly role: Role;
  readonly name = signal("");
  readonly state = signal<RTCPeerConnectionState>("new");
  readonly outlook = signal<Outlook>("steady");
  readonly own = signal<Grade | undefined>(undefined);
  readonly theirs = signal<Grade | undefined>(undefined);
  readonly totals = signal<Totals | undefined>(undefined);
  readonly audio = signal<MediaStreamTrack | undefined>(undefined);
  readonly camera = signal<MediaStreamTrack | undefined>(undefined);
  readonly screen = signal<MediaStreamTrack | undefined>(undefined);
  readonly microphoneOn = signal(true);
  readonly cameraOn = signal(false);
  readonly screenOn = signal(false);
  readonly safety = signal<Safety | undefined>(undefined);
  readonly trust = signal<Trust>("waiting");
  readonly caption = signal("");
  peer: Peer | undefined;
  files: Files | undefined;
  exchange: Exchange | undefined;
  /** Ends the wait for words. */
  patience: (() => void) | undefined;
  /** Lines that were written before the channel was open. */
  readonly unsent: string[] = [];

  constructor(id: string, role: Role) {
    this.id = id;
    this.role = role;
  }
}

export interface CallOptions {
  send(message: FromClient): void;
  media: LocalMedia;
  policy: { relayOnly: boolean; screen: boolean; files: boolean };
  turn: Turn | undefined;
  clock?: Clock;
  /** The way to the service has to be looked at. */
  doubt(): void;
  /** Somebody between us was found, or the two said that their words differ: the call is over. */
  danger(): void;
}

export class Call {
  readonly others = signal<Other[]>([]);
  readonly lines = signal<Line[]>([]);
  readonly transfers = signal<Transfer[]>([]);
  readonly unread = signal(0);
  readonly chatOpen = signal(false);
  readonly name = signal("");
  /** Our picture was stopped so that the voice goes on. */
  readonly pictureStopped = signal(false);
  readonly serviceAway = signal(false);
  readonly outlook: ReadonlySignal<Outlook>;
  readonly options: CallOptions;
  #turn: Turn | undefined;
  #effects: (() => void)[] = [];
  #number = 0;
  #captions = new Map<Other, ReturnType<typeof setTimeout>>();

  constructor(options: CallOptions) {
    this.options = options;
    this.#turn = options.turn;
    const worst: Outlook[] = ["help", "away"];
    this.outlook = computed(() => {
      const all = this.others.value.map(({ outlook }) => outlook.value);
      return worst.find((each) => all.includes(each)) ?? "steady";
    });
    const { media } = options;
    this.#effects.push(
      effect(() => {
        const tracks = { audio: media.microphone.value, camera: media.camera.value, screen: media.screen.value };
        for (const { peer } of this.others.value) void peer?.send(tracks);
      }),
      effect(() => {
        const state = this.#state();
        for (const other of this.others.value) this.#tell(other, state);
      }),
    );
    addEventListener("online", this.#network);
    this.#connection?.addEventListener?.("change", this.#network);
  }

  get #connection(): EventTarget | undefined {
    return (navigator as { connection?: EventTarget }).connection;
  }

  readonly #network = () => {
    for (const { peer } of this.others.peek()) peer?.networkChanged();
  };

  /** Who is in the call, from a welcome that resumed nothing: everybody else is gone. */
  people(peers: PeerInfo[]): void {
    batch(() => {
      for (const other of this.others.peek()) this.#remove(other);
      for (const peer of peers) this.#add(peer, false);
    });
  }

  turn(turn: Turn): void {
    this.#turn = turn;
    for (const { peer } of this.others.peek()) peer?.renew(turn);
  }

  /** The service is back and nothing was lost, but what we said last may have been. */
  again(): void {
    for (const { peer } of this.others.peek()) peer?.again();
  }

  take(message: FromServer): void {
    switch (message.t) {
      case "peer":
        return this.#add(message, true);
      case "gone": {
        const other = this.#of(message.id);
        if (other) this.#remove(other);
        return;
      }
      case "sdp":
        void this.#of(message.from)?.peer?.description(message.desc);
        return;
      case "ice":
        void this.#of(message.from)?.peer?.candidate(message.candidate);
        return;
      case "commit":
        void this.#of(message.from)?.exchange?.commit(message.h);
        return;
      case "reveal":
        void this.#of(message.from)?.exchange?.reveal(message.n);
        return;
      case "turn":
        return this.turn(message.turn);
      default:
        return;
    }
  }

  write(text: string): void {
    const plain = text.trim().slice(0, MOST_TEXT);
    if (plain === "") return;
    this.#line(undefined, plain);
    for (const other of this.others.peek()) this.#tell(other, { k: "chat", text: plain });
  }

  captionLine(text: string): void {
    for (const other of this.others.peek()) this.#tell(other, { k: "caption", text: text.slice(-MOST_TEXT) });
  }

  sendFile(file: File): void {
    this.#number += 1;
    const id = `${this.#number}-${crypto.randomUUID().slice(0, 8)}`;
    const files = this.others.peek().flatMap((other) => other.files ?? []);
    if (files.length === 0) return;
    this.#transfer({ id, from: undefined, name: file.name, size: file.size, bytes: 0, state: "offered", files });
    for (const each of files) void each.offer(id, file.name, file);
  }

  acceptFile({ id, files }: Transfer): void {
    for (const each of files) each.accept(id);
    this.#update(id, { state: "going" });
  }

  refuseFile({ id, files }: Transfer): void {
    for (const each of files) each.refuse(id);
    this.#update(id, { state: "refused" });
  }

  openChat(open: boolean): void {
    this.chatOpen.value = open;
    if (open) this.unread.value = 0;
  }

  match(other: Other): void {
    other.trust.value = "match";
  }

  /** They read other words than we have: whoever is between them hears no more. */
  differ(other: Other): void {
    this.options.send({ t: "security", to: other.id, what: "words_differ" });
    this.options.danger();
  }

  close(): void {
    for (const stop of this.#effects) stop();
    removeEventListener("online", this.#network);
    this.#connection?.removeEventListener?.("change", this.#network);
    for (const timer of this.#captions.values()) clearTimeout(timer);
    for (const other of this.others.peek()) {
      other.patience?.();
      other.peer?.close();
    }
    for (const { url } of this.transfers.peek()) if (url) URL.revokeObjectURL(url);
    batch(() => {
      this.others.value = [];
      this.lines.value = [];
      this.transfers.value = [];
    });
  }

  #of(id: string): Other | undefined {
    return this.others.peek().find((other) => other.id === id);
  }

  #state(): Small {
    const { media } = this.options;
    return {
      k: "state",
      microphone: media.microphone.value !== null && !media.muted.value,
      camera: media.cameraOn.value,
      screen: media.screen.value !== null,
      name: this.name.value,
    };
  }

  #add({ id, role, polite }: PeerInfo, aloud: boolean): void {
    const known = this.#of(id);
    if (known) this.#remove(known);
    const other = new Other(id, role);
    const { send, clock = realClock } = this.options;
    other.patience = clock.after(GHOST_AFTER, () => {
      if (other.trust.peek() !== "waiting") return;
      other.trust.value = "unverified";
      send({ t: "security", to: id, what: "ghost" });
    });
    const count = this.others.peek().length + 2;
    other.exchange = new Exchange({
      send: (message) => send({ ...message, to: id }),
      words: (safety) => {
        other.patience?.();
        other.safety.value = safety;
        other.trust.value = "words";
      },
      broken: () => {
        other.trust.value = "broken";
        send({ t: "security", to: id, what: "words_differ" });
        this.options.danger();
      },
    });
    other.peer = new Peer({
      polite,
      turn: this.#turn,
      relayOnly: this.options.policy.relayOnly,
      people: count,
      clock,
      events: {
        sdp: (desc) => send({ t: "sdp", to: id, desc }),
        ice: (candidate) => send({ t: "ice", to: id, candidate }),
        fingerprints: (own, theirs) => void other.exchange?.begin(own, theirs),
        refused: (code) => {
          other.trust.value = "broken";
          if (code === "sdp_fingerprint_changed") send({ t: "security", to: id, what: "fingerprint_changed" });
          this.options.danger();
        },
        state: (state) => (other.state.value = state),
        outlook: (outlook) => (other.outlook.value = outlook),
        doubt: () => this.options.doubt(),
        track: (kind, track) => (other[kind].value = track),
        quality: (own, theirs, totals) => {
          batch(() => {
            other.own.value = own;
            other.theirs.value = theirs;
            other.totals.value = totals;
          });
          if (other.files) other.files.congested = own === "poor";
        },
        picture: (stopped) => (this.pictureStopped.value = stopped),
      },
    });
    this.#channels(other, other.peer);
    this.others.value = [...this.others.peek(), other];
    for (const each of this.others.peek()) each.peer?.people(this.others.peek().length + 1);
    if (aloud) chime();
  }

  #channels(other: Other, peer: Peer): void {
    peer.chat.onopen = () => {
      this.#tell(other, this.#state());
      for (const text of other.unsent.splice(0)) peer.chat.send(text);
    };
    peer.chat.onmessage = ({ data }) => this.#small(other, data);
    if (!this.options.policy.files) return;
    const files = new Files(peer.file, realClock, {
      offered: ({ id, name, size }) =>
        this.#transfer({ id, from: other, name, size, bytes: 0, state: "offered", files: [files] }),
      progress: (id, bytes) => this.#update(id, { bytes, state: "going" }),
      received: (id, blob) => this.#update(id, { state: "done", url: URL.createObjectURL(blob) }),
      delivered: (id) => this.#update(id, { state: "done" }),
      failed: (id, why) => this.#update(id, { state: why }),
    });
    other.files = files;
  }

  #remove(other: Other): void {
    other.patience?.();
    other.peer?.close();
    this.others.value = this.others.peek().filter((each) => each !== other);
    for (const { peer } of this.others.peek()) peer?.people(this.others.peek().length + 1);
  }

  #tell(other: Other, what: Small): void {
    const chat = other.peer?.chat;
    const text = JSON.stringify(what);
    if (chat?.readyState === "open") chat.send(text);
    else if (what.k === "chat" && other.unsent.length < MOST_UNSENT) other.unsent.push(text);
  }

  /** What the other browser says is not trusted: it is short, it is text, or it is nothing. */
  #small(other: Other, data: unknown): void {
    if (typeof data !== "string" || data.length > 4 * MOST_TEXT) return;
    let small: Partial<Record<string, unknown>>;
    try {
      small = JSON.parse(data) as typeof small;
    } catch {
      return;
    }
    if (small === null || typeof small !== "object") return;
    const text = typeof small.text === "string" ? small.text.slice(0, MOST_TEXT) : "";
    if (small.k === "chat" && text) this.#line(other, text);
    else if (small.k === "caption") this.#caption(other, text);
    else if (small.k === "state") {
      batch(() => {
        other.microphoneOn.value = small.microphone === true;
        other.cameraOn.value = small.camera === true;
        other.screenOn.value = small.screen === true;
        other.name.value = typeof small.name === "string" ? small.name.slice(0, MOST_NAME) : "";
      });
    }
  }

  #caption(other: Other, text: string): void {
    other.caption.value = text;
    clearTimeout(this.#captions.get(other));
    this.#captions.set(
      other,
      setTimeout(() => (other.caption.value = ""), CAPTION_STAYS),
    );
  }

  #line(from: Other | undefined, text: string): void {
    this.#number += 1;
    const line = { id: this.#number, from, text, at: Date.now() / 1000 };
    this.lines.value = [...this.lines.peek(), line].slice(-MOST_LINES);
    if (from && !this.chatOpen.peek()) this.unread.value += 1;
  }

  #transfer(transfer: Transfer): void {
    this.transfers.value = [...this.transfers.peek(), transfer];
    if (transfer.from && !this.chatOpen.peek()) this.unread.value += 1;
  }

  #update(id: string, change: Partial<Transfer>): void {
    this.transfers.value = this.transfers.peek().map((each) => (each.id === id ? { ...each, ...change } : each));
  }
}

// One other person: one connection, kept up. Perfect negotiation with the politeness that the service has assigned,
// relayed candidates only, ICE restarts, credentials renewed in mid-call. Depends on nothing but the browser.
import type { Clock } from "./clock";
import { Ladder, STEPS } from "./ladder";
import { SAMPLE_EVERY, Steady, between, totals } from "./quality";
import type { Grade, Totals } from "./quality";
import { Restarts } from "./restart";
import type { Outlook } from "./restart";
import { isRelayed } from "./candidate";
import { Session, fingerprint, fragments } from "./sdp";
import type { Refusal } from "./sdp";

/** Where the relay is, and the credentials for it. */
export interface Turn {
  urls: string[];
  username: string;
  credential: string;
  /** Unix seconds. */
  expires: number;
  region: string;
}

export interface Description {
  type: "offer" | "answer";
  sdp: string;
}

export interface Candidate {
  candidate: string;
  sdpMid: string | null;
  usernameFragment: string | null;
}

/** What a peer tells its owner. */
export interface PeerEvents {
  sdp(desc: Description): void;
  ice(candidate: Candidate): void;
  /** Both descriptions are in force: the DTLS fingerprints of the two ends, 32 bytes each. Once. */
  fingerprints(own: Uint8Array, theirs: Uint8Array): void;
  /** A description that breaks a rule. The connection is closed: `sdp_fingerprint_changed` is an attack or a bug. */
  refused(code: Refusal): void;
  state(state: RTCPeerConnectionState): void;
  outlook(outlook: Outlook): void;
  /** Nothing arrives for a moment: the network may have changed, and the way to the service with it. */
  doubt(): void;
  track(kind: "audio" | "camera" | "screen", track: MediaStreamTrack): void;
  quality(own: Grade, theirs: Grade, totals: Totals): void;
  /** The picture was stopped for lack of bandwidth, or goes on. */
  picture(stopped: boolean): void;
}

export interface PeerOptions {
  polite: boolean;
  turn: Turn | undefined;
  relayOnly: boolean;
  /** People in the call, oneself included. */
  people: number;
  clock: Clock;
  events: PeerEvents;
  /** Makes the connection; tests put their own here. */
  connect?: (config: RTCConfiguration) => RTCPeerConnection;
}

/** Milliseconds without an answer after which an offer is sent again: the socket may have lost either of the two. */
const OFFER_AGAIN = 8_000;
/** Candidates that wait for their description: as many as a description may hold. */
const MOST_EARLY = 64;
/** Milliseconds between two looks at whether anything arrives. */
const LISTEN_EVERY = 200;
/**
 * Milliseconds without sound and picture after which the way to the service is doubted, and after which ICE restarts. A
 * voice comes fifty times a second, muted or not; one who really sends nothing more costs a restart that nobody hears.
 */
const DOUBT = 600;
const SILENCE = 1_200;
/** Bits per second of a voice on a link that carries no picture. */
const THIN_VOICE = 16_000;
const KINDS = ["audio", "camera", "screen"] as const;

export function configuration(turn: Turn | undefined, relayOnly: boolean): RTCConfiguration {
  return {
    iceServers: turn ? [{ urls: turn.urls, username: turn.username, credential: turn.credential }] : [],
    iceTransportPolicy: relayOnly ? "relay" : "all",
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require",
  };
}

export class Peer {
  readonly pc: RTCPeerConnection;
  /** Small messages, in order. Both ends know its number, so it needs no negotiation. */
  readonly chat: RTCDataChannel;
  readonly file: RTCDataChannel;
  readonly #options: PeerOptions;
  readonly #restarts: Restarts;
  readonly #ladder: Ladder;
  readonly #own = new Steady();
  readonly #theirs = new Steady();
  #tracks: Record<(typeof KINDS)[number], MediaStreamTrack | null> = { audio: null, camera: null, screen: null };
  #making = false;
  #ignoring = false;
  #settingAnswer = false;
  // The impolite end offers first; the polite one takes over what it offers, so that there is one set of sections.
  #begun: boolean;
  #closed = false;
  #sentFragments = new Set<string>();
  #heldBack: RTCIceCandidate[] = [];
  #early: Candidate[] = [];
  /** What the other end has said, held against the rules. */
  readonly #said = new Session();
  #told = false;
  #last: Totals | undefined;
  #again: (() => void) | undefined;
  #sampling: (() => void) | undefined;
  #listening: (() => void) | undefined;
  /** When the last sound or picture was played, as the browser says it; when that was seen; and what was done since. */
  #newest = 0;
  #heardAt = 0;
  #silence: "none" | "doubted" | "restarted" = "none";
  // Remote descriptions are taken one after the other; candidates wait behind them.
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: PeerOptions) {
    this.#options = options;
    this.#begun = !options.polite;
    this.#ladder = new Ladder(options.people);
    const connect = options.connect ?? ((config: RTCConfiguration) => new RTCPeerConnection(config));
    this.pc = connect(configuration(options.turn, options.relayOnly));
    this.#restarts = new Restarts(options.clock, {
      restart: () => this.pc.restartIce(),
      outlook: (outlook) => options.events.outlook(outlook),
      bytes: async () => totals(await this.#reports()).bytes,
    });
    this.#listen();
    this.chat = this.pc.createDataChannel("chat", { negotiated: true, id: 0, ordered: true });
    this.file = this.pc.createDataChannel("file", { negotiated: true, id: 1, ordered: true });
    this.file.binaryType = "arraybuffer";
    if (!options.polite) {
      this.pc.addTransceiver("audio", { direction: "sendrecv" });
      this.pc.addTransceiver("video", { direction: "sendrecv" });
      this.pc.addTransceiver("video", { direction: "sendrecv" });
    }
    this.#sample();
    this.#hear();
  }

  /** Sends these tracks from now on; null sends nothing. No negotiation is needed. */
  async send(tracks: Partial<Record<(typeof KINDS)[number], MediaStreamTrack | null>>): Promise<void> {
    Object.assign(this.#tracks, tracks);
    await this.#attach();
  }

  /** A description from the other end. */
  description(desc: Description): Promise<void> {
    return this.#enqueue(() => this.#take(desc));
  }

  /** A candidate of the other end. One that breaks a rule is dropped, one that overtakes its description waits for it. */
  candidate(candidate: Candidate): Promise<void> {
    return this.#enqueue(async () => {
      if (this.#said.candidate(candidate.candidate, this.#options.relayOnly)) return;
      if (this.#isEarly(candidate)) {
        if (this.#early.length < MOST_EARLY) this.#early.push(candidate);
      } else {
        await this.#add(candidate);
      }
    });
  }

  /** Fresh credentials: the next restart uses them, the path in use goes on. */
  renew(turn: Turn): void {
    if (this.#closed) return;
    this.#options.turn = turn;
    this.pc.setConfiguration(configuration(turn, this.#options.relayOnly));
  }

  /** How many people are in the call now, oneself included. */
  people(count: number): void {
    this.#ladder.people(count);
    void this.#shape();
  }

  networkChanged(): void {
    void this.#restarts.networkChanged();
  }

  /** The service is back after an absence: what it may have lost is said again. */
  again(): void {
    if (this.pc.signalingState === "have-local-offer") this.#tell();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#restarts.close();
    this.#again?.();
    this.#sampling?.();
    this.#listening?.();
    this.pc.close();
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(async () => {
      if (!this.#closed) await work();
    });
    // One description that the browser cannot use must not stop those that follow.
    this.#queue = done.catch(() => undefined);
    return this.#queue as Promise<void>;
  }

  #listen(): void {
    const { pc } = this;
    pc.onnegotiationneeded = () => void this.#offer();
    pc.onicecandidate = ({ candidate }) => {
      if (candidate) this.#carry(candidate);
    };
    pc.onconnectionstatechange = () => {
      if (this.#closed) return;
      this.#options.events.state(pc.connectionState);
      this.#restarts.state(pc.connectionState);
      if (pc.connectionState === "connected") void this.#shape();
    };
    pc.ontrack = ({ transceiver, track }) => {
      const kind = KINDS[pc.getTransceivers().indexOf(transceiver)];
      if (kind) this.#options.events.track(kind, track);
    };
  }

  async #offer(): Promise<void> {
    if (!this.#begun || this.#closed) return;
    try {
      this.#making = true;
      await this.pc.setLocalDescription();
      this.#tell();
    } catch {
      // The state changed under way, by their offer: the browser asks again when there is something to say.
    } finally {
      this.#making = false;
    }
  }

  /** Sends the local description, then the candidates that waited for it. */
  #tell(): void {
    const desc = this.pc.localDescription;
    if (!desc || this.#closed || (desc.type !== "offer" && desc.type !== "answer")) return;
    this.#options.events.sdp({ type: desc.type, sdp: desc.sdp });
    this.#sentFragments = fragments(desc.sdp);
    const waiting = this.#heldBack;
    this.#heldBack = [];
    for (const candidate of waiting) this.#carry(candidate);
    this.#again?.();
    this.#again = undefined;
    if (desc.type === "offer") {
      this.#again = this.#options.clock.after(OFFER_AGAIN, () => this.again());
    }
    this.#compare();
  }

  #carry(candidate: RTCIceCandidate): void {
    const fragment = candidate.usernameFragment;
    if (fragment && !this.#sentFragments.has(fragment)) {
      if (this.#heldBack.length < MOST_EARLY) this.#heldBack.push(candidate);
      return;
    }
    if (this.#options.relayOnly && !isRelayed(candidate.candidate)) return;
    this.#options.events.ice({
      candidate: candidate.candidate,
      sdpMid: candidate.sdpMid,
      usernameFragment: fragment,
    });
  }

  async #take(desc: Description): Promise<void> {
    // A rollback would be somebody else's hand on this connection.
    if (desc.type !== "offer" && desc.type !== "answer") return;
    const refusal =
      this.#said.description(desc.sdp, desc.type, this.#options.relayOnly) ??
      // Words are made of this one only.
      (fingerprint(desc.sdp) ? undefined : "sdp_fingerprint_missing");
    if (refusal) {
      this.close();
      this.#options.events.refused(refusal);
      return;
    }
    const { pc } = this;
    const ready = !this.#making && (pc.signalingState === "stable" || this.#settingAnswer);
    this.#ignoring = desc.type === "offer" && !ready && !this.#options.polite;
    // An answer to an offer that is no longer open is a late double of one that was taken.
    if (this.#ignoring || (desc.type === "answer" && pc.signalingState !== "have-local-offer")) return;
    this.#settingAnswer = desc.type === "answer";
    try {
      await pc.setRemoteDescription(desc);
    } finally {
      this.#settingAnswer = false;
    }
    if (desc.type === "offer") {
      if (!this.#begun) this.#adopt();
      await pc.setLocalDescription();
      this.#begun = true;
      this.#tell();
    } else {
      this.#again?.();
      this.#again = undefined;
    }
    await this.#attach();
    await this.#flush();
    this.#compare();
  }

  /** The polite end answers the first offer with the same sections, in both directions. */
  #adopt(): void {
    for (const transceiver of this.pc.getTransceivers()) transceiver.direction = "sendrecv";
  }

  async #attach(): Promise<void> {
    const senders = this.pc.getTransceivers().map(({ sender }) => sender);
    await Promise.all(
      KINDS.map(async (kind, index) => {
        const sender = senders[index];
        if (sender && sender.track !== this.#tracks[kind]) await sender.replaceTrack(this.#tracks[kind]);
      }),
    );
    await this.#shape();
  }

  /** A voice that has lost its picture takes half of its bits: with what wraps it, the rest is what a thin link carries. */
  async #thin(): Promise<void> {
    const sender = this.pc.getTransceivers()[0]?.sender;
    if (this.#closed || !sender?.track) return;
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings;
    if (!encoding) return;
    if (this.#ladder.off) encoding.maxBitrate = THIN_VOICE;
    else delete encoding.maxBitrate;
    await sender.setParameters(parameters).catch(() => undefined);
  }

  /** Sizes the picture as the ladder says. The screen keeps its size, or its letters could not be read. */
  async #shape(): Promise<void> {
    const sender = this.pc.getTransceivers()[1]?.sender;
    const step = STEPS[this.#ladder.step];
    if (this.#closed || !sender?.track || !step) return;
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings;
    if (!encoding) return;
    const height = sender.track.getSettings().height ?? 480;
    encoding.active = step.height > 0;
    if (step.height > 0) {
      encoding.scaleResolutionDownBy = Math.max(1, height / step.height);
      encoding.maxBitrate = step.bits;
      encoding.maxFramerate = step.frames;
    }
    // A browser that does not know one of these keeps its own; the call goes on.
    await sender.setParameters(parameters).catch(() => undefined);
  }

  #isEarly({ usernameFragment }: Candidate): boolean {
    const remote = this.pc.remoteDescription;
    if (!remote) return true;
    return usernameFragment !== null && !fragments(remote.sdp).has(usernameFragment);
  }

  async #flush(): Promise<void> {
    const early = this.#early;
    this.#early = early.filter((candidate) => this.#isEarly(candidate));
    for (const candidate of early) if (!this.#early.includes(candidate)) await this.#add(candidate);
  }

  async #add({ candidate, sdpMid, usernameFragment }: Candidate): Promise<void> {
    try {
      await this.pc.addIceCandidate({ candidate, sdpMid, usernameFragment });
    } catch {
      // A candidate of an offer that was ignored, or one that this browser cannot use: others will do.
    }
  }

  #compare(): void {
    const { localDescription, remoteDescription } = this.pc;
    if (this.#told || !localDescription || !remoteDescription) return;
    const own = fingerprint(localDescription.sdp);
    const theirs = fingerprint(remoteDescription.sdp);
    if (!own || !theirs) return;
    this.#told = true;
    this.#options.events.fingerprints(own, theirs);
  }

  async #reports(): Promise<(Record<string, unknown> & { id: string; type: string })[]> {
    return [...(await this.pc.getStats()).values()];
  }

  #hear(): void {
    this.#listening = this.#options.clock.after(LISTEN_EVERY, () => {
      if (this.#closed) return;
      const sources = this.pc.getTransceivers().flatMap(({ receiver }) => receiver.getSynchronizationSources());
      const newest = Math.max(0, ...sources.map(({ timestamp }) => timestamp));
      const now = this.#options.clock.now();
      if (newest !== this.#newest) [this.#newest, this.#heardAt, this.#silence] = [newest, now, "none"];
      const quiet = newest > 0 ? now - this.#heardAt : 0;
      if (quiet >= DOUBT && this.#silence === "none") {
        this.#silence = "doubted";
        this.#options.events.doubt();
      }
      if (quiet >= SILENCE && this.#silence === "doubted") {
        this.#silence = "restarted";
        this.#restarts.silent();
      }
      this.#hear();
    });
  }

  #sample(): void {
    this.#sampling = this.#options.clock.after(SAMPLE_EVERY, () => {
      if (this.#closed) return;
      void this.#look().finally(() => this.#sample());
    });
  }

  async #look(): Promise<void> {
    if (this.pc.connectionState !== "connected") return;
    const now = totals(await this.#reports());
    if (this.#closed) return;
    if (this.#last) {
      const { own, theirs } = between(this.#last, now);
      const words = [this.#own.take(own), this.#theirs.take(theirs)] as const;
      this.#options.events.quality(words[0] ?? "good", words[1] ?? "good", now);
      const [before, off] = [this.#ladder.step, this.#ladder.off];
      const load = { loss: own.loss, available: now.available };
      if (this.#ladder.take(load, this.#options.clock.now()) !== before) await this.#shape();
      if (this.#ladder.off !== off) {
        this.#options.events.picture(this.#ladder.off);
        await this.#thin();
      }
    }
    this.#last = now;
  }
}

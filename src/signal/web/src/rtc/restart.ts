// When to restart ICE, and when to tell the person. The old path stays in use until a new one works; at most one
// restart is under way; each one that fails makes the next one wait longer.
import type { Clock } from "./clock";

/** What a person should know. `steady` says nothing, `away` means that we are on it, `help` offers the telephone. */
export type Outlook = "steady" | "away" | "help";

/** Milliseconds that a connection may be silent before it is restarted: most silences end by themselves. */
const PATIENCE = 2_500;
/** Milliseconds that a restart may take until it counts as failed. */
const FIRST_TRY = 4_000;
const LONGEST_TRY = 15_000;
/** Milliseconds of trouble after which the page offers the telephone. */
const HELP_AFTER = 60_000;
/** Milliseconds in which a path must bring something after the network has changed. */
const PROOF = 1_500;
/** Milliseconds between two looks at the traffic while a restart is under way. */
const PROBE_EVERY = 400;

export interface RestartHooks {
  /** Starts an ICE restart. */
  restart(): void;
  outlook(outlook: Outlook): void;
  /** Bytes received over the pair in use, since it is in use. */
  bytes(): Promise<number>;
}

export class Restarts {
  readonly #clock: Clock;
  readonly #hooks: RestartHooks;
  #outlook: Outlook = "steady";
  #patience: (() => void) | undefined;
  #trying: (() => void) | undefined;
  #help: (() => void) | undefined;
  #tries = 0;
  #proving = false;
  #closed = false;
  #connectedOnce = false;
  #state: RTCPeerConnectionState = "new";

  constructor(clock: Clock, hooks: RestartHooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }

  /** The connection's state has changed. */
  state(state: RTCPeerConnectionState): void {
    if (this.#closed) return;
    this.#state = state;
    if (state === "connected") this.#well();
    else if (state === "disconnected") this.#wait();
    else if (state === "failed") this.#try();
  }

  /** The network of this device has changed: restarts only if the path in use brings nothing any more. */
  async networkChanged(): Promise<void> {
    if (this.#closed || this.#proving || this.#trying || !this.#connectedOnce) return;
    this.#proving = true;
    const before = await this.#hooks.bytes().catch(() => 0);
    this.#clock.after(PROOF, () => {
      void this.#hooks
        .bytes()
        .catch(() => 0)
        .then((after) => {
          this.#proving = false;
          if (after <= before) this.#try();
        });
    });
  }

  /** Sound and picture came, and come no more: the browser itself says so only seconds later. */
  silent(): void {
    if (this.#connectedOnce) this.#try();
  }

  close(): void {
    this.#closed = true;
    for (const stop of [this.#patience, this.#trying, this.#help]) stop?.();
  }

  #well(): void {
    this.#connectedOnce = true;
    for (const stop of [this.#patience, this.#trying, this.#help]) stop?.();
    this.#patience = this.#trying = this.#help = undefined;
    this.#tries = 0;
    this.#say("steady");
  }

  #wait(): void {
    this.#patience ??= this.#clock.after(PATIENCE, () => {
      this.#patience = undefined;
      this.#try();
    });
  }

  #try(): void {
    if (this.#closed || this.#trying) return;
    this.#patience?.();
    this.#patience = undefined;
    this.#help ??= this.#clock.after(HELP_AFTER, () => this.#say("help"));
    if (this.#outlook === "steady") this.#say("away");
    const limit = Math.min(LONGEST_TRY, FIRST_TRY * 2 ** this.#tries);
    this.#tries += 1;
    this.#trying = this.#clock.after(limit, () => {
      this.#trying = undefined;
      this.#try();
    });
    this.#hooks.restart();
    this.#probe();
  }

  /** A restart whose connection never left `connected` is judged by traffic: two readings of the new path that grow. */
  #probe(last?: number): void {
    this.#clock.after(PROBE_EVERY, () => {
      if (this.#closed || !this.#trying) return;
      const read = this.#hooks.bytes().catch(() => 0);
      void read.then((bytes) => {
        if (!this.#trying) return;
        if (this.#state === "connected" && last !== undefined && bytes > last) this.#well();
        else this.#probe(bytes);
      });
    });
  }

  #say(outlook: Outlook): void {
    if (outlook === this.#outlook) return;
    this.#outlook = outlook;
    this.#hooks.outlook(outlook);
  }
}

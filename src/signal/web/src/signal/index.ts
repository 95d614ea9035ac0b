// The module `signal`: a socket to the service that comes back by itself. It depends on nothing but the browser.
import type { FromClient, FromServer, Welcome } from "./messages";

export * from "./messages";

export const PROTOCOL = "hilum.v1";

/** Why the socket is closed for good. */
export type Closed = "ticket" | "forbidden" | "elsewhere" | "over" | "broken" | "left";

export interface SignalClock {
  now(): number;
  after(milliseconds: number, run: () => void): () => void;
}

/** As much of a WebSocket as is needed. */
export interface SocketLike {
  readyState: number;
  send(data: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
}

export interface SignalEvents {
  /** Greeted. `resumed`: nothing was lost; otherwise everything before is void. */
  welcome(welcome: Welcome): void;
  message(message: Exclude<FromServer, Welcome>): void;
  /** The socket is away or back; a call goes on meanwhile. */
  online(online: boolean): void;
  closed(why: Closed): void;
}

export interface SignalOptions {
  clock: SignalClock;
  events: SignalEvents;
  connect: () => SocketLike;
  /** A fresh ticket. Rejects when there is none to be had any more. */
  ticket: () => Promise<string>;
  random?: () => number;
}

const PING_EVERY = 20_000;
/** Milliseconds without a word after which the socket is held to be dead: more than a ping and its answer. */
const SILENCE = 30_000;
/** Milliseconds in which a socket that is doubted must bring something: the longest way around the world, twice. */
const PROOF = 1_000;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 8_000;
/** Messages that wait while the socket is away: an ICE restart with each of three others is far fewer. */
const MOST_WAITING = 256;

const ENDS: Record<number, Closed> = {
  4400: "broken",
  4403: "forbidden",
  4409: "elsewhere",
  4410: "over",
};

export class Signal {
  readonly #options: SignalOptions;
  #socket: SocketLike | undefined;
  #resume: string | undefined;
  #last = 0;
  #greeted = false;
  #everGreeted = false;
  #tries = 0;
  #waiting: FromClient[] = [];
  #timers = new Set<() => void>();
  #done = false;
  #online = false;
  #lastHeard = 0;
  /** How many messages have come. */
  #words = 0;
  #proving = false;
  #lastSaid = 0;

  constructor(options: SignalOptions) {
    this.#options = options;
  }

  get online(): boolean {
    return this.#online;
  }

  start(): void {
    if (!this.#socket && !this.#done) void this.#open();
  }

  /** Sends now, or as soon as the socket is back. */
  send(message: FromClient): void {
    if (this.#done) return;
    if (this.#greeted) this.#write(message);
    // What is only worth something now is not kept.
    else if (message.t !== "ping" && message.t !== "wait" && this.#waiting.length < MOST_WAITING) {
      this.#waiting.push(message);
    }
  }

  /** The device says that its network is back: no need to wait for the next try. */
  hurry(): void {
    if (this.#done || this.#socket) return;
    this.#clear();
    this.#tries = 0;
    void this.#open();
  }

  /** The call hears nothing any more, so the network may be another one: the socket answers soon, or a new one is opened. */
  prove(): void {
    const socket = this.#socket;
    if (!socket || !this.#greeted || this.#proving) return;
    this.#proving = true;
    const heard = this.#words;
    this.#write({ t: "ping" });
    this.#after(PROOF, () => {
      this.#proving = false;
      if (socket !== this.#socket || this.#words > heard) return;
      socket.close();
      this.#drop();
      this.#say(false);
      this.hurry();
    });
  }

  /** Leaves for good. */
  leave(): void {
    if (this.#done) return;
    if (this.#greeted) this.#write({ t: "bye" });
    this.#end("left");
  }

  #end(why: Closed): void {
    if (this.#done) return;
    this.#done = true;
    this.#clear();
    const socket = this.#socket;
    this.#drop();
    socket?.close(1000);
    this.#say(false);
    this.#options.events.closed(why);
  }

  #write(message: object): void {
    if (this.#socket?.readyState !== 1) return;
    this.#lastSaid = this.#options.clock.now();
    this.#socket.send(JSON.stringify(message));
  }

  async #open(): Promise<void> {
    let greeting: object;
    try {
      greeting =
        this.#resume === undefined
          ? { t: "hello", v: 1, ticket: await this.#options.ticket() }
          : { t: "resume", v: 1, resume: this.#resume, last: this.#last };
    } catch (error) {
      // The network may be away, or the visit over: only the second has an answer that says so.
      if ((error as { final?: boolean }).final) return this.#end("over");
      return this.#later();
    }
    if (this.#done || this.#socket) return;
    const socket = this.#options.connect();
    this.#socket = socket;
    this.#lastHeard = this.#options.clock.now();
    socket.onopen = () => this.#write(greeting);
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#heard(data);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
    this.#watch(socket);
  }

  #heard(data: unknown): void {
    this.#lastHeard = this.#options.clock.now();
    this.#words += 1;
    let message: FromServer & { s?: number };
    try {
      message = JSON.parse(String(data)) as FromServer & { s?: number };
    } catch {
      return;
    }
    if (message.t === "welcome") return this.#welcome(message);
    if (typeof message.s === "number") {
      // A double, from before the socket was away.
      if (message.s <= this.#last) return;
      this.#last = message.s;
    }
    if (message.t !== "pong") this.#options.events.message(message);
  }

  #welcome(welcome: Welcome): void {
    this.#resume = welcome.resume;
    if (!welcome.resumed) {
      this.#last = 0;
      // What waited was meant for people that this service does not know any more.
      if (this.#everGreeted) this.#waiting = [];
    }
    this.#greeted = this.#everGreeted = true;
    this.#tries = 0;
    this.#options.events.welcome(welcome);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#write(message);
    this.#say(true);
  }

  #closed(code: number): void {
    this.#drop();
    this.#say(false);
    const end = ENDS[code];
    if (end) return this.#end(end);
    // The old membership is gone: begin anew with a fresh ticket.
    if (code === 4401) {
      if (this.#resume === undefined && this.#tries > 3) return this.#end("ticket");
      this.#resume = undefined;
    }
    if (code === 4503) this.#tries = 0;
    this.#later();
  }

  #drop(): void {
    if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = undefined;
    this.#greeted = this.#proving = false;
    this.#clear();
  }

  #later(): void {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries);
    this.#tries += 1;
    // Half of it by chance, so that all who lost the service do not come back at once.
    const random = this.#options.random ?? Math.random;
    this.#after(wait / 2 + (wait / 2) * random(), () => void this.#open());
  }

  #watch(socket: SocketLike): void {
    this.#after(PING_EVERY / 8, () => {
      if (socket !== this.#socket) return;
      const now = this.#options.clock.now();
      if (now - this.#lastHeard >= SILENCE) {
        socket.close();
        this.#closed(1006);
        return;
      }
      // The service ends sockets that say nothing, so our own silence counts as well as its.
      const quiet = now - Math.min(this.#lastHeard, this.#lastSaid);
      if (quiet >= PING_EVERY && this.#greeted) this.#write({ t: "ping" });
      this.#watch(socket);
    });
  }

  #after(milliseconds: number, run: () => void): void {
    const cancel = this.#options.clock.after(milliseconds, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  #clear(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  #say(online: boolean): void {
    if (online === this.#online) return;
    this.#online = online;
    this.#options.events.online(online);
  }
}

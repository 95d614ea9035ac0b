// The patient's way: door, device check and waiting, call, after. One secret from the link, one for this browser.
import { signal } from "@preact/signals";
import { realClock } from "../rtc";
import { PROTOCOL, Signal } from "../signal";
import type { Closed, FromServer, Note, SocketLike, Welcome } from "../signal";
import { preferred, speak } from "../texts";
import { ApiError, api } from "./api";
import type { Look } from "./api";
import { Call } from "./call";
import { LocalMedia } from "./media";
import { NetworkCheck } from "./network";
import { WakeLock } from "./wake";

export type Phase =
  | "loading"
  | "door"
  | "waiting"
  | "call"
  | "after"
  | "used"
  | "over"
  | "unknown"
  | "elsewhere"
  | "declined"
  | "offline"
  | "danger";

const KEPT = "hilum.visit";
/** Milliseconds between two reports to the waiting list: the service takes one a second. */
const REPORT_EVERY = 1_100;

/** Milliseconds between two looks at a link that another browser has: until its appointment is over. */
const HOPE_EVERY = 4_000;

export function socketUrl(): string {
  return `${location.protocol === "http:" ? "ws" : "wss"}://${location.host}/v1/signal`;
}

export function connect(): SocketLike {
  return new WebSocket(socketUrl(), PROTOCOL) as unknown as SocketLike;
}

interface Kept {
  secret: string;
  browser: string;
}

/** What this browser keeps until the visit ends, so that a reload comes back to the same place. */
function kept(): Kept | undefined {
  try {
    return (JSON.parse(localStorage.getItem(KEPT) ?? "null") as Kept | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(what: Kept | undefined): void {
  try {
    if (what) localStorage.setItem(KEPT, JSON.stringify(what));
    else localStorage.removeItem(KEPT);
  } catch {
    // A browser that keeps nothing only costs the return after a reload.
  }
}

export class Visit {
  readonly phase = signal<Phase>("loading");
  readonly look = signal<Look | undefined>(undefined);
  readonly media = new LocalMedia();
  readonly network = new NetworkCheck();
  readonly call = signal<Call | undefined>(undefined);
  readonly online = signal(true);
  readonly note = signal<Note | undefined>(undefined);
  readonly since = signal(0);
  readonly ends = signal(0);
  readonly waitMinutes = signal(10);
  readonly role = signal("patient");
  /** The person pressed before the door opened: it lets them in by itself. */
  readonly armed = signal(false);
  readonly joining = signal(false);
  /** They left by themselves, and may come back as long as the page is open. */
  readonly left = signal(false);
  readonly wake = new WakeLock();
  #secret = "";
  #finished = false;
  #browser: string | undefined;
  #signal: Signal | undefined;
  #reporting: ReturnType<typeof setInterval> | undefined;
  #lastReport = "";
  /** Server's clock minus ours, in seconds. */
  #ahead = 0;

  async begin(): Promise<void> {
    const fresh = location.hash.slice(1);
    const old = kept();
    this.#secret = fresh || (old?.secret ?? "");
    if (old && old.secret === this.#secret) this.#browser = old.browser;
    // The secret leaves the address bar and the history as soon as it is known.
    history.replaceState(null, "", location.pathname);
    if (this.#secret === "") {
      this.phase.value = "unknown";
      return;
    }
    addEventListener("online", () => this.#signal?.hurry());
    await this.#back();
  }

  now(): number {
    return Date.now() / 1000 + this.#ahead;
  }

  /** Asks what this link is good for. Uses nothing up. */
  async peek(): Promise<void> {
    try {
      const look = await api.look(this.#secret);
      if (look.now) this.#ahead = look.now - Date.now() / 1000;
      this.look.value = look;
      if (look.clinic) await speak(preferred(look.clinic.language));
      if (look.role) this.role.value = look.role;
      this.ends.value = look.ends ?? 0;
      if (look.state === "over") this.#finish("over");
      else if (look.state === "unknown") this.#finish("unknown");
      else this.phase.value = "door";
    } catch {
      this.phase.value = "offline";
    }
  }

  /** The press. */
  async join(): Promise<void> {
    if (this.joining.value || this.#signal) return;
    if (this.look.value?.state === "early") {
      this.armed.value = true;
      return;
    }
    this.joining.value = true;
    try {
      const { ticket, browser } = await api.join(this.#secret, this.#browser);
      this.#browser = browser;
      keep({ secret: this.#secret, browser });
      this.#open(ticket);
      this.since.value = this.now();
      this.phase.value = "waiting";
      void this.media.start();
      void this.network.run();
    } catch (error) {
      this.#refused(error);
    } finally {
      this.joining.value = false;
    }
  }

  /** The clock has reached the opening. */
  async opened(): Promise<void> {
    await this.peek();
    if (this.armed.value) await this.join();
  }

  /** The press on "Try again". The link is in memory only, so a reload would lose it before the first press on Join. */
  async retry(): Promise<void> {
    if (this.phase.value === "used") return this.join();
    if (this.phase.value === "offline" && this.#signal) return location.reload();
    this.#finished = false;
    this.#signal = undefined;
    this.left.value = false;
    this.phase.value = "loading";
    return this.#back();
  }

  /** Looks, and comes in again if the press was made before. */
  async #back(): Promise<void> {
    await this.peek();
    if (this.#browser && this.phase.value === "door" && this.look.value?.state === "open") await this.join();
  }

  leave(): void {
    this.#signal?.leave();
    this.left.value = true;
    this.#finish("after");
  }

  async rate(stars: number): Promise<void> {
    if (this.#browser) await api.rate(this.#secret, this.#browser, stars).catch(() => undefined);
  }

  #refused(error: unknown): void {
    const code = error instanceof ApiError ? error.code : "";
    if (code === "in_use") {
      this.phase.value = "used";
      this.#hope();
    }
    else if (code === "over" || code === "unknown") this.#finish(code);
    else this.phase.value = "offline";
  }

  /** Asks now and then whether the clinic has released the link. The press was made: then we come in. */
  #hope(): void {
    setTimeout(async () => {
      if (this.phase.value !== "used") return;
      const look = await api.look(this.#secret).catch(() => undefined);
      if (this.phase.value !== "used") return;
      if (look?.state === "over" || look?.state === "unknown") this.#finish(look.state);
      else if (look?.claimed === false) await this.join();
      else this.#hope();
    }, HOPE_EVERY);
  }

  #open(first: string): void {
    let ticket: string | undefined = first;
    const next = async () => {
      const one = ticket ?? (await api.join(this.#secret, this.#browser)).ticket;
      ticket = undefined;
      return one;
    };
    this.#signal = new Signal({
      clock: realClock,
      connect,
      ticket: next,
      events: {
        welcome: (welcome) => this.#welcome(welcome),
        message: (message) => this.#message(message),
        online: (online) => {
          this.online.value = online;
          const call = this.call.value;
          if (call) call.serviceAway.value = !online;
        },
        closed: (why) => this.#closed(why),
      },
    });
    this.#signal.start();
    this.#reporting = setInterval(() => this.#report(), REPORT_EVERY);
  }

  /** Tells the waiting list how the devices are, when it has changed. */
  #report(): void {
    if (this.phase.value !== "waiting" || !this.online.value || !this.media.asked.value) return;
    const of = (track: unknown, trouble: unknown) => (track ? "ok" : trouble ? "failed" : "off");
    const ready = {
      camera: of(this.media.camera.value, this.media.cameraTrouble.value),
      microphone: of(this.media.microphone.value, this.media.microphoneTrouble.value),
      network: this.network.ready,
    } as const;
    const text = JSON.stringify(ready);
    if (text === this.#lastReport) return;
    this.#lastReport = text;
    this.#signal?.send({ t: "wait", ready });
  }

  #welcome(welcome: Welcome): void {
    this.role.value = welcome.role;
    if (welcome.clinic.waitMinutes) this.waitMinutes.value = welcome.clinic.waitMinutes;
    if (welcome.room) this.ends.value = welcome.room.ends;
    if (!welcome.resumed) this.#lastReport = "";
    const call = this.call.value;
    if (welcome.turn) {
      if (!call) this.#enter(welcome);
      else if (!welcome.resumed) call.people(welcome.peers);
      this.call.value?.turn(welcome.turn);
    } else {
      this.#policy = welcome.policy;
    }
    // Whoever resumes has credentials, and is sent no others.
    if (welcome.resumed) call?.again();
  }

  #policy: Welcome["policy"] = { relayOnly: true, screen: false, files: false };

  #enter({ policy, turn, peers }: Pick<Welcome, "policy" | "turn" | "peers">): void {
    const call = new Call({
      send: (message) => this.#signal?.send(message),
      doubt: () => this.#signal?.prove(),
      media: this.media,
      policy,
      turn,
      danger: () => {
        this.#signal?.leave();
        this.#finish("danger");
      },
    });
    this.call.value = call;
    call.people(peers);
    this.phase.value = "call";
    this.wake.hold();
    addEventListener("beforeunload", this.#ask);
  }

  #message(message: Exclude<FromServer, Welcome>): void {
    switch (message.t) {
      case "admitted":
        if (this.call.value) this.call.value.turn(message.turn);
        else this.#enter({ policy: this.#policy, turn: message.turn, peers: [] });
        return;
      case "noted":
        this.note.value = message.code;
        return;
      case "declined":
        return this.#finish("declined");
      case "ended":
        return this.#finish(this.call.value ? "after" : "over");
      default:
        this.call.value?.take(message);
    }
  }

  #closed(why: Closed): void {
    if (why === "over") this.#finish(this.call.value ? "after" : "over");
    else if (why === "elsewhere") this.#finish("elsewhere");
    else if (why !== "left") this.#finish("offline");
  }

  /** Lets go of everything. The secret stays in memory only, for the one question that follows. */
  #finish(phase: Phase): void {
    // What ended it first is what happened; the socket's end only follows.
    if (this.#finished) return;
    this.#finished = true;
    this.phase.value = phase;
    clearInterval(this.#reporting);
    this.call.value?.close();
    this.call.value = undefined;
    this.media.stop();
    this.wake.release();
    removeEventListener("beforeunload", this.#ask);
    if (phase !== "offline") keep(undefined);
  }

  readonly #ask = (event: BeforeUnloadEvent) => event.preventDefault();
}

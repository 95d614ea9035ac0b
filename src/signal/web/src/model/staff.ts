// The clinician's way: sign in, the waiting list of a clinic, one call at a time.
import { computed, signal } from "@preact/signals";
import { realClock } from "../rtc";
import { Signal } from "../signal";
import type { FromServer, Note, Person, Room, Welcome } from "../signal";
import { t } from "../texts";
import { ApiError, api } from "./api";
import type { StaffMember } from "./api";
import { chime, say } from "./announce";
import { Call } from "./call";
import { LocalMedia } from "./media";
import { NetworkCheck } from "./network";
import { connect } from "./visit";
import { WakeLock } from "./wake";

export type SignInFault = "wrong" | "code_needed" | "locked" | "offline";

/** What the way to the hospital's provider comes back with, when nobody is signed in by it. */
const FROM_PROVIDER = ["again", "failed", "unavailable", "unknown"] as const;
export type ProviderFault = (typeof FROM_PROVIDER)[number];

export class Staff {
  readonly member = signal<StaffMember | undefined>(undefined);
  readonly ready = signal(false);
  readonly fault = signal<SignInFault | undefined>(undefined);
  readonly lockedUntil = signal(0);
  /** There is a provider of the hospital to sign in at. */
  readonly provider = signal(false);
  readonly providerFault = signal<ProviderFault | undefined>(undefined);
  readonly clinic = signal("");
  readonly rooms = signal<Room[]>([]);
  readonly online = signal(false);
  readonly media = new LocalMedia();
  readonly network = new NetworkCheck();
  readonly call = signal<Call | undefined>(undefined);
  readonly room = signal("");
  readonly ends = signal(0);
  readonly danger = signal(false);
  /** Rooms whose arrival is new: their row glows once. */
  readonly fresh = signal<Set<string>>(new Set());
  readonly waiting = computed(() => this.rooms.value.filter((room) => waits(room)));
  readonly wake = new WakeLock();
  #signal: Signal | undefined;
  #policy: Welcome["policy"] = { relayOnly: true, screen: false, files: false };
  #seen = new Set<string>();
  #knownSeconds = new Set<string>();

  async begin(): Promise<void> {
    const word = location.hash.match(/^#openid=(\w+)$/)?.[1];
    if (word) history.replaceState(null, "", location.pathname);
    this.providerFault.value = FROM_PROVIDER.find((known) => known === word);
    const me = await api.me().catch(() => undefined);
    if (me) this.#enter(me.staff);
    else this.provider.value = (await api.openid().catch(() => undefined))?.offered ?? false;
    this.ready.value = true;
  }

  async signIn(name: string, password: string, code: string): Promise<void> {
    try {
      const { staff } = await api.signIn(name, password, code || undefined);
      this.fault.value = undefined;
      this.#enter(staff);
    } catch (error) {
      const { code: why, until } = error instanceof ApiError ? error : new ApiError(0, "offline");
      this.lockedUntil.value = until ?? 0;
      this.fault.value = why === "wrong" || why === "code_needed" || why === "locked" ? why : "offline";
    }
  }

  async signOut(): Promise<void> {
    this.hangUp();
    this.#signal?.leave();
    this.#signal = undefined;
    this.media.stop();
    await api.signOut().catch(() => undefined);
    this.member.value = undefined;
  }

  async open(clinic: string): Promise<void> {
    if (this.#signal) this.#signal.leave();
    this.clinic.value = clinic;
    this.rooms.value = [];
    this.#seen.clear();
    this.#knownSeconds.clear();
    this.#signal = new Signal({
      clock: realClock,
      connect,
      ticket: async () => (await api.ticket(clinic)).ticket,
      events: {
        welcome: (welcome) => this.#welcome(welcome),
        message: (message) => this.#message(message),
        online: (online) => {
          this.online.value = online;
          if (this.call.value) this.call.value.serviceAway.value = !online;
        },
        closed: (why) => {
          // The session has ended: nothing goes on without signing in again.
          if (why !== "left") this.member.value = undefined;
        },
      },
    });
    this.#signal.start();
    if (!this.media.asked.value) void this.media.start();
    void this.network.run();
  }

  /** One press: the patient comes in, and so do we. */
  admit(room: string): void {
    this.#signal?.send({ t: "admit", room });
    if (this.room.value !== room) this.enter(room);
  }

  enter(room: string): void {
    this.hangUp();
    this.room.value = room;
    this.#signal?.send({ t: "join", room });
  }

  decline(room: string, person: string): void {
    this.#signal?.send({ t: "decline", room, person });
  }

  /** The link is the second browser's from now on; the first one is sent away. False: it could not be done. */
  async release(room: string, person: string): Promise<boolean> {
    const done = await api.release(room, person).then(
      () => true,
      // Released all the same; only the disk has not taken it yet.
      (error: unknown) => error instanceof ApiError && error.code === "unavailable",
    );
    say(t(done ? "second_released" : "sign_in_offline"));
    return done;
  }

  note(room: string, code: Note): void {
    this.#signal?.send({ t: "note", room, code });
  }

  /** Leaves, and the others go on. */
  hangUp(): void {
    if (!this.room.value) return;
    this.#signal?.send({ t: "bye" });
    this.#over();
  }

  endForAll(): void {
    this.#signal?.send({ t: "end" });
    this.#over();
  }

  #enter(staff: StaffMember): void {
    this.member.value = staff;
    const [only, more] = staff.clinics;
    if (only && !more) void this.open(only.id);
  }

  #over(): void {
    this.call.value?.close();
    this.call.value = undefined;
    this.room.value = "";
    this.media.unshare();
    this.wake.release();
  }

  #welcome(welcome: Welcome): void {
    this.#policy = welcome.policy;
    if (welcome.resumed) this.call.value?.again();
    // The service has forgotten us: the call is joined anew.
    else if (this.room.value) this.#signal?.send({ t: "join", room: this.room.value });
  }

  #message(message: Exclude<FromServer, Welcome>): void {
    switch (message.t) {
      case "list":
        return this.#list(message.rooms);
      case "joined": {
        this.ends.value = message.room.ends;
        this.call.value?.close();
        const call = new Call({
          send: (each) => this.#signal?.send(each),
          doubt: () => this.#signal?.prove(),
          media: this.media,
          policy: this.#policy,
          turn: message.turn,
          danger: () => {
            this.danger.value = true;
            this.hangUp();
          },
        });
        this.call.value = call;
        call.people(message.peers);
        this.wake.hold();
        return;
      }
      case "ended":
        return this.#over();
      default:
        this.call.value?.take(message);
    }
  }

  #list(rooms: Room[]): void {
    this.rooms.value = rooms;
    const arrived = rooms.filter((room) => waits(room)).map(({ room }) => room);
    const fresh = arrived.filter((room) => !this.#seen.has(room));
    this.#seen = new Set(arrived);
    this.#seconds(rooms);
    if (fresh.length === 0) return;
    this.fresh.value = new Set(fresh);
    chime();
    const labels = rooms.filter(({ room }) => fresh.includes(room)).map(({ label }) => label || t("no_label"));
    say(t("arrived", { label: labels.join(", ") }));
  }

  /** A second browser is told of once, aloud. */
  #seconds(rooms: Room[]): void {
    const all = rooms.flatMap((room) => seconds(room).map(({ id }) => ({ key: `${room.room} ${id}`, room })));
    const fresh = all.filter(({ key }) => !this.#knownSeconds.has(key));
    this.#knownSeconds = new Set(all.map(({ key }) => key));
    if (fresh.length === 0) return;
    chime();
    say(t("second_asks_in", { label: fresh.map(({ room }) => room.label || t("no_label")).join(", ") }));
  }
}

/** Those whose link a second browser has shown. */
export function seconds({ people }: Room): Person[] {
  return people.filter(({ second }) => second);
}

/** Whether somebody sits in front of this room's door. */
export function waits({ people }: Room): boolean {
  return people.some(({ here, inside }) => here && !inside);
}

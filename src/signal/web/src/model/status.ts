// The state of the relay, looked at again and again: one look at a time, none while nobody can see the page, and none
// after an hour without a touch, so that a forgotten page does not keep its session.
import { signal } from "@preact/signals";
import { realClock } from "../rtc/clock";
import type { Clock } from "../rtc/clock";
import { ApiError, api } from "./api";
import type { Status } from "./api";

/** Milliseconds between the end of one look and the next. */
const EVERY = 5_000;
/** The same while there is no answer, doubled each time. */
const LONGEST = 60_000;
/** Milliseconds without a key or a pointer after which it stops by itself. */
const UNTOUCHED = 3_600_000;

export class Watch {
  readonly status = signal<Status | undefined>(undefined);
  readonly fault = signal<"offline" | "forbidden" | "signed_out" | undefined>(undefined);
  /** Stopped, by hand or because nobody was here. */
  readonly paused = signal(false);
  readonly #clock: Clock;
  readonly #ask: () => Promise<Status>;
  #next: (() => void) | undefined;
  #looking = false;
  #failures = 0;
  #touched: number;

  constructor(clock: Clock = realClock, ask: () => Promise<Status> = api.status) {
    this.#clock = clock;
    this.#ask = ask;
    this.#touched = clock.now();
  }

  /** Somebody is here. */
  touch(): void {
    this.#touched = this.#clock.now();
  }

  begin(): () => void {
    const touched = () => this.touch();
    const seen = () => {
      if (!document.hidden) void this.look();
    };
    addEventListener("keydown", touched);
    addEventListener("pointerdown", touched);
    document.addEventListener("visibilitychange", seen);
    void this.look();
    return () => {
      this.#next?.();
      this.paused.value = true;
      removeEventListener("keydown", touched);
      removeEventListener("pointerdown", touched);
      document.removeEventListener("visibilitychange", seen);
    };
  }

  pause(paused: boolean): void {
    this.paused.value = paused;
    this.#next?.();
    if (!paused) void this.look();
  }

  async look(): Promise<void> {
    if (this.#looking || this.paused.value) return;
    this.#looking = true;
    this.#next?.();
    try {
      this.status.value = await this.#ask();
      this.fault.value = undefined;
      this.#failures = 0;
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      this.fault.value = status === 401 ? "signed_out" : status === 403 ? "forbidden" : "offline";
      this.#failures += 1;
    } finally {
      this.#looking = false;
    }
    if (this.fault.value === "signed_out" || this.fault.value === "forbidden" || document.hidden) return;
    if (this.#clock.now() - this.#touched > UNTOUCHED) this.paused.value = true;
    if (this.paused.value) return;
    const wait = Math.min(LONGEST, EVERY * 2 ** Math.min(this.#failures, 6));
    this.#next = this.#clock.after(wait, () => void this.look());
  }
}

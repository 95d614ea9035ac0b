// The state of the relay, looked at again and again: one look at a time, none while nobody can see the page, and none
// after an hour without a touch, so that a forgotten page does not keep its session.
import { signal } from "@preact/signals";
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
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking = false;
  #failures = 0;
  #touched = Date.now();

  begin(): () => void {
    const touched = () => (this.#touched = Date.now());
    const seen = () => {
      if (!document.hidden) void this.look();
    };
    addEventListener("keydown", touched);
    addEventListener("pointerdown", touched);
    document.addEventListener("visibilitychange", seen);
    void this.look();
    return () => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      removeEventListener("keydown", touched);
      removeEventListener("pointerdown", touched);
      document.removeEventListener("visibilitychange", seen);
    };
  }

  pause(paused: boolean): void {
    this.paused.value = paused;
    clearTimeout(this.#timer);
    if (!paused) void this.look();
  }

  async look(): Promise<void> {
    if (this.#looking || this.paused.value) return;
    this.#looking = true;
    clearTimeout(this.#timer);
    try {
      this.status.value = await api.status();
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
    if (Date.now() - this.#touched > UNTOUCHED) this.paused.value = true;
    else this.#timer = setTimeout(() => void this.look(), Math.min(LONGEST, EVERY * 2 ** Math.min(this.#failures, 6)));
  }
}

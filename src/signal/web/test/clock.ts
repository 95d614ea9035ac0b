// A clock that tests turn by hand.
import type { Clock } from "../src/rtc/clock";

export class FakeClock implements Clock {
  #now = 0;
  #calls: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const call = { at: this.#now + milliseconds, run };
    this.#calls.push(call);
    return () => {
      this.#calls = this.#calls.filter((each) => each !== call);
    };
  }

  /** Goes on by so many milliseconds; what is due happens in order, and what it promises is kept. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (;;) {
      const next = this.#calls.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.#calls = this.#calls.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle();
    }
    this.#now = end;
  }
}

/** Lets all promises that can be kept be kept. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((go) => setImmediate(go));
}

/** Waits for what takes real time, such as a sum over a megabyte; gives up after as many turns as that can never take. */
export async function until(claim: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !claim(); turn++) await new Promise((go) => setImmediate(go));
}

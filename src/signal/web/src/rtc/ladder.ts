// How large a picture is sent: by the number of people, and by what the connection carries. Audio comes first: the
// picture shrinks, then stops, and the voice goes on.

/** Height in lines and bits per second that each step of the ladder may take. The last one sends no picture. */
export const STEPS = [
  { height: 720, bits: 1_500_000, frames: 30 },
  { height: 360, bits: 600_000, frames: 24 },
  { height: 270, bits: 350_000, frames: 20 },
  { height: 180, bits: 150_000, frames: 15 },
  { height: 0, bits: 0, frames: 0 },
] as const;

const OFF = STEPS.length - 1;
/** Milliseconds of trouble before a step down. */
const DOWN_AFTER = 6_000;
/** Milliseconds of quiet before a step up. Slower than down, so that it does not swing. */
const UP_AFTER = 20_000;
/** A picture that stops again within these milliseconds was tried in vain; the next try waits twice as long, up to the other. */
const IN_VAIN = 60_000;
const LONGEST_WAIT = 160_000;
/** What audio needs for itself, with its wrapping, before a picture gets anything. */
const AUDIO_BITS = 60_000;

/** The best step for so many people in the call, oneself included: a mesh of four has twelve decoders. */
export function best(people: number): number {
  if (people <= 2) return 0;
  return people === 3 ? 1 : 2;
}

export interface Load {
  /** Part of our packets that are lost, 0 to 1. */
  loss: number;
  /** Bits per second that can be sent, if known. */
  available: number | undefined;
}

export class Ladder {
  #step: number;
  #people = 2;
  #troubleSince: number | undefined;
  #quietSince: number | undefined;
  /** When a stopped picture was tried again, and how long the next try waits. */
  #triedAt: number | undefined;
  #wait = UP_AFTER;

  constructor(people: number) {
    this.#people = people;
    this.#step = best(people);
  }

  get step(): number {
    return this.#step;
  }

  get off(): boolean {
    return this.#step === OFF;
  }

  /** People came or left. Fewer people do not raise the picture at once: the connection has to show that it can. */
  people(count: number): number {
    this.#people = count;
    this.#step = Math.max(this.#step, best(count));
    return this.#step;
  }

  /** One look at the connection; returns the step to use from now on. */
  take(load: Load, now: number): number {
    const bits = STEPS[this.#step]?.bits ?? 0;
    const next = STEPS[this.#step - 1]?.bits ?? 0;
    const room = load.available ?? Infinity;
    const trouble = load.loss > 0.08 || (bits > 0 && room < bits / 2 + AUDIO_BITS);
    // Without a picture nothing probes for more bandwidth, so only the voice's own loss can say that it is better.
    const quiet = load.loss < 0.02 && (this.off || room > next * 0.6 + AUDIO_BITS);
    this.#troubleSince = trouble ? (this.#troubleSince ?? now) : undefined;
    this.#quietSince = quiet && !trouble ? (this.#quietSince ?? now) : undefined;
    if (this.#troubleSince !== undefined && now - this.#troubleSince >= DOWN_AFTER && this.#step < OFF) {
      this.#move(this.#step + 1);
      if (this.off) this.#stopped(now);
    } else if (
      this.#quietSince !== undefined &&
      now - this.#quietSince >= (this.off ? this.#wait : UP_AFTER) &&
      this.#step > best(this.#people)
    ) {
      if (this.off) this.#triedAt = now;
      this.#move(this.#step - 1);
    }
    return this.#step;
  }

  /** Each try costs the voice something where there is no room. */
  #stopped(now: number): void {
    const inVain = this.#triedAt !== undefined && now - this.#triedAt < IN_VAIN;
    this.#wait = inVain ? Math.min(2 * this.#wait, LONGEST_WAIT) : UP_AFTER;
  }

  #move(step: number): void {
    this.#step = step;
    this.#troubleSince = undefined;
    this.#quietSince = undefined;
  }
}

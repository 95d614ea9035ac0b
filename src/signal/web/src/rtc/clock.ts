// Time as the modules see it, so that tests can turn it by hand.

/** Milliseconds that only go forward, and calls later. */
export interface Clock {
  now(): number;
  /** Calls `run` after so many milliseconds; the result cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}

/** The browser's own. */
export const realClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

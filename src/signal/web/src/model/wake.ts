// Keeps the screen awake during a call, where the browser can.

export class WakeLock {
  #wanted = false;
  #lock: WakeLockSentinel | undefined;

  hold(): void {
    this.#wanted = true;
    document.addEventListener("visibilitychange", this.#take);
    void this.#take();
  }

  release(): void {
    this.#wanted = false;
    document.removeEventListener("visibilitychange", this.#take);
    void this.#lock?.release();
    this.#lock = undefined;
  }

  /** The browser lets go whenever the page is hidden. */
  readonly #take = async () => {
    if (!this.#wanted || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    this.#lock = await navigator.wakeLock.request("screen").catch(() => undefined);
  };
}

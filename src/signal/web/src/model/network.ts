// Whether this network lets a call through: each way to the relay is tried by itself, all at once, and timed here,
// because a browser says nothing for many seconds when a firewall is silent.
import { signal } from "@preact/signals";
import { configuration } from "../rtc";
import type { Turn } from "../rtc";
import { api } from "./api";

export type Way = "udp" | "tcp" | "tls";
export type Result = "running" | "ok" | "blocked" | "refused" | "untrusted";

export interface Path {
  way: Way;
  url: string;
  result: Result;
  /** Milliseconds to the relay's answer. */
  took?: number;
  /** Bytes that came back through the relay, of 64 kB, and the milliseconds they took. */
  echoed?: number;
  echoTook?: number;
}

export type Verdict = "running" | "good" | "slow" | "none" | "unknown";

const LIMIT = 3_000;
const ECHO_LIMIT = 6_000;
const ECHO_BYTES = 64 * 1024;
const PIECE = 16 * 1024;

export function wayOf(url: string): Way {
  if (url.startsWith("turns:")) return "tls";
  return /transport=tcp/.test(url) ? "tcp" : "udp";
}

/** What the browser says of a way that does not work. */
function why(code: number): Result {
  if (code === 401 || code === 403 || code === 486 || code === 508) return "refused";
  return "blocked";
}

/** Asks for a relayed candidate over one way. */
function reach(turn: Turn, url: string): Promise<{ result: Result; took: number }> {
  return new Promise((resolve) => {
    const begun = performance.now();
    const pc = new RTCPeerConnection(configuration({ ...turn, urls: [url] }, true));
    const done = (result: Result) => {
      clearTimeout(timer);
      pc.onicecandidate = pc.onicecandidateerror = null;
      pc.close();
      resolve({ result, took: Math.round(performance.now() - begun) });
    };
    const timer = setTimeout(() => done("blocked"), LIMIT);
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate.includes(" typ relay")) done("ok");
    };
    pc.onicecandidateerror = (event) => {
      const { errorCode } = event as RTCPeerConnectionIceErrorEvent;
      // 701 over TLS comes at once when the certificate is not trusted, and also when the port is closed.
      done(errorCode === 701 && url.startsWith("turns:") ? "untrusted" : why(errorCode));
    };
    pc.createDataChannel("check");
    void pc.setLocalDescription();
  });
}

/** Sends 64 kB from this browser through the relay to itself. */
async function echo(turn: Turn, url: string): Promise<{ bytes: number; took: number }> {
  const make = () => new RTCPeerConnection(configuration({ ...turn, urls: [url] }, true));
  const [near, far] = [make(), make()];
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ bytes: got, took: ECHO_LIMIT }), ECHO_LIMIT);
      let [got, begun] = [0, 0];
      near.onicecandidate = ({ candidate }) =>
        void (candidate && far.addIceCandidate(candidate).catch(() => undefined));
      far.onicecandidate = ({ candidate }) =>
        void (candidate && near.addIceCandidate(candidate).catch(() => undefined));
      const from = near.createDataChannel("check", { negotiated: true, id: 0 });
      const to = far.createDataChannel("check", { negotiated: true, id: 0 });
      to.binaryType = "arraybuffer";
      to.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        got += data.byteLength;
        if (got < ECHO_BYTES) return;
        clearTimeout(timer);
        resolve({ bytes: got, took: Math.round(performance.now() - begun) });
      };
      from.onopen = () => {
        begun = performance.now();
        for (let sent = 0; sent < ECHO_BYTES; sent += PIECE) from.send(new ArrayBuffer(PIECE));
      };
      void (async () => {
        await near.setLocalDescription();
        if (near.localDescription) await far.setRemoteDescription(near.localDescription);
        await far.setLocalDescription();
        if (far.localDescription) await near.setRemoteDescription(far.localDescription);
      })();
    });
  } finally {
    near.close();
    far.close();
  }
}

export class NetworkCheck {
  readonly paths = signal<Path[]>([]);
  readonly verdict = signal<Verdict>("running");
  readonly host = signal("");
  #round = 0;

  /** Tries every way. `deep` also sends something through each: the page for the technicians does. */
  async run(deep = false): Promise<void> {
    this.#round += 1;
    const round = this.#round;
    this.verdict.value = "running";
    this.paths.value = [];
    let turn: Turn;
    try {
      const answer = await api.check();
      turn = answer.turn;
      this.host.value = answer.host ?? location.hostname;
    } catch {
      this.verdict.value = "unknown";
      return;
    }
    this.paths.value = turn.urls.map((url) => ({ way: wayOf(url), url, result: "running" }));
    const set = (index: number, change: Partial<Path>) => {
      if (round !== this.#round) return;
      this.paths.value = this.paths.value.map((path, at) => (at === index ? { ...path, ...change } : path));
    };
    await Promise.all(turn.urls.map(async (url, index) => set(index, await reach(turn, url))));
    if (round !== this.#round) return;
    const works = this.paths.value.filter(({ result }) => result === "ok");
    const udp = works.some(({ way }) => way === "udp");
    this.verdict.value = udp ? "good" : works.length ? "slow" : "none";
    if (!deep) return;
    // One after the other, so that they do not slow each other down.
    for (const [index, { url, result }] of this.paths.value.entries()) {
      if (result !== "ok" || round !== this.#round) continue;
      const { bytes, took } = await echo(turn, url);
      set(index, { echoed: bytes, echoTook: took });
    }
  }

  /** For the waiting list: three words are enough. */
  get ready(): "ok" | "failed" | "off" {
    const verdict = this.verdict.value;
    if (verdict === "none") return "failed";
    return verdict === "good" || verdict === "slow" ? "ok" : "off";
  }
}

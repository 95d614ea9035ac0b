// How good the connection is, for each of the two sides, from what the browser measures. A word changes only after
// three equal samples, so that it does not flicker.

export type Grade = "good" | "fair" | "poor";

/** One side in one interval. */
export interface Sample {
  /** Part of the packets that were lost, 0 to 1. */
  loss: number;
  /** Round trip in seconds. */
  rtt: number;
}

/** Milliseconds between two samples. */
export const SAMPLE_EVERY = 2000;
const EQUAL_SAMPLES = 3;

export function grade({ loss, rtt }: Sample): Grade {
  if (loss < 0.02 && rtt < 0.25) return "good";
  return loss < 0.06 && rtt < 0.5 ? "fair" : "poor";
}

/** Keeps a word until three samples in a row say another. */
export class Steady {
  #word: Grade | undefined;
  #next: Grade | undefined;
  #times = 0;

  get word(): Grade | undefined {
    return this.#word;
  }

  take(sample: Sample): Grade | undefined {
    const seen = grade(sample);
    this.#times = seen === this.#next ? this.#times + 1 : 1;
    this.#next = seen;
    // The first word comes at once: none is worse than an early one.
    if (this.#times >= EQUAL_SAMPLES || this.#word === undefined) this.#word = seen;
    return this.#word;
  }
}

/** Sums of what was counted since the connection began. */
export interface Totals {
  /** What the other side says it got of ours. */
  own: { sent: number; lost: number; rtt: number };
  /** What we got of theirs. */
  theirs: { received: number; lost: number };
  /** Bits per second that the browser believes can be sent, if it says so. */
  available: number | undefined;
  /** Bytes and checks received over the pair in use: judges a restart by traffic, also where nobody has a microphone. */
  bytes: number;
  /** Pictures that were decoded. */
  frames: number;
  /** Which way goes to the relay, if the pair in use is relayed. */
  through: string | undefined;
}

type Report = Record<string, unknown> & { id: string; type: string };

const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);

/** Reads a statistics report. Both browsers' words are understood. */
export function totals(reports: Iterable<Report>): Totals {
  const all = [...reports];
  const by = new Map(all.map((report) => [report.id, report]));
  const sum: Totals = {
    own: { sent: 0, lost: 0, rtt: 0 },
    theirs: { received: 0, lost: 0 },
    available: undefined,
    bytes: 0,
    frames: 0,
    through: undefined,
  };
  for (const report of all) {
    if (report.type === "remote-inbound-rtp") {
      sum.own.lost += Math.max(0, number(report.packetsLost));
      sum.own.rtt = Math.max(sum.own.rtt, number(report.roundTripTime));
      sum.own.sent += number(by.get(String(report.localId))?.packetsSent);
    } else if (report.type === "inbound-rtp") {
      sum.theirs.received += number(report.packetsReceived);
      sum.theirs.lost += Math.max(0, number(report.packetsLost));
      sum.frames += number(report.framesDecoded);
    }
  }
  const transport = all.find(({ type }) => type === "transport");
  const chosen = by.get(String(transport?.selectedCandidatePairId));
  const pair =
    chosen ?? all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  if (pair) {
    sum.bytes = number(pair.bytesReceived) + number(pair.requestsReceived) + number(pair.responsesReceived);
    const rtt = number(pair.currentRoundTripTime);
    if (!sum.own.rtt) sum.own.rtt = rtt;
    if (number(pair.availableOutgoingBitrate)) sum.available = number(pair.availableOutgoingBitrate);
    const local = by.get(String(pair.localCandidateId));
    if (local?.candidateType === "relay") sum.through = String(local.relayProtocol ?? "");
  }
  return sum;
}

/** What happened between two readings, for our side and theirs. */
export function between(before: Totals, after: Totals): { own: Sample; theirs: Sample } {
  const part = (lost: number, whole: number) => (whole > 0 && lost > 0 ? Math.min(1, lost / whole) : 0);
  const lostTheirs = after.theirs.lost - before.theirs.lost;
  const received = after.theirs.received - before.theirs.received;
  return {
    own: { loss: part(after.own.lost - before.own.lost, after.own.sent - before.own.sent), rtt: after.own.rtt },
    theirs: { loss: part(lostTheirs, received + lostTheirs), rtt: after.own.rtt },
  };
}

// The module `rtc`: everything about the connection to one other person. It depends on nothing but the browser.
export { realClock } from "./clock";
export type { Clock } from "./clock";
export { Files, MOST_BYTES as MOST_FILE_BYTES, plainName } from "./files";
export type { Channel, FileEvents, Offered } from "./files";
export { Ladder, STEPS, best } from "./ladder";
export { capture, constraints, single, trouble } from "./media";
export type { Captured, Choice, Devices, Trouble } from "./media";
export { Peer, configuration } from "./peer";
export type { Candidate, Description, PeerEvents, PeerOptions, Turn } from "./peer";
export { SAMPLE_EVERY, Steady, between, grade, totals } from "./quality";
export type { Grade, Sample, Totals } from "./quality";
export { Restarts } from "./restart";
export type { Outlook, RestartHooks } from "./restart";
export { isRelayed, judgeCandidate } from "./candidate";
export { MOST_CANDIDATES, Session, fingerprint, fragments, read } from "./sdp";
export type { Read, Refusal, Section } from "./sdp";

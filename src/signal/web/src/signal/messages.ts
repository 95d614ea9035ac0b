// The messages of protocol `hilum.v1`, as docs/signaling-protocol.md describes them.

export interface Description {
  type: "offer" | "answer";
  sdp: string;
}

export interface Candidate {
  candidate: string;
  sdpMid: string | null;
  usernameFragment: string | null;
}

export interface Turn {
  urls: string[];
  username: string;
  credential: string;
  expires: number;
  region: string;
}

export type Role = "operator" | "admin" | "clinician" | "patient" | "guest" | "captioner";
export type Check = "ok" | "off" | "failed";

export interface Ready {
  camera: Check;
  microphone: Check;
  network: Check;
}

export const NOTES = ["running_late", "ten_minutes", "twenty_minutes", "call_us", "soon"] as const;
export type Note = (typeof NOTES)[number];

export interface Clinic {
  name: string;
  phone: string;
  help: string;
  language: string;
  waitMinutes?: number;
}

export interface RoomState {
  id: string;
  state: "waiting" | "call";
  ends: number;
  most: number;
}

export interface PeerInfo {
  id: string;
  role: Role;
  polite: boolean;
}

export interface Person {
  id: string;
  role: Role;
  since: number;
  ready: Ready | null;
  here: boolean;
  /** Whether this person is in the call, and not in the waiting area. */
  inside: boolean;
  /** Whether a second browser has shown this person's link and was refused. */
  second: boolean;
}

export interface Room {
  room: string;
  label: string;
  people: Person[];
  state: "waiting" | "call";
  ends: number;
}

export interface Welcome {
  t: "welcome";
  v: number;
  self: string;
  role: Role;
  resume: string;
  resumed: boolean;
  room?: RoomState;
  clinic: Clinic;
  policy: { relayOnly: boolean; screen: boolean; files: boolean };
  turn?: Turn;
  peers: PeerInfo[];
}

/** What the service says. Everything but `welcome` and `pong` also has a sequence number `s`. */
export type FromServer =
  | Welcome
  | { t: "list"; rooms: Room[] }
  | { t: "joined"; self: string; room: RoomState; turn: Turn; peers: PeerInfo[] }
  | { t: "admitted"; turn: Turn; room: RoomState }
  | ({ t: "peer" } & PeerInfo)
  | { t: "gone"; id: string; why: "left" | "lost" | "ended" }
  | { t: "sdp"; from: string; desc: Description }
  | { t: "ice"; from: string; candidate: Candidate }
  | { t: "commit"; from: string; h: string }
  | { t: "reveal"; from: string; n: string }
  | { t: "refused"; code: string; of: string; to?: string }
  | { t: "turn"; turn: Turn }
  | { t: "noted"; code: Note }
  | { t: "declined" }
  | { t: "ended"; why: "clinician" | "over" | "operator" }
  | { t: "pong" };

export type SecurityFact = "fingerprint_changed" | "words_differ" | "ghost";

/** What a client says after its greeting. */
export type FromClient =
  | { t: "wait"; ready: Ready }
  | { t: "admit"; room: string }
  | { t: "decline"; room: string; person: string }
  | { t: "note"; room: string; code: Note }
  | { t: "join"; room: string }
  | { t: "sdp"; to: string; desc: Description }
  | { t: "ice"; to: string; candidate: Candidate }
  | { t: "commit"; to: string; h: string }
  | { t: "reveal"; to: string; n: string }
  | { t: "security"; to: string; what: SecurityFact }
  | { t: "renew" }
  | { t: "end" }
  | { t: "bye" }
  | { t: "ping" };

// The HTTP calls, as docs/signaling-protocol.md lists them. Every answer is JSON; an error has a code.
import type { Clinic, Role, Turn } from "../signal";

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** The visit is over or another browser has it: trying again is no use. */
  readonly final: boolean;
  readonly until: number | undefined;

  constructor(status: number, code: string, until?: number) {
    super(code);
    this.status = status;
    this.code = code;
    this.until = until;
    this.final = [403, 404, 409, 410].includes(status);
  }
}

/** Milliseconds for an answer: a phone on a poor network takes some. */
const PATIENCE = 15_000;

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      cache: "no-store",
      credentials: "same-origin",
      signal: AbortSignal.timeout(PATIENCE),
      ...(body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {}),
    });
  } catch {
    throw new ApiError(0, "offline");
  }
  if (answer.status === 204) return undefined as T;
  const json = (await answer.json().catch(() => ({}))) as { error?: string; until?: number };
  // No word of the service: whoever stands in front of it has answered.
  if (!answer.ok) throw new ApiError(answer.status, json.error ?? "offline", json.until);
  return json as T;
}

export interface Look {
  state: "early" | "open" | "over" | "unknown";
  opens?: number;
  ends?: number;
  now?: number;
  clinic?: Clinic;
  role?: Role;
  claimed?: boolean;
}

export interface StaffMember {
  name: string;
  role: Role;
  clinics: { id: string; name: string }[];
  /** There is one that can be changed here. */
  password?: boolean;
}

export interface Appointment {
  id: string;
  label: string;
  clinic: string;
  opens: number;
  ends: number;
  state: string;
  people: { id: string; role: Role; claimed: boolean }[];
}

export interface Link {
  id: string;
  role: Role;
  url: string;
  text: string;
}

export interface Made {
  id: string;
  opens: number;
  ends: number;
  links: Link[];
}

export interface Level {
  now: number;
  peak: number;
}

/** `GET /v1/staff/status`. What is counted is counted since the start. */
export interface Status {
  now: number;
  version: string;
  started: number;
  draining: boolean;
  shards: number;
  hanging: number;
  listeners: Record<string, number>;
  allocations: Level;
  bits: Level;
  paths: Record<string, number>;
  refused: Record<string, number>;
  certificates: { ends: number; alarm: boolean }[];
  keys?: { accepted: number; oldest?: number };
  audit?: { records: number; lost: number; writing: boolean; syslog?: boolean };
  alarms: string[];
  visits: { appointments: number; rooms: number; calls: number; waiting: number; sockets: number };
}

const id = encodeURIComponent;

export const api = {
  look: (secret: string) => call<Look>("POST", "/v1/visit/look", { secret }),
  join: (secret: string, browser?: string) =>
    call<{ ticket: string; browser: string }>("POST", "/v1/visit/join", { secret, ...(browser ? { browser } : {}) }),
  rate: (secret: string, browser: string, stars: number) =>
    call<void>("POST", "/v1/visit/rating", { secret, browser, stars }),
  check: () => call<{ turn: Turn; host?: string }>("POST", "/v1/check", {}),
  signIn: (name: string, password: string, code?: string) =>
    call<{ staff: StaffMember }>("POST", "/v1/staff/signin", { name, password, ...(code ? { code } : {}) }),
  changePassword: (password: string, code: string, fresh: string) =>
    call<void>("POST", "/v1/staff/password", { password, code, new: fresh }),
  openid: () => call<{ offered: boolean }>("GET", "/v1/staff/openid"),
  signOut: () => call<void>("POST", "/v1/staff/signout", {}),
  me: () => call<{ staff: StaffMember }>("GET", "/v1/staff/me"),
  ticket: (clinic: string) => call<{ ticket: string }>("POST", "/v1/staff/ticket", { clinic }),
  status: () => call<Status>("GET", "/v1/staff/status"),
  appointments: (clinic: string) =>
    call<{ appointments: Appointment[] }>("GET", `/v1/appointments?clinic=${id(clinic)}`),
  make: (wanted: { clinic: string; label?: string; starts: number; minutes: number; people: { role: Role }[] }) =>
    call<Made>("POST", "/v1/appointments", wanted),
  invite: (room: string, role: Role) => call<Link>("POST", `/v1/appointments/${id(room)}/people`, { role }),
  release: (room: string, person: string) =>
    call<void>("POST", `/v1/appointments/${id(room)}/people/${id(person)}/release`, {}),
  cancel: (room: string) => call<void>("DELETE", `/v1/appointments/${id(room)}`),
};

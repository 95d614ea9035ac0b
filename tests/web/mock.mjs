// The signaling protocol in memory, as small as it can be: the pages are developed and tried against it. It is a
// double for tests only; the service proper is in Rust.
import { randomBytes } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const DIST = path.resolve(fileURLToPath(import.meta.url), "../../../src/signal/web/dist");
const KINDS = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
};
const PAGES = new Set(["/", "/j", "/staff", "/test", "/it", "/status"]);
const now = () => Math.floor(Date.now() / 1000);
const secret = () => randomBytes(16).toString("base64url");

/** The headers of every page, as the service sends them. */
function headers(host) {
  const csp = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "media-src 'self' blob:",
    `connect-src 'self' ws://${host}`,
    "font-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    "content-security-policy": csp.join("; "),
    "permissions-policy":
      "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
  };
}

export class Mock {
  clinic = {
    name: "Riverside Clinic",
    phone: "+44 20 7946 0123",
    help: "We are a little behind today.",
    language: "en",
    waitMinutes: 10,
  };
  policy = { relayOnly: true, screen: true, files: true };
  rooms = new Map();
  tickets = new Map();
  resumes = new Map();
  staff = new Set();
  /** Every frame that went to a socket, as [who, text]. */
  frames = [];
  requests = [];
  /** May change what is passed between two people: (message, from, to) → message or nothing. */
  meddle = (message) => message;
  signedIn = new Set();
  /** What an operator is shown; nothing: whoever asks is none. */
  status = undefined;

  constructor(relay) {
    this.relay = relay;
    this.server = http.createServer((question, answer) => void this.#http(question, answer));
    this.sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "hilum.v1" });
    this.server.on("upgrade", (question, socket, head) => {
      if (this.closed) return socket.destroy();
      this.sockets.handleUpgrade(question, socket, head, (ws) => this.#socket(ws));
    });
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.host = `localhost:${this.server.address().port}`;
    this.origin = `http://${this.host}`;
    return this;
  }

  async stop() {
    for (const ws of this.sockets.clients) ws.terminate();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The signaling service goes away for everybody, and comes back when `closed` is false again. */
  cut() {
    this.closed = true;
    for (const ws of this.sockets.clients) ws.terminate();
  }

  appointment({ label = "A-17", opens = now() - 60, ends = now() + 3600, people = ["patient"] } = {}) {
    const room = {
      id: `r${this.rooms.size + 1}`,
      label,
      opens,
      ends,
      state: "waiting",
      people: [],
      members: [],
      seconds: new Set(),
      next: 1,
    };
    this.rooms.set(room.id, room);
    const links = people.map((role) => this.#person(room, role));
    return { id: room.id, opens, ends, links };
  }

  #person(room, role) {
    const person = { id: `${room.id}-${room.people.length + 1}`, role, secret: secret(), browser: undefined };
    room.people.push(person);
    const url = `${this.origin}/j#${person.secret}`;
    return { id: person.id, role, url, text: `Your video appointment: ${url}` };
  }

  #find(key) {
    for (const room of this.rooms.values()) {
      const person = room.people.find(({ secret: each }) => each === key);
      if (person) return { room, person };
    }
    return {};
  }

  async #http(question, answer) {
    const url = new URL(question.url, this.origin);
    this.requests.push(`${question.method} ${question.url}`);
    for (const [name, value] of Object.entries(headers(this.host))) answer.setHeader(name, value);
    if (PAGES.has(url.pathname)) return this.#file(answer, "index.html");
    if (url.pathname.startsWith("/assets/")) return this.#file(answer, url.pathname.slice(1));
    let text = "";
    for await (const chunk of question) text += chunk;
    answer.setHeader("cache-control", "no-store");
    const [status, body] = this.#api(question.method, url, text ? JSON.parse(text) : {}, question.headers, answer);
    answer.writeHead(status, { "content-type": "application/json" });
    answer.end(body === undefined ? "" : JSON.stringify(body));
  }

  #file(answer, name) {
    const file = path.join(DIST, path.normalize(name));
    if (!file.startsWith(DIST) || !existsSync(file) || !statSync(file).isFile()) return answer.writeHead(404).end();
    answer.writeHead(200, { "content-type": KINDS[path.extname(file)] ?? "text/plain", "cache-control": "no-store" });
    createReadStream(file).pipe(answer);
  }

  #api(method, url, body, head, answer) {
    const session = /__Host-hilum=([\w-]+)/.exec(head.cookie ?? "")?.[1];
    const known = this.signedIn.has(session);
    const me = {
      staff: { name: "dr.rivers", role: "clinician", clinics: [{ id: "c1", name: this.clinic.name }], password: true },
    };
    const parts = url.pathname.split("/").slice(2);
    switch (`${method} /${parts[0] === "appointments" ? "appointments" : parts.join("/")}`) {
      case "POST /visit/look":
        return this.#look(body);
      case "POST /visit/join":
        return this.#join(body);
      case "POST /visit/rating":
        this.rating = body.stars;
        return [204];
      case "POST /check":
        return this.noCheck
          ? [429, { error: "busy" }]
          : [200, { turn: this.relay.turn("check", 60), host: "localhost" }];
      case "POST /staff/signin": {
        if (this.locked) return [429, { error: "locked", until: this.locked }];
        if (body.password !== "correct") return [401, { error: "wrong" }];
        if (!body.code) return [401, { error: "code_needed" }];
        const cookie = secret();
        this.signedIn.add(cookie);
        answer.setHeader("set-cookie", `__Host-hilum=${cookie}; Path=/; HttpOnly; Secure; SameSite=Strict`);
        return [200, me];
      }
      case "GET /staff/openid":
        return [200, { offered: Boolean(this.provider) }];
      case "GET /staff/me":
        return known ? [200, me] : [401, { error: "unknown" }];
      case "POST /staff/signout":
        this.signedIn.delete(session);
        return [204];
      case "POST /staff/ticket":
        return known ? [200, { ticket: this.#ticket({ staff: true }) }] : [401, { error: "unknown" }];
      case "GET /staff/status":
        this.looks = (this.looks ?? 0) + 1;
        if (this.away) return [503, { error: "unavailable" }];
        return this.status ? [200, { ...this.status, now: now() }] : [403, { error: "role" }];
      case "POST /appointments": {
        if (!known) return [401, { error: "unknown" }];
        if (parts[4] === "release") return this.#release(parts[1], parts[3]);
        if (parts.length === 3) return [201, this.#person(this.rooms.get(parts[1]), body.role)];
        const people = body.people.map(({ role }) => role);
        const made = this.appointment({
          label: body.label ?? "",
          people,
          opens: now() - 1,
          ends: now() + body.minutes * 60,
        });
        this.#list();
        return [201, made];
      }
      default:
        return [404, { error: "unknown" }];
    }
  }

  #look({ secret: key }) {
    const { room, person } = this.#find(key);
    if (!room) return [200, { state: "unknown" }];
    const state = now() < room.opens ? "early" : now() > room.ends || room.over ? "over" : "open";
    const { opens, ends } = room;
    return [
      200,
      { state, opens, ends, now: now(), clinic: this.clinic, role: person.role, claimed: Boolean(person.browser) },
    ];
  }

  #join({ secret: key, browser }) {
    const { room, person } = this.#find(key);
    if (!room) return [403, { error: "unknown" }];
    if (now() < room.opens) return [403, { error: "early" }];
    if (now() > room.ends || room.over) return [403, { error: "over" }];
    if (person.browser && person.browser !== browser) {
      room.seconds.add(person);
      this.#list();
      return [409, { error: "in_use" }];
    }
    person.browser ??= secret();
    return [200, { ticket: this.#ticket({ room, person }), browser: person.browser }];
  }

  #release(id, personId) {
    const room = this.rooms.get(id);
    const person = room.people.find(({ id: each }) => each === personId);
    person.browser = undefined;
    room.seconds.delete(person);
    for (const member of room.members.filter((each) => each.person === person)) {
      this.#gone(member, "left");
      member.ws?.close(4409);
    }
    this.#list();
    return [204];
  }

  /** Nobody's second browser is shown any more. */
  calm() {
    for (const room of this.rooms.values()) room.seconds.clear();
    this.#list();
  }

  #ticket(what) {
    const ticket = secret();
    this.tickets.set(ticket, what);
    return ticket;
  }

  #socket(ws) {
    ws.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.t === "hello") this.#hello(ws, message);
      else if (message.t === "resume") this.#resume(ws, message);
      else this.#heed(ws.member, message);
    });
    ws.on("close", () => {
      const { member } = ws;
      if (!member || member.ws !== ws) return;
      member.ws = undefined;
      this.#list();
    });
  }

  #attach(member, ws) {
    member.ws = ws;
    ws.member = member;
  }

  #hello(ws, { ticket }) {
    const what = this.tickets.get(ticket);
    this.tickets.delete(ticket);
    if (!what) return ws.close(4401);
    const { room, person } = what;
    if (what.staff) {
      const member = { staff: true, role: "clinician", id: "s1", resume: secret(), sent: 0, kept: [] };
      this.#attach(member, ws);
      this.resumes.set(member.resume, member);
      this.staff.add(member);
      this.#welcome(member, false);
      return this.#list();
    }
    const old = room.members.find((member) => member.person === person);
    if (old) this.#gone(old, "lost");
    const member = {
      room,
      person,
      role: person.role,
      id: `p${room.next++}`,
      since: old?.since ?? now(),
      ready: null,
      resume: secret(),
      sent: 0,
      kept: [],
    };
    member.inside = old?.inside ?? false;
    this.#attach(member, ws);
    this.resumes.set(member.resume, member);
    room.members.push(member);
    this.#welcome(member, false);
    if (member.inside) this.#introduce(member);
    this.#list();
  }

  #resume(ws, { resume, last }) {
    const member = this.resumes.get(resume);
    if (!member) return ws.close(4401);
    this.#attach(member, ws);
    this.#welcome(member, true);
    for (const message of member.kept) if (message.s > last) ws.send(JSON.stringify(message));
    this.#list();
  }

  #welcome(member, resumed) {
    const { room, id, role, resume, inside } = member;
    const call = inside ? { turn: this.relay.turn(id) } : {};
    const state = room ? { room: { id: room.id, state: room.state, ends: room.ends, most: 4 } } : {};
    // The others are introduced one by one, as to anybody who comes.
    const message = {
      t: "welcome",
      v: 1,
      self: id,
      role,
      resume,
      resumed,
      clinic: this.clinic,
      policy: this.policy,
      peers: [],
      ...state,
      ...call,
    };
    this.frames.push([member, JSON.stringify(message)]);
    member.ws.send(JSON.stringify(message));
  }

  say(member, message) {
    member.sent += 1;
    const text = JSON.stringify({ ...message, s: member.sent });
    member.kept = [...member.kept, JSON.parse(text)].slice(-256);
    this.frames.push([member, text]);
    if (member.ws?.readyState === 1) member.ws.send(text);
  }

  #list() {
    for (const staff of this.staff) {
      const rooms = [...this.rooms.values()]
        .filter(({ over }) => !over)
        .map((room) => ({
          room: room.id,
          label: room.label,
          state: room.state,
          ends: room.ends,
          people: room.members
            .filter(({ staff: isStaff }) => !isStaff)
            .map(({ person, role, since, ready, ws, inside }) => ({
              id: person.id,
              role,
              since,
              ready,
              here: Boolean(ws),
              inside: Boolean(inside),
              second: room.seconds.has(person),
            })),
        }));
      this.say(staff, { t: "list", rooms });
    }
  }

  /** Everybody inside and the one who comes hear of each other; the lower number is impolite. */
  #introduce(member) {
    for (const other of member.room.members) {
      if (other === member || !other.inside) continue;
      this.say(other.owner ?? other, { t: "peer", id: member.id, role: member.role, polite: false });
      this.say(member, { t: "peer", id: other.id, role: other.role, polite: true });
    }
  }

  #gone(member, why) {
    const { room } = member;
    if (!room) return;
    room.members = room.members.filter((each) => each !== member);
    for (const other of room.members)
      if (other.inside && member.inside) this.say(other.owner ?? other, { t: "gone", id: member.id, why });
  }

  #end(room, why) {
    room.over = true;
    for (const member of [...room.members]) {
      this.say(member.staff ? member.owner : member, { t: "ended", why });
      if (!member.staff) member.ws?.close(4410);
    }
    room.members = [];
  }

  #heed(member, message) {
    const { t } = message;
    const seat = member.seat ?? member;
    const { room } = seat;
    if (t === "ping") return member.ws.send(JSON.stringify({ t: "pong" }));
    if (t === "wait") {
      member.ready = message.ready;
      return this.#list();
    }
    if (t === "admit" || t === "note" || t === "decline") return this.#door(this.rooms.get(message.room), message);
    if (t === "join") return this.#sit(member, this.rooms.get(message.room));
    if (t === "bye") {
      this.#gone(seat, "left");
      if (member.staff) member.seat = undefined;
      return this.#list();
    }
    if (t === "end") {
      if (room) this.#end(room, "clinician");
      member.seat = undefined;
      return this.#list();
    }
    if (t === "renew") return this.say(member, { t: "turn", turn: this.relay.turn(seat.id) });
    if (t === "security") {
      this.security = [...(this.security ?? []), message.what];
      return undefined;
    }
    const to = room?.members.find(({ id, inside }) => id === message.to && inside);
    const { to: _, ...passed } = this.meddle(message, seat, to) ?? {};
    if (to && passed.t) this.say(to.owner ?? to, { ...passed, from: seat.id });
    return undefined;
  }

  #door(room, { t, code, person }) {
    for (const member of [...room.members]) {
      if (member.inside) continue;
      if (t === "note") this.say(member, { t: "noted", code });
      else if (t === "decline" && member.person.id === person) {
        this.say(member, { t: "declined" });
        this.#gone(member, "ended");
        member.ws?.close(4410);
      } else if (t === "admit") {
        member.inside = true;
        room.state = "call";
        this.say(member, { t: "admitted", turn: this.relay.turn(member.id) });
        this.#introduce(member);
      }
    }
    this.#list();
  }

  /** A clinician takes a seat in a room; what is said to the seat goes over the clinician's one socket. */
  #sit(owner, room) {
    const seat = { staff: true, owner, room, role: "clinician", id: `p${room.next++}`, inside: true };
    owner.seat = seat;
    room.members.push(seat);
    room.state = "call";
    const { id, state, ends } = room;
    this.say(owner, {
      t: "joined",
      self: seat.id,
      room: { id, state, ends, most: 4 },
      turn: this.relay.turn(seat.id),
      peers: [],
    });
    for (const other of room.members) {
      if (other === seat || !other.inside) continue;
      this.say(other.owner ?? other, { t: "peer", id: seat.id, role: seat.role, polite: false });
      this.say(owner, { t: "peer", id: other.id, role: other.role, polite: true });
    }
    this.#list();
  }
}

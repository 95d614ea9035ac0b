// A module of Hilum's web client, MIT OR Apache-2.0. docs/embedding.md says how a page uses it.

// src/rtc/clock.ts
var realClock = {
  now: () => performance.now(),
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  }
};

// src/rtc/files.ts
var MOST_BYTES = 50 * 1024 * 1024;
var PIECE = 16 * 1024;
var MOST_WAITING = 256 * 1024;
var PAUSE = 25;
var PACE = 512 * 1024;
async function sha256(data) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
function plainName(name) {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const plain = last.replace(/[\u0000-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069<>:"|?*]/g, "_").trim();
  return plain.replace(/^\.+/, "").slice(-100) || "file";
}
var Files = class {
  #channel;
  #clock;
  #events;
  /** Whether the media is in trouble, so that files wait. */
  congested = false;
  #outgoing = /* @__PURE__ */ new Map();
  #incoming = /* @__PURE__ */ new Map();
  // One file goes at a time, as one comes at a time: pieces carry no name.
  #sending = Promise.resolve();
  #current;
  constructor(channel, clock, events) {
    this.#channel = channel;
    this.#clock = clock;
    this.#events = events;
    channel.addEventListener("message", ({ data }) => this.#message(data));
    channel.addEventListener("close", () => this.#gone());
  }
  async offer(id, name, blob) {
    if (blob.size > MOST_BYTES) return this.#events.failed(id, "large");
    const data = await blob.arrayBuffer();
    this.#outgoing.set(id, data);
    this.#say({ k: "offer", id, name: plainName(name), size: data.byteLength, sha256: await sha256(data) });
  }
  accept(id) {
    const file = this.#incoming.get(id);
    if (!file || file.accepted) return;
    file.accepted = true;
    this.#say({ k: "accept", id });
    if (file.size === 0) void this.#finish(file);
  }
  refuse(id) {
    if (this.#incoming.delete(id)) this.#say({ k: "refuse", id });
  }
  #say(word) {
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify(word));
  }
  #message(data) {
    if (data instanceof ArrayBuffer) return this.#piece(data);
    if (typeof data !== "string") return;
    let word;
    try {
      word = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof word?.id !== "string" || word.id.length > 40) return;
    this.#heed(word);
  }
  #heed(word) {
    const { id } = word;
    if (word.k === "offer") {
      const { size } = word;
      const fits = Number.isInteger(size) && size >= 0 && size <= MOST_BYTES && this.#incoming.size < 8;
      if (!fits || this.#incoming.has(id) || typeof word.name !== "string") return this.#say({ k: "refuse", id });
      const file = { id, name: plainName(word.name), size };
      this.#incoming.set(id, { ...file, sha256: String(word.sha256), accepted: false, pieces: [], bytes: 0 });
      this.#events.offered(file);
    } else if (word.k === "accept") {
      this.#sending = this.#sending.then(() => this.#send(id));
    } else if (this.#outgoing.delete(id)) {
      if (word.k === "intact") this.#events.delivered(id);
      else this.#events.failed(id, word.k === "refuse" ? "refused" : "damaged");
    }
  }
  async #send(id) {
    const data = this.#outgoing.get(id);
    if (!data) return;
    const begun = this.#clock.now();
    for (let at = 0; at < data.byteLength; at += PIECE) {
      const due = () => at <= PACE * (this.#clock.now() - begun) / 1e3 + MOST_WAITING;
      while (this.congested || this.#channel.bufferedAmount + PIECE > MOST_WAITING || !due()) {
        if (this.#channel.readyState !== "open" || !this.#outgoing.has(id)) return;
        await new Promise((go) => this.#clock.after(PAUSE, go));
      }
      if (this.#channel.readyState !== "open" || !this.#outgoing.has(id)) return;
      this.#channel.send(data.slice(at, at + PIECE));
      this.#events.progress(id, Math.min(at + PIECE, data.byteLength));
    }
  }
  #piece(data) {
    const file = [...this.#incoming.values()].find(({ id, accepted }) => accepted && (this.#current ?? id) === id);
    if (!file) return;
    this.#current = file.id;
    file.bytes += data.byteLength;
    if (file.bytes > file.size) {
      this.#drop(file);
      return;
    }
    file.pieces.push(data);
    this.#events.progress(file.id, file.bytes);
    if (file.bytes === file.size) void this.#finish(file);
  }
  async #finish(file) {
    this.#incoming.delete(file.id);
    this.#current = void 0;
    const blob = new Blob(file.pieces, { type: "application/octet-stream" });
    const intact = await sha256(await blob.arrayBuffer()) === file.sha256;
    this.#say({ k: intact ? "intact" : "damaged", id: file.id });
    if (intact) this.#events.received(file.id, blob);
    else this.#events.failed(file.id, "damaged");
  }
  #drop(file) {
    this.#incoming.delete(file.id);
    this.#current = void 0;
    this.#say({ k: "damaged", id: file.id });
    this.#events.failed(file.id, "damaged");
  }
  #gone() {
    for (const id of [...this.#outgoing.keys(), ...this.#incoming.keys()]) this.#events.failed(id, "gone");
    this.#outgoing.clear();
    this.#incoming.clear();
  }
};

// src/rtc/ladder.ts
var STEPS = [
  { height: 720, bits: 15e5, frames: 30 },
  { height: 360, bits: 6e5, frames: 24 },
  { height: 270, bits: 35e4, frames: 20 },
  { height: 180, bits: 15e4, frames: 15 },
  { height: 0, bits: 0, frames: 0 }
];
var OFF = STEPS.length - 1;
var DOWN_AFTER = 6e3;
var UP_AFTER = 2e4;
var AUDIO_BITS = 6e4;
function best(people) {
  if (people <= 2) return 0;
  return people === 3 ? 1 : 2;
}
var Ladder = class {
  #step;
  #people = 2;
  #troubleSince;
  #quietSince;
  constructor(people) {
    this.#people = people;
    this.#step = best(people);
  }
  get step() {
    return this.#step;
  }
  get off() {
    return this.#step === OFF;
  }
  /** People came or left. Fewer people do not raise the picture at once: the connection has to show that it can. */
  people(count) {
    this.#people = count;
    this.#step = Math.max(this.#step, best(count));
    return this.#step;
  }
  /** One look at the connection; returns the step to use from now on. */
  take(load, now) {
    const bits = STEPS[this.#step]?.bits ?? 0;
    const next = STEPS[this.#step - 1]?.bits ?? 0;
    const room = load.available ?? Infinity;
    const trouble2 = load.loss > 0.08 || bits > 0 && room < bits / 2 + AUDIO_BITS;
    const quiet = load.loss < 0.02 && (this.off || room > next * 0.6 + AUDIO_BITS);
    this.#troubleSince = trouble2 ? this.#troubleSince ?? now : void 0;
    this.#quietSince = quiet && !trouble2 ? this.#quietSince ?? now : void 0;
    if (this.#troubleSince !== void 0 && now - this.#troubleSince >= DOWN_AFTER && this.#step < OFF) {
      this.#move(this.#step + 1);
    } else if (this.#quietSince !== void 0 && now - this.#quietSince >= UP_AFTER && this.#step > best(this.#people)) {
      this.#move(this.#step - 1);
    }
    return this.#step;
  }
  #move(step) {
    this.#step = step;
    this.#troubleSince = void 0;
    this.#quietSince = void 0;
  }
};

// src/rtc/media.ts
function trouble(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "blocked";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unsupported";
  }
}
function constraints(choice) {
  return {
    audio: {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...choice.microphone ? { deviceId: { exact: choice.microphone } } : {}
    },
    video: {
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30, max: 30 },
      ...choice.camera ? { deviceId: { exact: choice.camera } } : { facingMode: "user" }
    }
  };
}
async function capture(devices, choice = {}) {
  if (!devices) return { audio: null, video: null, audioTrouble: "unsupported", videoTrouble: "unsupported" };
  const wanted = constraints(choice);
  try {
    const stream = await devices.getUserMedia(wanted);
    return { audio: stream.getAudioTracks()[0] ?? null, video: stream.getVideoTracks()[0] ?? null };
  } catch {
    const audio = await single(devices, "audio", wanted.audio);
    const video = await single(devices, "video", wanted.video);
    return {
      audio: audio.track,
      video: video.track,
      ...audio.trouble ? { audioTrouble: audio.trouble } : {},
      ...video.trouble ? { videoTrouble: video.trouble } : {}
    };
  }
}
async function single(devices, kind, wanted) {
  try {
    const stream = await devices.getUserMedia({ [kind]: wanted });
    return { track: stream.getTracks()[0] ?? null };
  } catch (error) {
    if ("deviceId" in wanted && trouble(error) === "missing") {
      const { deviceId: _gone, ...any } = wanted;
      return single(devices, kind, any);
    }
    return { track: null, trouble: trouble(error) };
  }
}

// src/rtc/quality.ts
var SAMPLE_EVERY = 2e3;
var EQUAL_SAMPLES = 3;
function grade({ loss, rtt }) {
  if (loss < 0.02 && rtt < 0.25) return "good";
  return loss < 0.06 && rtt < 0.5 ? "fair" : "poor";
}
var Steady = class {
  #word;
  #next;
  #times = 0;
  get word() {
    return this.#word;
  }
  take(sample) {
    const seen = grade(sample);
    this.#times = seen === this.#next ? this.#times + 1 : 1;
    this.#next = seen;
    if (this.#times >= EQUAL_SAMPLES || this.#word === void 0) this.#word = seen;
    return this.#word;
  }
};
var number = (value) => typeof value === "number" && Number.isFinite(value) ? value : 0;
function totals(reports) {
  const all = [...reports];
  const by = new Map(all.map((report) => [report.id, report]));
  const sum = {
    own: { sent: 0, lost: 0, rtt: 0 },
    theirs: { received: 0, lost: 0 },
    available: void 0,
    bytes: 0,
    frames: 0,
    through: void 0
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
  const pair = chosen ?? all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  if (pair) {
    sum.bytes = number(pair.bytesReceived);
    const rtt = number(pair.currentRoundTripTime);
    if (!sum.own.rtt) sum.own.rtt = rtt;
    if (number(pair.availableOutgoingBitrate)) sum.available = number(pair.availableOutgoingBitrate);
    const local = by.get(String(pair.localCandidateId));
    if (local?.candidateType === "relay") sum.through = String(local.relayProtocol ?? "");
  }
  return sum;
}
function between(before, after) {
  const part = (lost, whole) => whole > 0 && lost > 0 ? Math.min(1, lost / whole) : 0;
  const lostTheirs = after.theirs.lost - before.theirs.lost;
  const received = after.theirs.received - before.theirs.received;
  return {
    own: { loss: part(after.own.lost - before.own.lost, after.own.sent - before.own.sent), rtt: after.own.rtt },
    theirs: { loss: part(lostTheirs, received + lostTheirs), rtt: after.own.rtt }
  };
}

// src/rtc/restart.ts
var PATIENCE = 2500;
var FIRST_TRY = 4e3;
var LONGEST_TRY = 15e3;
var HELP_AFTER = 6e4;
var PROOF = 1500;
var PROBE_EVERY = 400;
var Restarts = class {
  #clock;
  #hooks;
  #outlook = "steady";
  #patience;
  #trying;
  #help;
  #tries = 0;
  #proving = false;
  #closed = false;
  #connectedOnce = false;
  #state = "new";
  constructor(clock, hooks) {
    this.#clock = clock;
    this.#hooks = hooks;
  }
  /** The connection's state has changed. */
  state(state) {
    if (this.#closed) return;
    this.#state = state;
    if (state === "connected") this.#well();
    else if (state === "disconnected") this.#wait();
    else if (state === "failed") this.#try();
  }
  /** The network of this device has changed: restarts only if the path in use brings nothing any more. */
  async networkChanged() {
    if (this.#closed || this.#proving || this.#trying || !this.#connectedOnce) return;
    this.#proving = true;
    const before = await this.#hooks.bytes().catch(() => 0);
    this.#clock.after(PROOF, () => {
      void this.#hooks.bytes().catch(() => 0).then((after) => {
        this.#proving = false;
        if (after <= before) this.#try();
      });
    });
  }
  close() {
    this.#closed = true;
    for (const stop of [this.#patience, this.#trying, this.#help]) stop?.();
  }
  #well() {
    this.#connectedOnce = true;
    for (const stop of [this.#patience, this.#trying, this.#help]) stop?.();
    this.#patience = this.#trying = this.#help = void 0;
    this.#tries = 0;
    this.#say("steady");
  }
  #wait() {
    this.#patience ??= this.#clock.after(PATIENCE, () => {
      this.#patience = void 0;
      this.#try();
    });
  }
  #try() {
    if (this.#closed || this.#trying) return;
    this.#patience?.();
    this.#patience = void 0;
    this.#help ??= this.#clock.after(HELP_AFTER, () => this.#say("help"));
    if (this.#outlook === "steady") this.#say("away");
    const limit = Math.min(LONGEST_TRY, FIRST_TRY * 2 ** this.#tries);
    this.#tries += 1;
    this.#trying = this.#clock.after(limit, () => {
      this.#trying = void 0;
      this.#try();
    });
    this.#hooks.restart();
    this.#probe();
  }
  /** A restart whose connection never left `connected` is judged by traffic: two readings of the new path that grow. */
  #probe(last) {
    this.#clock.after(PROBE_EVERY, () => {
      if (this.#closed || !this.#trying) return;
      const read = this.#hooks.bytes().catch(() => 0);
      void read.then((bytes) => {
        if (!this.#trying) return;
        if (this.#state === "connected" && last !== void 0 && bytes > last) this.#well();
        else this.#probe(bytes);
      });
    });
  }
  #say(outlook) {
    if (outlook === this.#outlook) return;
    this.#outlook = outlook;
    this.#hooks.outlook(outlook);
  }
};

// src/rtc/sdp.ts
var MOST_BYTES2 = 64 * 1024;
var MOST_SECTIONS = 8;
var MOST_CANDIDATES = 64;
var MOST_LINE = 4096;
var MEDIA = /^m=(audio|video) \d{1,5} UDP\/TLS\/RTP\/SAVPF( \d{1,3})+$/;
var DATA = /^m=application \d{1,5} UDP\/DTLS\/SCTP webrtc-datachannel$/;
var STRONG = /^a=fingerprint:(sha-256|sha-384|sha-512) ((?:[0-9A-F]{2}:)+[0-9A-F]{2})$/i;
var LENGTHS = { "sha-256": 32, "sha-384": 48, "sha-512": 64 };
var KEYS = /^a=(crypto|key-mgmt|zrtp-hash)\b/i;
var CONTROL = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f]/;
function judge(sdp, relayOnly) {
  if (new TextEncoder().encode(sdp).length > MOST_BYTES2) return "sdp_size";
  if (CONTROL.test(sdp)) return "sdp_bytes";
  const lines = sdp.split(/\r?\n/).filter((line) => line !== "");
  if (lines.some((line) => line.length > MOST_LINE)) return "sdp_line";
  if (lines[0] !== "v=0") return "sdp_version";
  if (lines.some((line) => KEYS.test(line))) return "sdp_crypto";
  const [session, sections] = split(lines);
  if (sections.length === 0 || sections.length > MOST_SECTIONS) return "sdp_sections";
  for (const {
    lines: [first = ""]
  } of sections) {
    if (!MEDIA.test(first) && !DATA.test(first)) return "sdp_profile";
  }
  return bundled(session, sections) ?? keyed(session, sections) ?? candidates(lines, relayOnly);
}
function split(lines) {
  const session = [];
  const sections = [];
  for (const line of lines) {
    const rejected = /^m=\w+ 0 /.test(line);
    if (line.startsWith("m=")) sections.push({ lines: [line], rejected });
    else (sections.at(-1)?.lines ?? session).push(line);
  }
  for (const section of sections) {
    if (section.lines.includes("a=bundle-only")) section.rejected = false;
  }
  return [session, sections];
}
function values(lines, name) {
  const start = `a=${name}:`;
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}
function bundled(session, sections) {
  const groups = values(session, "group").filter((group) => group.startsWith("BUNDLE"));
  const members = new Set(groups[0]?.split(" ").slice(1));
  if (groups.length !== 1) return "sdp_bundle";
  for (const { lines, rejected } of sections) {
    if (rejected) continue;
    const [mid] = values(lines, "mid");
    if (mid === void 0 || !members.has(mid)) return "sdp_bundle";
    if (MEDIA.test(lines[0] ?? "") && !lines.includes("a=rtcp-mux")) return "sdp_mux";
  }
  return void 0;
}
function keyed(session, sections) {
  const seen = /* @__PURE__ */ new Set();
  for (const { lines, rejected } of sections) {
    if (rejected) continue;
    const all = [...session, ...lines];
    const prints = all.filter((line) => line.startsWith("a=fingerprint:"));
    if (prints.length === 0) return "sdp_fingerprint_missing";
    for (const print of prints) {
      const [, hash = "", digits = ""] = STRONG.exec(print) ?? [];
      if (digits.split(":").length !== LENGTHS[hash.toLowerCase()]) return "sdp_fingerprint_weak";
    }
    seen.add(
      prints.map((print) => print.toLowerCase()).sort().join()
    );
    const [setup] = values(all, "setup");
    if (!["actpass", "active", "passive"].includes(setup ?? "")) return "sdp_setup";
    const [ufrag = ""] = values(all, "ice-ufrag");
    const [password = ""] = values(all, "ice-pwd");
    if (ufrag.length < 4 || password.length < 22) return "sdp_credentials";
  }
  if (seen.size === 0) return "sdp_sections";
  return seen.size > 1 ? "sdp_fingerprint_differs" : void 0;
}
function candidates(lines, relayOnly) {
  const all = lines.filter((line) => line.startsWith("a=candidate:"));
  if (all.length > MOST_CANDIDATES) return "sdp_candidates";
  return relayOnly && all.some((line) => !isRelayed(line.slice(2))) ? "sdp_candidate_type" : void 0;
}
function isRelayed(candidate) {
  return candidate === "" || / typ relay( |$)/.test(candidate);
}
function fingerprint(sdp) {
  const digits = /^a=fingerprint:sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\s*$/im.exec(sdp)?.[1];
  return digits ? Uint8Array.from(digits.split(":"), (two) => parseInt(two, 16)) : void 0;
}
function fragments(sdp) {
  return new Set(values(sdp.split(/\r?\n/), "ice-ufrag"));
}

// src/rtc/peer.ts
var OFFER_AGAIN = 8e3;
var MOST_EARLY = 64;
var KINDS = ["audio", "camera", "screen"];
function configuration(turn, relayOnly) {
  return {
    iceServers: turn ? [{ urls: turn.urls, username: turn.username, credential: turn.credential }] : [],
    iceTransportPolicy: relayOnly ? "relay" : "all",
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require"
  };
}
var Peer = class {
  pc;
  /** Small messages, in order. Both ends know its number, so it needs no negotiation. */
  chat;
  file;
  #options;
  #restarts;
  #ladder;
  #own = new Steady();
  #theirs = new Steady();
  #tracks = { audio: null, camera: null, screen: null };
  #making = false;
  #ignoring = false;
  #settingAnswer = false;
  // The impolite end offers first; the polite one takes over what it offers, so that there is one set of sections.
  #begun;
  #closed = false;
  #sentFragments = /* @__PURE__ */ new Set();
  #heldBack = [];
  #early = [];
  #remotePrint;
  #told = false;
  #last;
  #again;
  #sampling;
  // Remote descriptions are taken one after the other; candidates wait behind them.
  #queue = Promise.resolve();
  constructor(options) {
    this.#options = options;
    this.#begun = !options.polite;
    this.#ladder = new Ladder(options.people);
    const connect = options.connect ?? ((config) => new RTCPeerConnection(config));
    this.pc = connect(configuration(options.turn, options.relayOnly));
    this.#restarts = new Restarts(options.clock, {
      restart: () => this.pc.restartIce(),
      outlook: (outlook) => options.events.outlook(outlook),
      bytes: async () => totals(await this.#reports()).bytes
    });
    this.#listen();
    this.chat = this.pc.createDataChannel("chat", { negotiated: true, id: 0, ordered: true });
    this.file = this.pc.createDataChannel("file", { negotiated: true, id: 1, ordered: true });
    this.file.binaryType = "arraybuffer";
    if (!options.polite) {
      this.pc.addTransceiver("audio", { direction: "sendrecv" });
      this.pc.addTransceiver("video", { direction: "sendrecv" });
      this.pc.addTransceiver("video", { direction: "sendrecv" });
    }
    this.#sample();
  }
  /** Sends these tracks from now on; null sends nothing. No negotiation is needed. */
  async send(tracks) {
    Object.assign(this.#tracks, tracks);
    await this.#attach();
  }
  /** A description from the other end. */
  description(desc) {
    return this.#enqueue(() => this.#take(desc));
  }
  /** A candidate of the other end. One that overtakes its description waits for it. */
  candidate(candidate) {
    return this.#enqueue(async () => {
      if (this.#options.relayOnly && !isRelayed(candidate.candidate)) return;
      if (this.#isEarly(candidate)) {
        if (this.#early.length < MOST_EARLY) this.#early.push(candidate);
      } else {
        await this.#add(candidate);
      }
    });
  }
  /** Fresh credentials: the next restart uses them, the path in use goes on. */
  renew(turn) {
    if (this.#closed) return;
    this.#options.turn = turn;
    this.pc.setConfiguration(configuration(turn, this.#options.relayOnly));
  }
  /** How many people are in the call now, oneself included. */
  people(count) {
    this.#ladder.people(count);
    void this.#shape();
  }
  networkChanged() {
    void this.#restarts.networkChanged();
  }
  /** The service is back after an absence: what it may have lost is said again. */
  again() {
    if (this.pc.signalingState === "have-local-offer") this.#tell();
  }
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#restarts.close();
    this.#again?.();
    this.#sampling?.();
    this.pc.close();
  }
  #enqueue(work) {
    const done = this.#queue.then(async () => {
      if (!this.#closed) await work();
    });
    this.#queue = done.catch(() => void 0);
    return this.#queue;
  }
  #listen() {
    const { pc } = this;
    pc.onnegotiationneeded = () => void this.#offer();
    pc.onicecandidate = ({ candidate }) => {
      if (candidate) this.#carry(candidate);
    };
    pc.onconnectionstatechange = () => {
      if (this.#closed) return;
      this.#options.events.state(pc.connectionState);
      this.#restarts.state(pc.connectionState);
      if (pc.connectionState === "connected") void this.#shape();
    };
    pc.ontrack = ({ transceiver, track }) => {
      const kind = KINDS[pc.getTransceivers().indexOf(transceiver)];
      if (kind) this.#options.events.track(kind, track);
    };
  }
  async #offer() {
    if (!this.#begun || this.#closed) return;
    try {
      this.#making = true;
      await this.pc.setLocalDescription();
      this.#tell();
    } catch {
    } finally {
      this.#making = false;
    }
  }
  /** Sends the local description, then the candidates that waited for it. */
  #tell() {
    const desc = this.pc.localDescription;
    if (!desc || this.#closed || desc.type !== "offer" && desc.type !== "answer") return;
    this.#options.events.sdp({ type: desc.type, sdp: desc.sdp });
    this.#sentFragments = fragments(desc.sdp);
    const waiting = this.#heldBack;
    this.#heldBack = [];
    for (const candidate of waiting) this.#carry(candidate);
    this.#again?.();
    this.#again = void 0;
    if (desc.type === "offer") {
      this.#again = this.#options.clock.after(OFFER_AGAIN, () => this.again());
    }
    this.#compare();
  }
  #carry(candidate) {
    const fragment = candidate.usernameFragment;
    if (fragment && !this.#sentFragments.has(fragment)) {
      if (this.#heldBack.length < MOST_EARLY) this.#heldBack.push(candidate);
      return;
    }
    if (this.#options.relayOnly && !isRelayed(candidate.candidate)) return;
    this.#options.events.ice({
      candidate: candidate.candidate,
      sdpMid: candidate.sdpMid,
      usernameFragment: fragment
    });
  }
  async #take(desc) {
    const refusal = judge(desc.sdp, this.#options.relayOnly) ?? this.#changed(desc.sdp);
    if (refusal) {
      this.close();
      this.#options.events.refused(refusal);
      return;
    }
    const { pc } = this;
    const ready = !this.#making && (pc.signalingState === "stable" || this.#settingAnswer);
    this.#ignoring = desc.type === "offer" && !ready && !this.#options.polite;
    if (this.#ignoring || desc.type === "answer" && pc.signalingState !== "have-local-offer") return;
    this.#settingAnswer = desc.type === "answer";
    try {
      await pc.setRemoteDescription(desc);
    } finally {
      this.#settingAnswer = false;
    }
    if (desc.type === "offer") {
      if (!this.#begun) this.#adopt();
      await pc.setLocalDescription();
      this.#begun = true;
      this.#tell();
    } else {
      this.#again?.();
      this.#again = void 0;
    }
    await this.#attach();
    await this.#flush();
    this.#compare();
  }
  /** Refuses a fingerprint other than the first: the other end does not change its certificate within a session. */
  #changed(sdp) {
    const print = fingerprint(sdp)?.join();
    if (!print) return "sdp_fingerprint_missing";
    this.#remotePrint ??= print;
    return print === this.#remotePrint ? void 0 : "fingerprint_changed";
  }
  /** The polite end answers the first offer with the same sections, in both directions. */
  #adopt() {
    for (const transceiver of this.pc.getTransceivers()) transceiver.direction = "sendrecv";
  }
  async #attach() {
    const senders = this.pc.getTransceivers().map(({ sender }) => sender);
    await Promise.all(
      KINDS.map(async (kind, index) => {
        const sender = senders[index];
        if (sender && sender.track !== this.#tracks[kind]) await sender.replaceTrack(this.#tracks[kind]);
      })
    );
    await this.#shape();
  }
  /** Sizes the picture as the ladder says. The screen keeps its size, or its letters could not be read. */
  async #shape() {
    const sender = this.pc.getTransceivers()[1]?.sender;
    const step = STEPS[this.#ladder.step];
    if (this.#closed || !sender?.track || !step) return;
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings;
    if (!encoding) return;
    const height = sender.track.getSettings().height ?? 480;
    encoding.active = step.height > 0;
    if (step.height > 0) {
      encoding.scaleResolutionDownBy = Math.max(1, height / step.height);
      encoding.maxBitrate = step.bits;
      encoding.maxFramerate = step.frames;
    }
    await sender.setParameters(parameters).catch(() => void 0);
  }
  #isEarly({ usernameFragment }) {
    const remote = this.pc.remoteDescription;
    if (!remote) return true;
    return usernameFragment !== null && !fragments(remote.sdp).has(usernameFragment);
  }
  async #flush() {
    const early = this.#early;
    this.#early = early.filter((candidate) => this.#isEarly(candidate));
    for (const candidate of early) if (!this.#early.includes(candidate)) await this.#add(candidate);
  }
  async #add({ candidate, sdpMid, usernameFragment }) {
    try {
      await this.pc.addIceCandidate({ candidate, sdpMid, usernameFragment });
    } catch {
    }
  }
  #compare() {
    const { localDescription, remoteDescription } = this.pc;
    if (this.#told || !localDescription || !remoteDescription) return;
    const own = fingerprint(localDescription.sdp);
    const theirs = fingerprint(remoteDescription.sdp);
    if (!own || !theirs) return;
    this.#told = true;
    this.#options.events.fingerprints(own, theirs);
  }
  async #reports() {
    return [...(await this.pc.getStats()).values()];
  }
  #sample() {
    this.#sampling = this.#options.clock.after(SAMPLE_EVERY, () => {
      if (this.#closed) return;
      void this.#look().finally(() => this.#sample());
    });
  }
  async #look() {
    if (this.pc.connectionState !== "connected") return;
    const now = totals(await this.#reports());
    if (this.#closed) return;
    if (this.#last) {
      const { own, theirs } = between(this.#last, now);
      const words = [this.#own.take(own), this.#theirs.take(theirs)];
      this.#options.events.quality(words[0] ?? "good", words[1] ?? "good", now);
      const [before, off] = [this.#ladder.step, this.#ladder.off];
      const load = { loss: own.loss, available: now.available };
      if (this.#ladder.take(load, this.#options.clock.now()) !== before) await this.#shape();
      if (this.#ladder.off !== off) this.#options.events.picture(this.#ladder.off);
    }
    this.#last = now;
  }
};
export {
  Files,
  Ladder,
  MOST_BYTES as MOST_FILE_BYTES,
  Peer,
  Restarts,
  SAMPLE_EVERY,
  STEPS,
  Steady,
  best,
  between,
  capture,
  configuration,
  constraints,
  fingerprint,
  fragments,
  grade,
  isRelayed,
  judge,
  plainName,
  realClock,
  single,
  totals,
  trouble
};

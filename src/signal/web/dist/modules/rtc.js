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
var IN_VAIN = 6e4;
var LONGEST_WAIT = 16e4;
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
  /** When a stopped picture was tried again, and how long the next try waits. */
  #triedAt;
  #wait = UP_AFTER;
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
      if (this.off) this.#stopped(now);
    } else if (this.#quietSince !== void 0 && now - this.#quietSince >= (this.off ? this.#wait : UP_AFTER) && this.#step > best(this.#people)) {
      if (this.off) this.#triedAt = now;
      this.#move(this.#step - 1);
    }
    return this.#step;
  }
  /** Each try costs the voice something where there is no room. */
  #stopped(now) {
    const inVain = this.#triedAt !== void 0 && now - this.#triedAt < IN_VAIN;
    this.#wait = inVain ? Math.min(2 * this.#wait, LONGEST_WAIT) : UP_AFTER;
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
    sum.bytes = number(pair.bytesReceived) + number(pair.requestsReceived) + number(pair.responsesReceived);
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
  /** Sound and picture came, and come no more: the browser itself says so only seconds later. */
  silent() {
    if (this.#connectedOnce) this.#try();
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
      const read2 = this.#hooks.bytes().catch(() => 0);
      void read2.then((bytes) => {
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

// src/rtc/candidate.ts
var LONGEST = 512;
var MOST_EXTENSIONS = 8;
var PRINTABLE = /^[ -~]*$/;
var ICE = /^[A-Za-z0-9+/]+$/;
var BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
var IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);
function address(text) {
  if (IPV4.test(text)) return text;
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(":")) return void 0;
  try {
    return new URL(`http://[${text}]/`).hostname.slice(1, -1);
  } catch {
    return void 0;
  }
}
function isUnspecified(text) {
  return text === "0.0.0.0" || text === "::";
}
function isFragment(text) {
  return text.length >= 4 && text.length <= 256 && ICE.test(text);
}
function isPassword(text) {
  return text.length >= 22 && text.length <= 256 && ICE.test(text);
}
function number2(text, most) {
  if (text === void 0 || !/^\d{1,10}$/.test(text)) return void 0;
  return Number(text) <= most ? Number(text) : void 0;
}
function judgeCandidate(text) {
  if (text.length > LONGEST || !PRINTABLE.test(text) || !text.startsWith("candidate:")) return "ice_malformed";
  const words = text.slice("candidate:".length).split(" ");
  const [foundation = "", component, transport = "", priority, host = "", port, typ, type, ...extensions] = words;
  if (!ICE.test(foundation) || foundation.length > 32 || transport === "" || host === "") return "ice_malformed";
  if (!((number2(component, 256) ?? 0) >= 1) || number2(priority, 4294967295) === void 0) return "ice_malformed";
  const relay = address(host);
  if (!relay) return "ice_foreign";
  if (number2(port, 65535) === void 0 || typ !== "typ" || !type) return "ice_malformed";
  if (type !== "relay") return "ice_type";
  if (transport.toLowerCase() !== "udp") return "ice_transport";
  if (Number(port) === 0) return "ice_malformed";
  return judgeExtensions(extensions, relay, Number(port));
}
function judgeExtensions(words, relay, port) {
  if (words.length % 2 !== 0 || words.length > 2 * MOST_EXTENSIONS || words.includes("")) return "ice_malformed";
  let fragment = false;
  for (let at = 0; at < words.length; at += 2) {
    const [name, value = ""] = [words[at], words[at + 1]];
    if (name === "raddr") {
      const related = address(value);
      if (!related || !(isUnspecified(related) || related === relay)) return "ice_related";
    } else if (name === "rport") {
      const related = number2(value, 65535);
      if (related === void 0) return "ice_malformed";
      if (![0, 9, port].includes(related)) return "ice_related";
    } else if (name === "ufrag") {
      if (fragment || !isFragment(value)) return "ice_malformed";
      fragment = true;
    }
  }
  return void 0;
}
function isRelayed(candidate) {
  return candidate === "" || judgeCandidate(candidate) === void 0;
}

// src/rtc/sdp.ts
var LARGEST = 64e3;
var LONGEST_LINE = 4e3;
var MOST_SECTIONS = 8;
var MOST_CANDIDATES = 64;
var TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+$/;
var ORDER = "osiuepcbtrzka";
var LENGTHS = { "sha-256": 32, "sha-384": 48, "sha-512": 64 };
var WEAK = ["md2", "md5", "sha-1", "sha-224"];
var Broken = class extends Error {
  code;
  constructor(code) {
    super(code);
    this.code = code;
  }
};
function refuse(code) {
  throw new Broken(code);
}
function once(level, name, value) {
  if (level[name] !== void 0) refuse("sdp_syntax");
  level[name] = value;
}
function readFingerprint(value) {
  const [name = "", digits] = value.split(/ (.*)/s);
  const hash = name.toLowerCase();
  if (digits !== void 0 && WEAK.includes(hash)) refuse("sdp_fingerprint_weak");
  const pairs = digits?.split(":") ?? [];
  if (pairs.length !== LENGTHS[hash] || !pairs.every((pair) => /^[0-9A-Fa-f]{2}$/.test(pair))) {
    refuse("sdp_fingerprint_malformed");
  }
  return `${hash} ${pairs.join(":").toLowerCase()}`;
}
function readConnection(value) {
  const [network, family, host, more] = value.split(" ");
  const spelled = network === "IN" && (family === "IP4" || family === "IP6") && more === void 0;
  if (!spelled || !address(host ?? "")) refuse("sdp_address");
}
function readOrigin(value) {
  const [name = "", session, version, network, family, host, more] = value.split(" ");
  if (network !== "IN" || more !== void 0 || host === void 0) refuse("sdp_syntax");
  if (name !== "-" && !name.startsWith("mozilla...THIS_IS_SDPARTA-")) refuse("sdp_words");
  const numbers = [session, version].every((each) => /^\d{1,20}$/.test(each ?? ""));
  if (name.length > 64 || !numbers || family !== "IP4" && family !== "IP6") refuse("sdp_syntax");
  if (!isUnspecified(host) && host !== "127.0.0.1") refuse("sdp_address");
}
var Reading = class {
  session = { candidates: 0 };
  parts = [];
  #last = 0;
  #relayOnly;
  constructor(relayOnly) {
    this.#relayOnly = relayOnly;
  }
  line(line) {
    if (line.length > LONGEST_LINE) refuse("sdp_line_too_long");
    if (!/^[ -~]*$/.test(line)) refuse("sdp_bytes");
    if (line[1] !== "=") refuse("sdp_syntax");
    const [letter, value] = [line[0] ?? "", line.slice(2)];
    this.#inOrder(letter);
    if (letter === "m") this.#section(value);
    else if (letter === "a") this.#attribute(this.parts.at(-1)?.level ?? this.session, value);
    else if (letter === "c") readConnection(value);
    else if (letter === "o") readOrigin(value);
    else if (letter === "k") refuse("sdp_key");
    else if ("iuep".includes(letter) || letter === "s" && value !== "-") refuse("sdp_words");
  }
  /** RFC 8866 §5: lines have an order, and only some may repeat. */
  #inOrder(letter) {
    if (letter === "m") {
      const begun = this.parts.length > 0 || this.#last >= ORDER.indexOf("t");
      this.#last = 0;
      if (!begun) refuse("sdp_syntax");
      return;
    }
    const place = ORDER.indexOf(letter);
    const twice = place === this.#last && place > 0 && !"epcbtra".includes(letter);
    const ofSession = "osueptrz".includes(letter) && this.parts.length > 0;
    if (place < 0 || place < this.#last || twice || ofSession) refuse("sdp_syntax");
    this.#last = place;
  }
  #section(value) {
    if (this.parts.length === MOST_SECTIONS) refuse("sdp_sections");
    const [media = "", port = "", profile, ...formats] = value.split(" ");
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65535 || profile === void 0) refuse("sdp_syntax");
    if (formats.length === 0 || formats.includes("")) refuse("sdp_syntax");
    if (!["audio", "video", "application"].includes(media)) refuse("sdp_media");
    if (profile === "RTP/AVP") refuse("sdp_profile_avp");
    if (profile === "RTP/AVPF") refuse("sdp_profile_avpf");
    if (profile === "RTP/SAVP" || profile === "RTP/SAVPF") refuse("sdp_profile_savp");
    if (profile !== (media === "application" ? "UDP/DTLS/SCTP" : "UDP/TLS/RTP/SAVPF")) refuse("sdp_profile");
    if (media === "application" && formats.join(" ") !== "webrtc-datachannel") refuse("sdp_media");
    this.parts.push({ media, port: Number(port), level: { candidates: 0 } });
  }
  #attribute(level, line) {
    const colon = line.indexOf(":");
    const [name, value] = colon < 0 ? [line, void 0] : [line.slice(0, colon), line.slice(colon + 1)];
    if (!TOKEN.test(name)) refuse("sdp_syntax");
    const wanted = () => value ?? refuse("sdp_syntax");
    switch (name.toLowerCase()) {
      case "crypto":
        return refuse("sdp_crypto");
      case "key-mgmt":
        return refuse("sdp_key_mgmt");
      case "zrtp-hash":
        return refuse("sdp_zrtp");
      case "ice-lite":
        return refuse("sdp_ice_lite");
      case "remote-candidates":
        return refuse("sdp_address");
      case "fingerprint": {
        const read2 = readFingerprint(wanted());
        if (level.fingerprint !== void 0 && level.fingerprint !== read2) refuse("sdp_fingerprint_differs");
        level.fingerprint = read2;
        return;
      }
      case "ice-ufrag":
        if (!isFragment(value ?? "")) refuse("sdp_ufrag");
        return once(level, "ufrag", wanted());
      case "ice-pwd":
        if (!isPassword(value ?? "")) refuse("sdp_pwd");
        return once(level, "password", wanted());
      case "setup":
        if (value === "holdconn") refuse("sdp_setup_holdconn");
        if (!["actpass", "active", "passive"].includes(value ?? "")) refuse("sdp_setup");
        return once(level, "setup", wanted());
      case "mid":
        if (!TOKEN.test(wanted()) || wanted().length > 16) refuse("sdp_syntax");
        return once(level, "mid", wanted());
      case "group":
        if (wanted().startsWith("BUNDLE")) {
          once(level, "bundle", wanted().slice("BUNDLE".length).split(" ").filter(Boolean));
        }
        return;
      case "bundle-only":
        level.bundleOnly = true;
        return;
      case "rtcp-mux":
        level.rtcpMux = true;
        return;
      case "candidate":
        level.candidates += 1;
        return this.#candidate(line);
      case "rtcp": {
        const [, connection] = wanted().split(/ (.*)/s);
        if (connection !== void 0) readConnection(connection);
        return;
      }
      default:
    }
  }
  #candidate(line) {
    const refusal = this.#relayOnly ? judgeCandidate(line) : void 0;
    if (refusal) refuse(refusal);
  }
  /** The rules about the whole. */
  end(kind) {
    const live = this.parts.filter(({ port, level }) => port !== 0 || level.bundleOnly);
    if (live.length === 0) refuse("sdp_sections");
    const bundle = this.session.bundle ?? [];
    const tagged = bundle.length ? live.find(({ level }) => level.mid === bundle[0])?.level : void 0;
    const bundled = live.every(({ level: { mid } }) => mid !== void 0 && bundle.includes(mid));
    if (!tagged || live.length !== bundle.length || !bundled) return refuse("sdp_bundle");
    const fingerprint2 = this.#fingerprint();
    const transport = this.#transport(
      tagged,
      live.map(({ level }) => level)
    );
    if (kind === "answer" && transport.setup === "actpass") refuse("sdp_setup");
    if (live.some(({ media, level }) => media !== "application" && !level.rtcpMux)) refuse("sdp_rtcp_mux");
    if (this.session.candidates > 0) refuse("sdp_syntax");
    const candidates = this.parts.reduce((sum, { level }) => sum + level.candidates, 0);
    if (candidates > MOST_CANDIDATES) refuse("ice_candidates");
    const sections = this.parts.map((part) => ({
      media: part.media,
      mid: part.level.mid,
      live: live.includes(part)
    }));
    const mids = sections.flatMap(({ mid }) => mid ?? []);
    if (new Set(mids).size !== mids.length) refuse("sdp_syntax");
    return { fingerprint: fingerprint2, ...transport, sections, candidates };
  }
  #fingerprint() {
    const said = [this.session, ...this.parts.map(({ level }) => level)].flatMap(({ fingerprint: fingerprint2 }) => fingerprint2 ?? []);
    const [first] = said;
    if (first === void 0) return refuse("sdp_fingerprint_missing");
    return said.every((each) => each === first) ? first : refuse("sdp_fingerprint_differs");
  }
  #transport(tagged, live) {
    const { session } = this;
    const ufrag = tagged.ufrag ?? session.ufrag ?? refuse("sdp_ufrag");
    const password = tagged.password ?? session.password ?? refuse("sdp_pwd");
    const setup = tagged.setup ?? session.setup ?? refuse("sdp_setup");
    const same = (level) => (level.ufrag ?? ufrag) === ufrag && (level.password ?? password) === password && (level.setup ?? setup) === setup;
    if (!live.every(same)) refuse("sdp_transport_differs");
    if (tagged.fingerprint === void 0 && session.fingerprint === void 0) refuse("sdp_fingerprint_missing");
    return { ufrag, password, setup };
  }
};
function named(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Broken) return error.code;
    throw error;
  }
}
function read(sdp, kind, relayOnly = true) {
  return named(() => {
    if (sdp.length > LARGEST) refuse("sdp_too_long");
    if (!sdp.endsWith("\r\n")) refuse("sdp_syntax");
    const [version, ...lines] = sdp.slice(0, -2).split("\r\n");
    if (version !== "v=0") refuse(sdp.startsWith("v=") ? "sdp_version" : "sdp_syntax");
    const reading = new Reading(relayOnly);
    for (const line of lines) reading.line(line);
    return reading.end(kind);
  });
}
var Session = class {
  #known;
  #candidates = 0;
  /** The first rule that a description breaks, or nothing; then it is what the next one is compared with. */
  description(sdp, kind, relayOnly = true) {
    const next = read(sdp, kind, relayOnly);
    if (typeof next === "string") return next;
    const role = next.setup === "actpass" ? void 0 : next.setup;
    const known = this.#known;
    let restarted = true;
    if (known) {
      if (known.fingerprint !== next.fingerprint) return "sdp_fingerprint_changed";
      const [ufrag, password] = [known.ufrag !== next.ufrag, known.password !== next.password];
      if (ufrag !== password) return "sdp_transport_changed";
      restarted = ufrag;
      if (!restarted && known.role && role && role !== known.role) return "sdp_transport_changed";
      const alike = known.sections.every((before, at) => {
        const after = next.sections[at];
        if (!after) return false;
        return !(before.live && after.live) || before.media === after.media && before.mid === after.mid;
      });
      if (!alike) return "sdp_section_changed";
    }
    this.#candidates = Math.max(restarted ? 0 : this.#candidates, next.candidates);
    this.#known = { ...next, role: role ?? known?.role };
    return void 0;
  }
  /** The rule that one more candidate breaks, or nothing. The empty one ends a list and is not counted. */
  candidate(candidate, relayOnly = true) {
    if (candidate === "") return void 0;
    const refusal = relayOnly ? judgeCandidate(candidate) : void 0;
    if (refusal) return refusal;
    if (this.#candidates >= MOST_CANDIDATES) return "ice_candidates";
    this.#candidates += 1;
    return void 0;
  }
};
function fingerprint(sdp) {
  const digits = /^a=fingerprint:sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\s*$/im.exec(sdp)?.[1];
  return digits ? Uint8Array.from(digits.split(":"), (two) => parseInt(two, 16)) : void 0;
}
function fragments(sdp) {
  return new Set([...sdp.matchAll(/^a=ice-ufrag:(\S+)/gm)].flatMap(([, fragment]) => fragment ?? []));
}

// src/rtc/peer.ts
var OFFER_AGAIN = 8e3;
var MOST_EARLY = 64;
var LISTEN_EVERY = 200;
var DOUBT = 600;
var SILENCE = 1200;
var THIN_VOICE = 16e3;
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
  /** What the other end has said, held against the rules. */
  #said = new Session();
  #told = false;
  #last;
  #again;
  #sampling;
  #listening;
  /** When the last sound or picture was played, as the browser says it; when that was seen; and what was done since. */
  #newest = 0;
  #heardAt = 0;
  #silence = "none";
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
    this.#hear();
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
  /** A candidate of the other end. One that breaks a rule is dropped, one that overtakes its description waits for it. */
  candidate(candidate) {
    return this.#enqueue(async () => {
      if (this.#said.candidate(candidate.candidate, this.#options.relayOnly)) return;
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
    this.#listening?.();
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
    if (desc.type !== "offer" && desc.type !== "answer") return;
    const refusal = this.#said.description(desc.sdp, desc.type, this.#options.relayOnly) ?? // Words are made of this one only.
    (fingerprint(desc.sdp) ? void 0 : "sdp_fingerprint_missing");
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
  /** A voice that has lost its picture takes half of its bits: with what wraps it, the rest is what a thin link carries. */
  async #thin() {
    const sender = this.pc.getTransceivers()[0]?.sender;
    if (this.#closed || !sender?.track) return;
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings;
    if (!encoding) return;
    if (this.#ladder.off) encoding.maxBitrate = THIN_VOICE;
    else delete encoding.maxBitrate;
    await sender.setParameters(parameters).catch(() => void 0);
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
  #hear() {
    this.#listening = this.#options.clock.after(LISTEN_EVERY, () => {
      if (this.#closed) return;
      const sources = this.pc.getTransceivers().flatMap(({ receiver }) => receiver.getSynchronizationSources());
      const newest = Math.max(0, ...sources.map(({ timestamp }) => timestamp));
      const now = this.#options.clock.now();
      if (newest !== this.#newest) [this.#newest, this.#heardAt, this.#silence] = [newest, now, "none"];
      const quiet = newest > 0 ? now - this.#heardAt : 0;
      if (quiet >= DOUBT && this.#silence === "none") {
        this.#silence = "doubted";
        this.#options.events.doubt();
      }
      if (quiet >= SILENCE && this.#silence === "doubted") {
        this.#silence = "restarted";
        this.#restarts.silent();
      }
      this.#hear();
    });
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
      if (this.#ladder.off !== off) {
        this.#options.events.picture(this.#ladder.off);
        await this.#thin();
      }
    }
    this.#last = now;
  }
};
export {
  Files,
  Ladder,
  MOST_CANDIDATES,
  MOST_BYTES as MOST_FILE_BYTES,
  Peer,
  Restarts,
  SAMPLE_EVERY,
  STEPS,
  Session,
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
  judgeCandidate,
  plainName,
  read,
  realClock,
  single,
  totals,
  trouble
};

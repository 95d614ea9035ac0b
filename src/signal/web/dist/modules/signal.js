// A module of Hilum's web client, MIT OR Apache-2.0. docs/embedding.md says how a page uses it.

// src/signal/messages.ts
var NOTES = ["running_late", "ten_minutes", "twenty_minutes", "call_us", "soon"];

// src/signal/index.ts
var PROTOCOL = "hilum.v1";
var PING_EVERY = 2e4;
var SILENCE = 3e4;
var PROOF = 1e3;
var FIRST_WAIT = 250;
var LONGEST_WAIT = 8e3;
var MOST_WAITING = 256;
var ENDS = {
  4400: "broken",
  4403: "forbidden",
  4409: "elsewhere",
  4410: "over"
};
var Signal = class {
  #options;
  #socket;
  #resume;
  #last = 0;
  #greeted = false;
  #everGreeted = false;
  #tries = 0;
  #waiting = [];
  #timers = /* @__PURE__ */ new Set();
  #done = false;
  #online = false;
  #lastHeard = 0;
  /** How many messages have come. */
  #words = 0;
  #proving = false;
  #lastSaid = 0;
  constructor(options) {
    this.#options = options;
  }
  get online() {
    return this.#online;
  }
  start() {
    if (!this.#socket && !this.#done) void this.#open();
  }
  /** Sends now, or as soon as the socket is back. */
  send(message) {
    if (this.#done) return;
    if (this.#greeted) this.#write(message);
    else if (message.t !== "ping" && message.t !== "wait" && this.#waiting.length < MOST_WAITING) {
      this.#waiting.push(message);
    }
  }
  /** The device says that its network is back: no need to wait for the next try. */
  hurry() {
    if (this.#done || this.#socket) return;
    this.#clear();
    this.#tries = 0;
    void this.#open();
  }
  /** The call hears nothing any more, so the network may be another one: the socket answers soon, or a new one is opened. */
  prove() {
    const socket = this.#socket;
    if (!socket || !this.#greeted || this.#proving) return;
    this.#proving = true;
    const heard = this.#words;
    this.#write({ t: "ping" });
    this.#after(PROOF, () => {
      this.#proving = false;
      if (socket !== this.#socket || this.#words > heard) return;
      socket.close();
      this.#drop();
      this.#say(false);
      this.hurry();
    });
  }
  /** Leaves for good. */
  leave() {
    if (this.#done) return;
    if (this.#greeted) this.#write({ t: "bye" });
    this.#end("left");
  }
  #end(why) {
    if (this.#done) return;
    this.#done = true;
    this.#clear();
    const socket = this.#socket;
    this.#drop();
    socket?.close(1e3);
    this.#say(false);
    this.#options.events.closed(why);
  }
  #write(message) {
    if (this.#socket?.readyState !== 1) return;
    this.#lastSaid = this.#options.clock.now();
    this.#socket.send(JSON.stringify(message));
  }
  async #open() {
    let greeting;
    try {
      greeting = this.#resume === void 0 ? { t: "hello", v: 1, ticket: await this.#options.ticket() } : { t: "resume", v: 1, resume: this.#resume, last: this.#last };
    } catch (error) {
      if (error.final) return this.#end("over");
      return this.#later();
    }
    if (this.#done || this.#socket) return;
    const socket = this.#options.connect();
    this.#socket = socket;
    this.#lastHeard = this.#options.clock.now();
    socket.onopen = () => this.#write(greeting);
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#heard(data);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    };
    this.#watch(socket);
  }
  #heard(data) {
    this.#lastHeard = this.#options.clock.now();
    this.#words += 1;
    let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (message.t === "welcome") return this.#welcome(message);
    if (typeof message.s === "number") {
      if (message.s <= this.#last) return;
      this.#last = message.s;
    }
    if (message.t !== "pong") this.#options.events.message(message);
  }
  #welcome(welcome) {
    this.#resume = welcome.resume;
    if (!welcome.resumed) {
      this.#last = 0;
      if (this.#everGreeted) this.#waiting = [];
    }
    this.#greeted = this.#everGreeted = true;
    this.#tries = 0;
    this.#options.events.welcome(welcome);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#write(message);
    this.#say(true);
  }
  #closed(code) {
    this.#drop();
    this.#say(false);
    const end = ENDS[code];
    if (end) return this.#end(end);
    if (code === 4401) {
      if (this.#resume === void 0 && this.#tries > 3) return this.#end("ticket");
      this.#resume = void 0;
    }
    if (code === 4503) this.#tries = 0;
    this.#later();
  }
  #drop() {
    if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = void 0;
    this.#greeted = this.#proving = false;
    this.#clear();
  }
  #later() {
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#tries);
    this.#tries += 1;
    const random = this.#options.random ?? Math.random;
    this.#after(wait / 2 + wait / 2 * random(), () => void this.#open());
  }
  #watch(socket) {
    this.#after(PING_EVERY / 8, () => {
      if (socket !== this.#socket) return;
      const now = this.#options.clock.now();
      if (now - this.#lastHeard >= SILENCE) {
        socket.close();
        this.#closed(1006);
        return;
      }
      const quiet = now - Math.min(this.#lastHeard, this.#lastSaid);
      if (quiet >= PING_EVERY && this.#greeted) this.#write({ t: "ping" });
      this.#watch(socket);
    });
  }
  #after(milliseconds, run) {
    const cancel = this.#options.clock.after(milliseconds, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }
  #clear() {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
  #say(online) {
    if (online === this.#online) return;
    this.#online = online;
    this.#options.events.online(online);
  }
};
export {
  NOTES,
  PROTOCOL,
  Signal
};

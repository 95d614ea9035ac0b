// Debian's Firefox ESR, driven over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which it speaks by itself on
// a WebSocket. A page of it has the two calls that this rig needs of playwright's: `goto` and `evaluate`.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

// Milliseconds for the start, for one command, and for the end.
const START = 60_000;
const COMMAND = 60_000;
const END = 10_000;

const PREFERENCES = {
  // Media that no device and no question is needed for.
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.navigator.video.default_width": 320,
  "media.navigator.video.default_height": 240,
  "media.navigator.video.default_fps": 15,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  // A relay on loopback is one like any other.
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "network.proxy.type": 0,
  // Pages in the background go on as if they were seen.
  "dom.min_background_timeout_value": 4,
  "dom.timeout.enable_budget_timer_throttling": false,
  "media.suspend-background-video.enabled": false,
  // One process for all pages starts faster.
  "dom.ipc.processCount": 1,
  "fission.autostart": false,
  // Nothing goes out but what the test asks for.
  "app.normandy.enabled": false,
  "app.update.auto": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.newtabpage.enabled": false,
  "browser.region.network.url": "",
  "browser.safebrowsing.downloads.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.search.update": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage": "about:blank",
  "browser.startup.page": 0,
  "datareporting.healthreport.uploadEnabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.systemAddon.update.enabled": false,
  "extensions.update.enabled": false,
  "media.gmp-manager.updateEnabled": false,
  "media.gmp-manager.url": "",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
  "toolkit.telemetry.server": "",
};

/** Rejects with `what` after so many milliseconds. */
function within(promise, milliseconds, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Commands and their results; events are not asked for. */
class Session {
  constructor(socket) {
    this.socket = socket;
    this.last = 0;
    this.waiting = new Map();
    socket.on("message", (text) => {
      const { id, type, result, error, message } = JSON.parse(text);
      const { resolve, reject } = this.waiting.get(id) ?? {};
      this.waiting.delete(id);
      if (type === "success") resolve?.(result);
      else reject?.(new Error(`${error}: ${message}`));
    });
    const closed = () => {
      for (const { reject } of this.waiting.values()) reject(new Error("Firefox has closed the connection"));
      this.waiting.clear();
    };
    socket.on("close", closed);
    socket.on("error", closed);
  }

  static async open(url, capabilities) {
    const socket = new WebSocket(`${url}/session`, { maxPayload: 1 << 26 });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const session = new Session(socket);
    await session.command("session.new", { capabilities });
    return session;
  }

  command(method, params) {
    const id = ++this.last;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return within(answer, COMMAND, method);
  }
}

class Page {
  constructor(session, context) {
    this.session = session;
    this.context = context;
  }

  async goto(url) {
    await this.session.command("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  /** Calls a function in the page. What goes in and out goes as JSON. */
  async evaluate(toCall, argument) {
    const { type, result, exceptionDetails } = await this.session.command("script.callFunction", {
      functionDeclaration: `async (text) => JSON.stringify(await (${toCall})(JSON.parse(text)))`,
      arguments: [{ type: "string", value: JSON.stringify(argument ?? null) }],
      awaitPromise: true,
      target: { context: this.context },
    });
    if (type === "exception") throw new Error(`in the page: ${exceptionDetails.text}`);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  }
}

/**
 * Starts Firefox with a profile of its own; `started(pid)` is told before anything can fail. `capabilities` are what is
 * asked of the session.
 */
export async function launch(executable, preferences, started, capabilities = {}) {
  const profile = await mkdtemp(path.join(tmpdir(), "firefox-"));
  const lines = Object.entries({ ...PREFERENCES, ...preferences }).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
  await writeFile(path.join(profile, "user.js"), lines.join(""));
  const child = spawn(executable, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const close = async () => {
    await Promise.race([ended, sleep(END, undefined, { ref: false })]);
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    const said = [];
    const url = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.stderr.on("data", (data) => {
        said.push(String(data));
        const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said.join(""));
        if (found) resolve(found[1]);
        if (said.length > 100) said.splice(0, 50);
      });
      ended.then((code) => reject(new Error(`Firefox ended with ${code}: ${said.join("").slice(-1000)}`)));
    });
    if (child.pid) started(child.pid);
    const session = await Session.open(await within(url, START, "Firefox listens for WebDriver BiDi"), capabilities);
    return {
      async newPage() {
        const { context } = await session.command("browsingContext.create", { type: "window" });
        return new Page(session, context);
      },
      async close() {
        await session.command("browser.close", {}).catch(() => {});
        await close();
      },
    };
  } catch (error) {
    if (child.pid && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
    if (child.pid) await close();
    throw error;
  }
}

// This device's microphone, camera and screen, as the page shows and sends them.
import { computed, signal } from "@preact/signals";
import { capture, constraints, single } from "../rtc";
import type { Choice, Trouble } from "../rtc";
import { audio } from "./announce";

const METER_EVERY = 120;

export type Kind = "microphone" | "camera" | "speaker";

export class LocalMedia {
  readonly microphone = signal<MediaStreamTrack | null>(null);
  readonly camera = signal<MediaStreamTrack | null>(null);
  readonly screen = signal<MediaStreamTrack | null>(null);
  readonly microphoneTrouble = signal<Trouble | undefined>(undefined);
  readonly cameraTrouble = signal<Trouble | undefined>(undefined);
  readonly muted = signal(false);
  readonly cameraOff = signal(false);
  /** How loud it is, 0 to 4. */
  readonly level = signal(0);
  readonly devices = signal<MediaDeviceInfo[]>([]);
  readonly speaker = signal("");
  readonly asking = signal(false);
  readonly asked = signal(false);
  /** A device went away and another took its place, or none could. */
  readonly lost = signal<Kind | undefined>(undefined);
  readonly cameraOn = computed(() => this.camera.value !== null && !this.cameraOff.value);
  #choice: Choice = {};
  #meter: ReturnType<typeof setInterval> | undefined;
  #unplug: (() => void) | undefined;

  /** Asks for both. Whatever is missing, the visit goes on. */
  async start(): Promise<void> {
    if (this.asking.value) return;
    this.asking.value = true;
    const seen = await capture(navigator.mediaDevices, this.#choice);
    this.asking.value = false;
    this.asked.value = true;
    this.microphoneTrouble.value = seen.audioTrouble;
    this.cameraTrouble.value = seen.videoTrouble;
    this.#hold("microphone", seen.audio);
    this.#hold("camera", seen.video);
    navigator.mediaDevices?.addEventListener("devicechange", this.#changed);
    document.addEventListener("visibilitychange", this.#seen);
    await this.#list();
  }

  async choose(kind: Kind, device: string): Promise<void> {
    if (kind === "speaker") {
      this.speaker.value = device;
      return;
    }
    this.#choice = { ...this.#choice, [kind]: device };
    await this.#again(kind);
  }

  chosen(kind: Kind): string {
    if (kind === "speaker") return this.speaker.value;
    return this[kind].value?.getSettings().deviceId ?? "";
  }

  toggleMute(): void {
    this.muted.value = !this.muted.value;
    if (this.microphone.value) this.microphone.value.enabled = !this.muted.value;
  }

  /** Off means off: the camera's lamp goes out. */
  async toggleCamera(): Promise<void> {
    this.cameraOff.value = !this.cameraOff.value;
    if (this.cameraOff.value) this.#hold("camera", null);
    else await this.#again("camera");
  }

  async share(): Promise<void> {
    try {
      const options = { video: { frameRate: { max: 15 } }, audio: false, monitorTypeSurfaces: "exclude" };
      const stream = await navigator.mediaDevices.getDisplayMedia(options);
      const [track] = stream.getVideoTracks();
      if (!track) return;
      track.contentHint = "detail";
      track.addEventListener("ended", () => this.unshare());
      this.screen.value = track;
    } catch {
      // The person changed their mind: nothing is shared, and nothing has to be said.
    }
  }

  unshare(): void {
    this.screen.value?.stop();
    this.screen.value = null;
  }

  stop(): void {
    this.unshare();
    this.#hold("microphone", null);
    this.#hold("camera", null);
    navigator.mediaDevices?.removeEventListener("devicechange", this.#changed);
    document.removeEventListener("visibilitychange", this.#seen);
    this.devices.value = [];
    this.asked.value = false;
  }

  #hold(kind: "microphone" | "camera", track: MediaStreamTrack | null): void {
    const old = this[kind].value;
    if (old === track) return;
    this[kind].value = track;
    if (old) {
      old.onended = null;
      old.stop();
    }
    if (track) track.onended = () => void this.#ended(kind);
    if (kind === "microphone") {
      if (track) track.enabled = !this.muted.value;
      this.#measure(track);
    }
  }

  /** The device was unplugged, or the system took it: another one takes over. */
  async #ended(kind: "microphone" | "camera"): Promise<void> {
    delete this.#choice[kind];
    await this.#again(kind);
    this.lost.value = kind;
  }

  async #again(kind: "microphone" | "camera"): Promise<void> {
    if (!navigator.mediaDevices) return;
    const media = kind === "microphone" ? "audio" : "video";
    // Some systems give a device to one taker only, so the old one is let go first.
    this.#hold(kind, null);
    const { track, trouble } = await single(navigator.mediaDevices, media, constraints(this.#choice)[media]);
    this[kind === "microphone" ? "microphoneTrouble" : "cameraTrouble"].value = trouble;
    this.#hold(kind, track);
    await this.#list();
  }

  readonly #changed = () => void this.#list();

  /** After a telephone call or a locked screen, tracks may look alive and bring nothing. */
  readonly #seen = () => {
    if (document.visibilityState !== "visible") return;
    for (const kind of ["microphone", "camera"] as const) {
      const track = this[kind].value;
      if (track && (track.readyState === "ended" || track.muted)) void this.#again(kind);
    }
    audio();
  };

  async #list(): Promise<void> {
    const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    this.devices.value = all.filter(({ deviceId }) => deviceId !== "");
  }

  #measure(track: MediaStreamTrack | null): void {
    clearInterval(this.#meter);
    this.#unplug?.();
    this.#unplug = undefined;
    this.level.value = 0;
    const context = track ? audio() : undefined;
    if (!track || !context) return;
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    source.connect(analyser);
    this.#unplug = () => source.disconnect();
    const samples = new Float32Array(analyser.fftSize);
    this.#meter = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      this.level.value = this.muted.value
        ? 0
        : Math.min(4, Math.floor(Math.max(0, Math.log10(power * 1000 + 0.001)) * 2));
    }, METER_EVERY);
  }
}

/** Which devices of a kind there are to choose from. */
export function choices(devices: MediaDeviceInfo[], kind: Kind): MediaDeviceInfo[] {
  const wanted = { microphone: "audioinput", camera: "videoinput", speaker: "audiooutput" }[kind];
  return devices.filter((device) => device.kind === wanted);
}

/** Only where the browser can; on an iPhone the choice breaks the sound. */
export function canChooseSpeaker(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype && !/iPhone|iPad/.test(navigator.userAgent);
}

/** Never on telephones: what calls itself able there is not. */
export function canShareScreen(): boolean {
  return "getDisplayMedia" in (navigator.mediaDevices ?? {}) && !/Android|iPhone|iPad/.test(navigator.userAgent);
}

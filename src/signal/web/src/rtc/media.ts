// Microphone and camera: asked for together, then singly, so that a missing camera never costs the voice.

/** Why a device is not there. `blocked` is the person's or the browser's no, `busy` another program's. */
export type Trouble = "blocked" | "missing" | "busy" | "unsupported";

export interface Captured {
  audio: MediaStreamTrack | null;
  video: MediaStreamTrack | null;
  audioTrouble?: Trouble;
  videoTrouble?: Trouble;
}

/** As much of navigator.mediaDevices as is needed. */
export type Devices = Pick<MediaDevices, "getUserMedia">;

export interface Choice {
  microphone?: string | undefined;
  camera?: string | undefined;
}

export function trouble(error: unknown): Trouble {
  switch ((error as DOMException | undefined)?.name) {
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

export function constraints(choice: Choice): { audio: MediaTrackConstraints; video: MediaTrackConstraints } {
  return {
    audio: {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(choice.microphone ? { deviceId: { exact: choice.microphone } } : {}),
    },
    video: {
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30, max: 30 },
      ...(choice.camera ? { deviceId: { exact: choice.camera } } : { facingMode: "user" }),
    },
  };
}

/** Both if possible, else each by itself. Never rejects: what is missing has its reason. */
export async function capture(devices: Devices | undefined, choice: Choice = {}): Promise<Captured> {
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
      ...(audio.trouble ? { audioTrouble: audio.trouble } : {}),
      ...(video.trouble ? { videoTrouble: video.trouble } : {}),
    };
  }
}

export async function single(
  devices: Devices,
  kind: "audio" | "video",
  wanted: MediaTrackConstraints,
): Promise<{ track: MediaStreamTrack | null; trouble?: Trouble }> {
  try {
    const stream = await devices.getUserMedia({ [kind]: wanted });
    return { track: stream.getTracks()[0] ?? null };
  } catch (error) {
    // A device that was chosen may be gone: any other is better than none.
    if ("deviceId" in wanted && trouble(error) === "missing") {
      const { deviceId: _gone, ...any } = wanted;
      return single(devices, kind, any);
    }
    return { track: null, trouble: trouble(error) };
  }
}

// What a screen reader is told, in one live region; and the two tones that somebody hears when a person comes.
import { signal } from "@preact/signals";

export const spoken = signal("");

/** Says something once. The same words twice are said twice. */
export function say(text: string): void {
  spoken.value = spoken.value === text ? `${text}\u00a0` : text;
}

let context: AudioContext | undefined;

/** The page's one audio context: browsers allow few, and it starts only after a press. */
export function audio(): AudioContext | undefined {
  if (!("AudioContext" in window)) return undefined;
  context ??= new AudioContext();
  if (context.state === "suspended") void context.resume();
  return context;
}

/** Soft tones one after the other, in hertz. */
export function chime(tones: number[] = [523, 659]): void {
  const at = audio();
  if (!at) return;
  for (const [index, hertz] of tones.entries()) {
    const [tone, volume] = [at.createOscillator(), at.createGain()];
    const begin = at.currentTime + index * 0.22;
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(0.12, begin + 0.03);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + 0.4);
    tone.connect(volume).connect(at.destination);
    tone.start(begin);
    tone.stop(begin + 0.45);
  }
}

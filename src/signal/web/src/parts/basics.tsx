// The small parts that every page is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { spoken } from "../model/announce";
import { LANGUAGES, language, speak, t } from "../texts";
import type { Language } from "../texts";

const PATHS = {
  camera:
    "M3 7.5A2.5 2.5 0 0 1 5.5 5h7A2.5 2.5 0 0 1 15 7.5v1.8l4.6-2.6a1 1 0 0 1 1.4.9v8.8a1 1 0 0 1-1.4.9L15 14.7v1.8a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 3 16.5z",
  mic: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11a1 1 0 1 0-2 0 8 8 0 0 0 7 7.9V21a1 1 0 1 0 2 0v-2.1A8 8 0 0 0 20 11a1 1 0 1 0-2 0 6 6 0 0 1-12 0z",
  chat: "M5.5 4h13A2.5 2.5 0 0 1 21 6.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.4 3.7A1 1 0 0 1 5 20v-3A2.5 2.5 0 0 1 3 14.5v-8A2.5 2.5 0 0 1 5.5 4z",
  more: "M6 10a2 2 0 1 1 0 4 2 2 0 0 1 0-4zm6 0a2 2 0 1 1 0 4 2 2 0 0 1 0-4zm6 0a2 2 0 1 1 0 4 2 2 0 0 1 0-4z",
  leave:
    "M12 8.5c-3.7 0-7 1.1-9 2.9a1.6 1.6 0 0 0-.4 1.9l.9 1.9a1.5 1.5 0 0 0 1.9.8l2.6-1a1.5 1.5 0 0 0 1-1.3l.1-1.5a13 13 0 0 1 5.8 0l.1 1.5a1.5 1.5 0 0 0 1 1.3l2.6 1a1.5 1.5 0 0 0 1.9-.8l.9-1.9a1.6 1.6 0 0 0-.4-1.9c-2-1.8-5.3-2.9-9-2.9z",
  shield:
    "M12 2.5 4.5 5.2a1 1 0 0 0-.7.9V11c0 4.7 3.1 8.7 7.8 10.4a1 1 0 0 0 .8 0c4.7-1.7 7.8-5.7 7.8-10.4V6.1a1 1 0 0 0-.7-.9z",
  check: "M9.5 16.2 5.7 12.4a1 1 0 0 0-1.4 1.4l4.5 4.5a1 1 0 0 0 1.4 0l9.5-9.5a1 1 0 0 0-1.4-1.4z",
  cross:
    "M6.7 5.3a1 1 0 0 0-1.4 1.4L10.6 12l-5.3 5.3a1 1 0 1 0 1.4 1.4l5.3-5.3 5.3 5.3a1 1 0 0 0 1.4-1.4L13.4 12l5.3-5.3a1 1 0 0 0-1.4-1.4L12 10.6z",
  lock: "M12 2a5 5 0 0 0-5 5v3H6.5A1.5 1.5 0 0 0 5 11.5v8A1.5 1.5 0 0 0 6.5 21h11a1.5 1.5 0 0 0 1.5-1.5v-8a1.5 1.5 0 0 0-1.5-1.5H17V7a5 5 0 0 0-5-5zm-3 8V7a3 3 0 0 1 6 0v3z",
  signal: "M4 15h3v5H4zm6.5-5h3v10h-3zM17 5h3v15h-3z",
  screen:
    "M4.5 4h15A1.5 1.5 0 0 1 21 5.5v10a1.5 1.5 0 0 1-1.5 1.5H13v2h3a1 1 0 1 1 0 2H8a1 1 0 1 1 0-2h3v-2H4.5A1.5 1.5 0 0 1 3 15.5v-10A1.5 1.5 0 0 1 4.5 4z",
  file: "M7 2.5h6.6a1 1 0 0 1 .7.3l4.4 4.4a1 1 0 0 1 .3.7V20a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 20V4A1.5 1.5 0 0 1 7 2.5zm6 2V8h3.5z",
  person:
    "M12 3.5a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4zM4.5 19a7.5 6 0 0 1 15 0 1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 19z",
  sound:
    "M4 9.5h3.2l4.1-3.7A1 1 0 0 1 13 6.5v11a1 1 0 0 1-1.7.7l-4.1-3.7H4a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1zm12.3-1.7a1 1 0 0 1 1.4 0 6 6 0 0 1 0 8.4 1 1 0 1 1-1.4-1.4 4 4 0 0 0 0-5.6 1 1 0 0 1 0-1.4z",
  bell: "M12 2.5a6 6 0 0 0-6 6v3.6l-1.6 3.1a1.2 1.2 0 0 0 1.1 1.8h13a1.2 1.2 0 0 0 1.1-1.8L18 12.1V8.5a6 6 0 0 0-6-6zM9.7 18.5a2.4 2.4 0 0 0 4.6 0z",
  clock:
    "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18zm0 3a1 1 0 0 0-1 1v5a1 1 0 0 0 .3.7l3 3a1 1 0 0 0 1.4-1.4L13 11.6V7a1 1 0 0 0-1-1z",
  phone:
    "M7.2 3.2 9.6 7a1.5 1.5 0 0 1-.2 1.8L8 10.2a12 12 0 0 0 5.8 5.8l1.4-1.4a1.5 1.5 0 0 1 1.8-.2l3.8 2.4a1.5 1.5 0 0 1 .6 1.8l-.7 1.9a1.5 1.5 0 0 1-1.5 1A16.5 16.5 0 0 1 2.5 4.8a1.5 1.5 0 0 1 1-1.5l1.9-.7a1.5 1.5 0 0 1 1.8.6z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}

interface PressProps {
  children: ComponentChildren;
  onPress: () => void;
  kind?: "primary" | "quiet" | "danger" | "plain";
  icon?: IconName;
  disabled?: boolean;
  wide?: boolean;
  label?: string;
}

export function Press({ children, onPress, kind = "quiet", icon, disabled, wide, label }: PressProps) {
  return (
    <button
      type="button"
      class={`press ${kind}${wide ? " wide" : ""}`}
      aria-label={label}
      disabled={disabled}
      onClick={onPress}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

/** The heading of a screen. It takes the focus when the screen comes, so that a screen reader begins there. */
export function Title({ children, quiet }: { children: ComponentChildren; quiet?: boolean }) {
  const at = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (!quiet) at.current?.focus();
  }, [quiet]);
  return (
    <h1 ref={at} tabIndex={-1}>
      {children}
    </h1>
  );
}

export function LanguagePicker() {
  return (
    <label class="language">
      <span class="hidden">{t("language")}</span>
      <select value={language.value} onChange={(event) => void speak(event.currentTarget.value as Language)}>
        {Object.entries(LANGUAGES).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The frame of every page that is not a call. */
export function Frame({
  name,
  children,
  wide,
}: {
  name?: string | undefined;
  children: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <div class={`frame${wide ? " broad" : ""}`}>
      <header>
        <p class="clinic">
          <span class="mark" aria-hidden="true" />
          {name || t("video_visit")}
        </p>
        <LanguagePicker />
      </header>
      <main>{children}</main>
      <footer>
        <Icon name="lock" />
        <p>{t("footer_private")}</p>
      </footer>
    </div>
  );
}

/** One live region for the whole page: what happens is said once. */
export function Spoken() {
  return (
    <div class="hidden" role="status" aria-live="polite">
      {spoken.value}
    </div>
  );
}

/** A dialog of the browser's own: it keeps the focus, and the Escape key closes it. */
export function Sheet(props: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const at = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    at.current?.showModal();
    return () => before?.focus();
  }, []);
  const outside = (event: MouseEvent) => {
    if (event.target === at.current) props.onClose();
  };
  return (
    <dialog
      ref={at}
      class={`sheet${props.wide ? " broad" : ""}`}
      aria-labelledby="sheet-title"
      onClose={props.onClose}
      onClick={outside}
    >
      <div class="sheet-body">
        <header>
          <h2 id="sheet-title">{props.title}</h2>
          <button type="button" class="press plain round" aria-label={t("close")} onClick={props.onClose}>
            <Icon name="cross" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** A moving picture of a track. */
export function Picture(props: {
  track: MediaStreamTrack | null | undefined;
  label: string;
  mirrored?: boolean;
  contain?: boolean;
}) {
  const at = useRef<HTMLVideoElement>(null);
  const { track } = props;
  useEffect(() => {
    const video = at.current;
    if (!video) return;
    video.srcObject = track ? new MediaStream([track]) : null;
    if (track) void video.play().catch(() => undefined);
  }, [track]);
  const kind = `${props.mirrored ? "mirrored" : ""} ${props.contain ? "contain" : ""}`;
  return (
    <video
      ref={at}
      class={kind}
      aria-label={props.label}
      muted
      playsInline
      autoPlay
      disablePictureInPicture={props.mirrored ?? false}
    />
  );
}

export function Phone({ number }: { number: string | undefined }) {
  if (!number) return null;
  return (
    <a class="press quiet" href={`tel:${number.replace(/[^+\d]/g, "")}`}>
      <Icon name="phone" />
      <span>
        {t("call_us_on")} <bdi dir="ltr">{number}</bdi>
      </span>
    </a>
  );
}

export interface FieldProps {
  label: string;
  value: string;
  onText: (text: string) => void;
  /** Nobody who looks on may read it. */
  secret?: boolean;
  autocomplete: "username" | "current-password" | "new-password" | "one-time-code";
  inputMode?: "text" | "numeric";
  pattern?: string;
  minLength?: number;
  required?: boolean;
  "aria-describedby"?: string;
}

/** A line that is typed, under its name. */
export function Field({ label, secret, onText, ...input }: FieldProps) {
  const onInput = (event: InputEvent & { currentTarget: HTMLInputElement }) => onText(event.currentTarget.value);
  const typed = { ...input, onInput };
  return (
    <label>
      <span>{label}</span>
      {secret ? <input type="password" {...typed} /> : <input {...typed} />}
    </label>
  );
}

// The device check: self-view, microphone meter, pickers, test sound, and help for what is blocked.
import type { ComponentChildren } from "preact";
import { chime } from "../model/announce";
import { canChooseSpeaker, choices } from "../model/media";
import type { Kind, LocalMedia } from "../model/media";
import type { NetworkCheck, Verdict } from "../model/network";
import type { Trouble } from "../rtc";
import { t } from "../texts";
import type { Key } from "../texts";
import { Icon, Picture, Press } from "./basics";
import type { IconName } from "./basics";

type Browser = "firefox" | "safari" | "chrome" | "app" | "other";

/** Which browser's address bar to draw. A page inside another program's window has no devices at all. */
export function browserOf(agent: string, hasDevices: boolean): Browser {
  if (!hasDevices || /; wv\)|FBAN|FBAV|Instagram|Line\//.test(agent)) return "app";
  if (/Firefox\/|FxiOS/.test(agent)) return "firefox";
  if (/Chrome\/|CriOS|Edg\//.test(agent)) return "chrome";
  return /Safari\//.test(agent) ? "safari" : "other";
}

function Blocked({ media, trouble }: { media: LocalMedia; trouble: Trouble }) {
  const browser = browserOf(navigator.userAgent, "mediaDevices" in navigator);
  const key = trouble === "blocked" ? (`help_${browser}` as Key) : (`trouble_${trouble}` as Key);
  return (
    <div class="blocked">
      {trouble === "blocked" && browser !== "app" && (
        <div class="bar-picture" aria-hidden="true" dir="ltr">
          <span class="bar-lock">
            <Icon name={browser === "firefox" ? "camera" : "lock"} />
          </span>
          <bdi>{location.host}</bdi>
          <span class="bar-arrow" />
        </div>
      )}
      <p>{t(key)}</p>
      {browser === "app" && trouble !== "busy" ? (
        <Press onPress={() => void navigator.clipboard?.writeText(location.href)}>{t("copy_link")}</Press>
      ) : (
        <Press onPress={() => void media.start()}>{t("try_again")}</Press>
      )}
    </div>
  );
}

export function SelfView({ media, guest }: { media: LocalMedia; guest?: boolean }) {
  const trouble = media.cameraTrouble.value;
  return (
    <figure class="selfview">
      <div class="pane">
        {media.camera.value ? (
          <Picture track={media.camera.value} label={t("your_picture")} mirrored />
        ) : trouble ? (
          <Blocked media={media} trouble={trouble} />
        ) : (
          <p class="nothing">
            <Icon name="camera" />
            {media.asking.value ? t("asking_camera") : t("camera_is_off")}
          </p>
        )}
      </div>
      {!guest && (
        <figcaption>
          <Icon name="lock" />
          {t("only_you_see")}
        </figcaption>
      )}
    </figure>
  );
}

function Row(props: { icon: IconName; name: string; state: "ok" | "bad" | "wait"; children: ComponentChildren }) {
  return (
    <li class={`check ${props.state}`}>
      <Icon name={props.icon} />
      <span class="check-name">{props.name}</span>
      <span class="check-word">{props.children}</span>
      <span class="tick">
        {props.state !== "wait" && <Icon name={props.state === "ok" ? "check" : "cross"} />}
        <span class="hidden">
          {t(props.state === "ok" ? "ready" : props.state === "bad" ? "not_ready" : "checking")}
        </span>
      </span>
    </li>
  );
}

export function Picker({ media, kind }: { media: LocalMedia; kind: Kind }) {
  const found = choices(media.devices.value, kind);
  const name = t(kind);
  if (found.length === 0) return null;
  return (
    <label class="picker">
      <span>{name}</span>
      <select value={media.chosen(kind)} onChange={(event) => void media.choose(kind, event.currentTarget.value)}>
        {found.map(({ deviceId, label }, index) => (
          <option key={deviceId} value={deviceId}>
            {label || `${name} ${index + 1}`}
          </option>
        ))}
      </select>
    </label>
  );
}

/** How loud it is. For the eye only: a screen reader would have no rest. */
function Meter({ media }: { media: LocalMedia }) {
  return (
    <span class="meter" aria-hidden="true">
      {[1, 2, 3, 4].map((step) => (
        <i key={step} class={media.level.value >= step ? "on" : ""} />
      ))}
    </span>
  );
}

const VERDICTS: Record<Verdict, { key: Key; state: "ok" | "bad" | "wait" }> = {
  running: { key: "checking", state: "wait" },
  good: { key: "network_good", state: "ok" },
  slow: { key: "network_slow", state: "ok" },
  none: { key: "network_none", state: "bad" },
  unknown: { key: "network_unknown", state: "wait" },
};

function deviceState(track: unknown, trouble: unknown): "ok" | "bad" | "wait" {
  return track ? "ok" : trouble ? "bad" : "wait";
}

export function DeviceCheck({ media, network }: { media: LocalMedia; network: NetworkCheck }) {
  const verdict = VERDICTS[network.verdict.value];
  const microphone = deviceState(media.microphone.value, media.microphoneTrouble.value);
  return (
    <>
      <ul class="checks">
        <Row icon="camera" name={t("camera")} state={deviceState(media.camera.value, media.cameraTrouble.value)}>
          {media.camera.value?.label || t(media.cameraTrouble.value ? "not_working" : "checking")}
        </Row>
        <Row icon="mic" name={t("microphone")} state={microphone}>
          {microphone === "ok" ? <Meter media={media} /> : t(microphone === "bad" ? "not_working" : "checking")}
        </Row>
        <Row icon="signal" name={t("connection")} state={verdict.state}>
          {t(verdict.key)}
        </Row>
      </ul>
      {media.microphoneTrouble.value && media.camera.value && (
        <Blocked media={media} trouble={media.microphoneTrouble.value} />
      )}
      <details class="more">
        <summary>{t("choose_devices")}</summary>
        <Pickers media={media} />
      </details>
    </>
  );
}

export function Pickers({ media }: { media: LocalMedia }) {
  return (
    <div class="pickers">
      <Picker media={media} kind="camera" />
      <Picker media={media} kind="microphone" />
      {canChooseSpeaker() && <Picker media={media} kind="speaker" />}
      <Press icon="sound" onPress={() => chime([523, 659, 784])}>
        {t("play_sound")}
      </Press>
    </div>
  );
}

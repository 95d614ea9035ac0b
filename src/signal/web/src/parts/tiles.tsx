// The people in a call, as the page shows them.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Other, Trust } from "../model/call";
import type { LocalMedia } from "../model/media";
import { t } from "../texts";
import type { Key } from "../texts";
import { Icon, Picture, Press } from "./basics";

export function roleName(role: string): string {
  return t(`role_${role}` as Key);
}

export function nameOf(other: Other): string {
  return other.name.value || roleName(other.role);
}

/** The other person's voice. A browser that wants a press before it plays gets a button for it. */
function Voice({ other, media }: { other: Other; media: LocalMedia }) {
  const at = useRef<HTMLAudioElement>(null);
  const [silent, setSilent] = useState(false);
  const track = other.audio.value;
  const speaker = media.speaker.value;
  useEffect(() => {
    const audio = at.current;
    if (!audio || !track) return;
    audio.srcObject = new MediaStream([track]);
    audio.play().then(
      () => setSilent(false),
      () => setSilent(true),
    );
  }, [track]);
  useEffect(() => {
    const audio = at.current as (HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> }) | null;
    if (speaker && audio?.setSinkId) void audio.setSinkId(speaker).catch(() => undefined);
  }, [speaker]);
  const press = () => void at.current?.play().then(() => setSilent(false));
  return (
    <>
      <audio ref={at} autoPlay />
      {silent && (
        <Press kind="primary" icon="sound" onPress={press}>
          {t("press_to_hear")}
        </Press>
      )}
    </>
  );
}

export function trustName(trust: Trust): Key {
  const names: Partial<Record<Trust, Key>> = {
    match: "trust_match",
    words: "trust_private",
    unverified: "trust_unverified",
  };
  return names[trust] ?? "trust_waiting";
}

function Badge({ other }: { other: Other }) {
  const trust = other.trust.value;
  return (
    <span class={`badge trust-${trust}`}>
      <Icon name="shield" />
      <span>{t(trustName(trust))}</span>
    </span>
  );
}

interface TileProps {
  other: Other;
  media: LocalMedia;
  pinned: boolean;
  many: boolean;
  onPin: () => void;
}

export function Tile({ other, media, pinned, many, onPin }: TileProps) {
  const name = nameOf(other);
  const connected = other.state.value === "connected";
  const trouble = other.outlook.value !== "steady";
  const shares = other.screenOn.value && other.screen.value;
  const picture = shares ? other.screen.value : other.cameraOn.value ? other.camera.value : undefined;
  return (
    <section class={`tile${pinned ? " pinned" : ""}${shares ? " sharing" : ""}`} aria-label={name}>
      {picture && connected ? (
        <Picture track={picture} label={t(shares ? "screen_of" : "picture_of", { name })} contain={Boolean(shares)} />
      ) : (
        <div class="nobody">
          <span class="head">
            <Icon name="person" />
          </span>
          <p>
            {!connected && !trouble
              ? t("connecting_to", { name })
              : trouble
                ? t("reconnecting_short")
                : t("no_picture", { name })}
          </p>
        </div>
      )}
      <p class="plate">
        <span>{name}</span>
        {!other.microphoneOn.value && connected && <span class="muted-mark">{t("is_muted")}</span>}
        {(many || other.trust.value === "unverified") && <Badge other={other} />}
      </p>
      {many && (
        <button type="button" class="press plain pin" aria-pressed={pinned} onClick={onPin}>
          {t(pinned ? "unpin" : "pin")}
          <span class="hidden"> {name}</span>
        </button>
      )}
      <Voice other={other} media={media} />
    </section>
  );
}

/** One's own picture in the call: hidden or moved to another corner, by mouse or keyboard. */
export function OwnTile({ media, at }: { media: LocalMedia; at: number }) {
  const [chosen, setChosen] = useState<number>();
  const corner = chosen ?? at;
  const [hidden, setHidden] = useState(false);
  return (
    <section class={`own corner${corner}${chosen === undefined ? " unmoved" : ""}${hidden ? " away" : ""}`} aria-label={t("you")}>
      {!hidden &&
        (media.cameraOn.value && media.camera.value ? (
          <Picture track={media.camera.value} label={t("your_picture")} mirrored />
        ) : (
          <p class="nothing">{t("camera_is_off")}</p>
        ))}
      <div class="own-buttons">
        {!hidden && (
          <button type="button" class="press plain" onClick={() => setChosen((corner + 1) % 4)}>
            {t("move")}
            <span class="hidden"> {t("your_picture")}</span>
          </button>
        )}
        <button type="button" class="press plain" onClick={() => setHidden(!hidden)}>
          {t(hidden ? "show_me" : "hide")}
          {!hidden && <span class="hidden"> {t("your_picture")}</span>}
        </button>
      </div>
    </section>
  );
}

export function Captions({ others }: { others: Other[] }) {
  const lines = others.filter(({ caption }) => caption.value !== "");
  return (
    <div class={`captions${lines.length ? "" : " empty"}`} role="log" aria-live="polite" aria-label={t("captions")}>
      {lines.map((other) => (
        <p key={other.id} dir="auto">
          {other.caption.value}
        </p>
      ))}
    </div>
  );
}

// The call: the others, oneself, one bar with five buttons, and what has to be said about safety and connection.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { say } from "../model/announce";
import type { Call, Other, Trust } from "../model/call";
import { canShareScreen } from "../model/media";
import type { LocalMedia } from "../model/media";
import type { Grade } from "../rtc";
import { count, t } from "../texts";
import type { Key } from "../texts";
import { Icon, LanguagePicker, Press, Sheet } from "./basics";
import type { IconName } from "./basics";
import { Chat } from "./chat";
import { Pickers } from "./devices";
import { Captions, OwnTile, Tile, nameOf, trustName } from "./tiles";

interface ToolProps {
  icon: IconName;
  text: string;
  onPress: () => void;
  pressed?: boolean;
  kind?: string;
  note?: number;
}

function Tool({ icon, text, onPress, pressed, kind = "", note }: ToolProps) {
  return (
    <button type="button" class={`tool ${kind}`} aria-pressed={pressed} onClick={onPress}>
      <Icon name={icon} />
      <span>{text}</span>
      {note ? (
        <span class="count">
          {note}
          <span class="hidden"> {t("unread")}</span>
        </span>
      ) : null}
    </button>
  );
}

/** The one line at the top that tells what is going on, and goes away by itself. */
function notice(call: Call, media: LocalMedia): string {
  const ghost = call.others.value.find(({ trust }) => trust.value === "unverified");
  if (ghost) return t("notice_ghost", { name: nameOf(ghost) });
  if (call.outlook.value === "help") return t("notice_help");
  if (call.outlook.value === "away") return t("notice_away");
  if (call.pictureStopped.value) return t("notice_picture");
  if (media.lost.value) return t(media.lost.value === "camera" ? "notice_camera_lost" : "notice_microphone_lost");
  if (call.serviceAway.value) return t("notice_service");
  return "";
}

function Notice({ call, media, phone }: { call: Call; media: LocalMedia; phone: string | undefined }) {
  const text = notice(call, media);
  useEffect(() => {
    if (text) say(text);
    if (!media.lost.value) return undefined;
    const timer = setTimeout(() => (media.lost.value = undefined), 6000);
    return () => clearTimeout(timer);
  }, [text]);
  if (!text) return null;
  return (
    <p class="notice">
      {text}
      {call.outlook.value === "help" && phone && (
        <>
          {" "}
          {t("call_us_on")} <bdi dir="ltr">{phone}</bdi>
        </>
      )}
    </p>
  );
}

function Words({ call, other }: { call: Call; other: Other }) {
  const safety = other.safety.value;
  const trust = other.trust.value;
  const [asNumbers, setAsNumbers] = useState(false);
  if (!safety) return <p>{t(trust === "unverified" ? "notice_ghost" : "safety_wait", { name: nameOf(other) })}</p>;
  return (
    <section class="words" aria-label={nameOf(other)}>
      <h3>{t("safety_with", { name: nameOf(other) })}</h3>
      <p>{t("safety_read")}</p>
      <ol lang="en" dir="ltr">
        {safety.words.map((word, index) => (
          <li key={word}>{asNumbers ? safety.numbers[index] : word}</li>
        ))}
      </ol>
      <button type="button" class="press plain" aria-pressed={asNumbers} onClick={() => setAsNumbers(!asNumbers)}>
        {t("safety_numbers")}
      </button>
      {trust === "match" ? (
        <p class="good">
          <Icon name="check" /> {t("safety_matched")}
        </p>
      ) : (
        <p class="choices">
          <Press kind="primary" onPress={() => call.match(other)}>
            {t("safety_match")}
          </Press>
          <Press kind="danger" onPress={() => call.differ(other)}>
            {t("safety_differ")}
          </Press>
        </p>
      )}
      <p class="hint">{t("safety_why")}</p>
    </section>
  );
}

/** The least of them is what the shield of the whole call says. */
const TRUSTS: Trust[] = ["broken", "unverified", "waiting", "words", "match"];

const ORDER: Grade[] = ["poor", "fair", "good"];

function worst(grades: (Grade | undefined)[]): Grade | undefined {
  return ORDER.find((grade) => grades.includes(grade));
}

function gradeName(grade: Grade | undefined): string {
  return grade ? t(`grade_${grade}` as Key) : t("checking");
}

function Numbers({ others }: { others: Other[] }) {
  const ways: Record<string, Key> = { udp: "way_udp", tcp: "way_tcp", tls: "way_tls" };
  return (
    <dl class="numbers">
      {others.map((other) => {
        const seen = other.totals.value;
        return (
          <div key={other.id}>
            <dt>{nameOf(other)}</dt>
            <dd>
              {t("numbers_own", { grade: gradeName(other.own.value) })}
              <br />
              {t("numbers_theirs", { grade: gradeName(other.theirs.value) })}
              <br />
              {t("numbers_delay", { ms: count(Math.round((seen?.own.rtt ?? 0) * 1000)) })}
              {seen?.through && ways[seen.through] ? `, ${t(ways[seen.through] as Key)}` : ""}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

export interface CallViewProps {
  call: Call;
  media: LocalMedia;
  role: string;
  phone?: string | undefined;
  onLeave: () => void;
  /** Only the clinician has these. */
  onEnd?: (() => void) | undefined;
  invite?: ComponentChildren;
  aside?: ComponentChildren;
}

type Panel = "more" | "shield" | "numbers" | "devices" | "leave" | "invite" | "caption" | undefined;

export function CallView(props: CallViewProps) {
  const { call, media } = props;
  const [panel, setPanel] = useState<Panel>();
  const [pinned, setPinned] = useState<string>();
  const [large, setLarge] = useState(false);
  const others = call.others.value;
  useEffect(() => {
    say(others.length ? t("in_call_with", { names: others.map(nameOf).join(", ") }) : t("alone_in_call"));
  }, [others.length]);
  const close = () => setPanel(undefined);
  const many = others.length > 1;
  // An interpreter who types or signs is large until somebody chooses otherwise.
  const chosen = pinned === "" || others.some(({ id }) => id === pinned) ? pinned : undefined;
  const front = chosen ?? others.find(({ role, screenOn }) => role === "captioner" || screenOn.value)?.id;
  // Where it covers nobody's name and no button: beside the small ones, or below in the first of several.
  const corner = !many ? 0 : front && others.length === 2 ? 1 : 2;
  const own = worst(others.map((each) => each.own.value));
  const theirs = worst(others.map((each) => each.theirs.value));
  const trust = TRUSTS.find((each) => others.some((other) => other.trust.value === each));
  return (
    <div class={`call n${others.length}${call.chatOpen.value ? " with-chat" : ""}${large ? " large" : ""}`}>
      <h1 class="hidden">{t("video_visit")}</h1>
      <main class="stage">
        <div class="top">
          <Notice call={call} media={media} phone={props.phone} />
          {props.aside}
        </div>
        {media.screen.value && (
          <p class="sharing-bar">
            <Icon name="screen" /> {t("you_share")}
            <Press kind="danger" onPress={() => media.unshare()}>
              {t("stop_sharing")}
            </Press>
          </p>
        )}
        <div class={`tiles${many && front ? " has-pinned" : ""}`}>
          {others.map((other) => (
            <Tile
              key={other.id}
              other={other}
              media={media}
              many={many}
              pinned={many && front === other.id}
              onPin={() => setPinned(front === other.id ? "" : other.id)}
            />
          ))}
          {others.length === 0 && (
            <div class="tile nobody">
              <span class="head">
                <Icon name="person" />
              </span>
              <p>{t("alone_in_call")}</p>
            </div>
          )}
        </div>
        <Captions others={others} />
        <OwnTile media={media} at={corner} />
        <div class="marks">
          <button
            type="button"
            class={`press mark-button trust-${trust ?? "waiting"}`}
            onClick={() => setPanel("shield")}
          >
            <Icon name="shield" />
            <span>{t(others.length ? trustName(trust ?? "waiting") : "trust_nobody")}</span>
          </button>
          <button type="button" class="press mark-button" onClick={() => setPanel("numbers")}>
            <Icon name="signal" />
            <span>{own ? t("quality_line", { own: gradeName(own), theirs: gradeName(theirs) }) : t("connection")}</span>
          </button>
        </div>
      </main>
      {call.chatOpen.value && <Chat call={call} />}
      <nav class="bar" aria-label={t("controls")}>
        <Tool
          icon="mic"
          text={t(media.muted.value ? "unmute" : "mute")}
          pressed={media.muted.value}
          onPress={() => media.toggleMute()}
        />
        <Tool
          icon="camera"
          text={t(media.cameraOn.value ? "camera_off" : "camera_on")}
          pressed={!media.cameraOn.value}
          onPress={() => void media.toggleCamera()}
        />
        <Tool
          icon="chat"
          text={t("chat")}
          note={call.unread.value}
          pressed={call.chatOpen.value}
          onPress={() => call.openChat(!call.chatOpen.value)}
        />
        <Tool icon="more" text={t("more")} onPress={() => setPanel("more")} />
        <Tool icon="leave" text={t("leave")} kind="end" onPress={() => setPanel("leave")} />
      </nav>
      {panel === "more" && (
        <Sheet title={t("more")} onClose={close}>
          <div class="menu">
            {call.options.policy.screen && canShareScreen() && (
              <Press icon="screen" wide onPress={() => (close(), void media.share())}>
                {t("share_screen")}
              </Press>
            )}
            <Press icon="camera" wide onPress={() => setPanel("devices")}>
              {t("choose_devices")}
            </Press>
            {props.invite && (
              <Press icon="person" wide onPress={() => setPanel("invite")}>
                {t("invite")}
              </Press>
            )}
            <Press icon="chat" wide onPress={() => setPanel("caption")}>
              {t("type_captions")}
            </Press>
            <button type="button" class="press quiet wide" aria-pressed={large} onClick={() => setLarge(!large)}>
              {t("large_text")}
            </button>
            <label class="picker">
              <span>{t("your_name")}</span>
              <input
                maxLength={40}
                value={call.name.value}
                autocomplete="off"
                onChange={(event) => (call.name.value = event.currentTarget.value.trim())}
              />
              <small>{t("your_name_hint")}</small>
            </label>
            <LanguagePicker />
          </div>
        </Sheet>
      )}
      {panel === "shield" && (
        <Sheet title={t("safety_title")} onClose={close}>
          {others.length === 0 && <p>{t("alone_in_call")}</p>}
          {others.map((other) => (
            <Words key={other.id} call={call} other={other} />
          ))}
        </Sheet>
      )}
      {panel === "numbers" && (
        <Sheet title={t("connection")} onClose={close}>
          <p>{t(own === "poor" ? "quality_yours" : theirs === "poor" ? "quality_theirs" : "quality_fine")}</p>
          <Numbers others={others} />
        </Sheet>
      )}
      {panel === "devices" && (
        <Sheet title={t("choose_devices")} onClose={close}>
          <Pickers media={media} />
        </Sheet>
      )}
      {panel === "invite" && (
        <Sheet title={t("invite")} onClose={close}>
          {props.invite}
        </Sheet>
      )}
      {panel === "caption" && (
        <Sheet title={t("type_captions")} onClose={close}>
          <label class="picker">
            <span>{t("captions_hint")}</span>
            <textarea
              rows={3}
              dir="auto"
              maxLength={300}
              onInput={(event) => call.captionLine(event.currentTarget.value)}
            />
          </label>
        </Sheet>
      )}
      {panel === "leave" && (
        <Sheet title={t("leave_title")} onClose={close}>
          <div class="menu">
            {props.onEnd && (
              <Press kind="danger" wide onPress={props.onEnd}>
                {t("end_for_all")}
              </Press>
            )}
            <Press kind={props.onEnd ? "quiet" : "danger"} wide onPress={props.onLeave}>
              {t(props.onEnd ? "leave_others" : "leave")}
            </Press>
            <Press wide onPress={close}>
              {t("stay")}
            </Press>
          </div>
        </Sheet>
      )}
    </div>
  );
}

// The patient's page: everything from opening the link to closing the window.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Visit } from "../model/visit";
import { say } from "../model/announce";
import { Frame, Icon, Phone, Press, Title } from "../parts/basics";
import { CallView } from "../parts/call";
import { DeviceCheck, SelfView } from "../parts/devices";
import { clockTime, day, t } from "../texts";
import type { Key } from "../texts";

export function page() {
  return <Patient />;
}

function Patient() {
  const visit = useMemo(() => new Visit(), []);
  useEffect(() => void visit.begin(), [visit]);
  useEffect(() => {
    document.title = t("video_visit");
  });
  const phase = visit.phase.value;
  if (phase === "loading") {
    return (
      <Frame>
        <p class="loading" role="status">
          {t("one_moment")}
        </p>
      </Frame>
    );
  }
  if (phase === "door") return <Door visit={visit} />;
  if (phase === "waiting") return <Waiting visit={visit} />;
  const call = visit.call.value;
  if (phase === "call" && call) {
    const { phone } = visit.look.value?.clinic ?? {};
    return (
      <CallView call={call} media={visit.media} role={visit.role.value} phone={phone} onLeave={() => visit.leave()} />
    );
  }
  if (phase === "after") return <After visit={visit} />;
  return <End visit={visit} />;
}

function clinicOf(visit: Visit) {
  return visit.look.value?.clinic;
}

/** Turns once a second. */
function useNow(visit: Visit): number {
  const [now, setNow] = useState(visit.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(visit.now()), 1000);
    return () => clearInterval(timer);
  }, [visit]);
  return now;
}

function Countdown({ visit, opens }: { visit: Visit; opens: number }) {
  const left = Math.max(0, Math.ceil(opens - useNow(visit)));
  useEffect(() => {
    if (left === 0) void visit.opened();
  }, [left === 0]);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(left / 3600);
  const text = `${hours ? `${hours}:` : ""}${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
  return (
    <div class="countdown">
      <p>{t("opens_at", { time: clockTime(opens) })}</p>
      <p class="digits" role="timer" dir="ltr">
        {text}
      </p>
    </div>
  );
}

function Door({ visit }: { visit: Visit }) {
  const look = visit.look.value;
  const early = look?.state === "early";
  const armed = visit.armed.value;
  const starts = look?.opens ?? 0;
  return (
    <Frame name={clinicOf(visit)?.name}>
      <section class="card center door">
        <Title>{t("your_appointment")}</Title>
        <p class="when">{day(starts)}</p>
        {early && <Countdown visit={visit} opens={starts} />}
        {armed ? (
          <p class="calm" role="status">
            {t("armed")}
          </p>
        ) : (
          <Press kind="primary" wide disabled={visit.joining.value} onPress={() => void visit.join()}>
            {t(early ? "join_early" : "join")}
          </Press>
        )}
        {!early && <p class="hint">{t("join_hint", { time: clockTime(look?.ends ?? 0) })}</p>}
      </section>
      <details class="more">
        <summary>{t("what_you_need")}</summary>
        <ul class="plain">
          {(["need_1", "need_2", "need_3"] as const).map((key) => (
            <li key={key}>{t(key)}</li>
          ))}
        </ul>
      </details>
      <p class="center">
        <a href="/test" target="_blank" rel="noreferrer">
          {t("test_device")}
        </a>
      </p>
    </Frame>
  );
}

function Waiting({ visit }: { visit: Visit }) {
  const { media, network } = visit;
  const waited = useNow(visit) - visit.since.value;
  const clinic = clinicOf(visit);
  const note = visit.note.value;
  const long = waited > visit.waitMinutes.value * 60 || note === "call_us";
  const noteText = note ? t(`note_${note}` as Key) : "";
  useEffect(() => {
    if (noteText) say(noteText);
  }, [noteText]);
  return (
    <Frame name={clinic?.name} wide>
      <div class="two">
        <section aria-label={t("device_check")} class="panel">
          <SelfView media={media} />
          <DeviceCheck media={media} network={network} />
          {network.verdict.value === "none" && <p class="look">{t("network_none_help")}</p>}
        </section>
        <section class="card calm-card">
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <Title>{t("waiting_title")}</Title>
          <p>{t("waiting_text")}</p>
          <p class="since">
            <Icon name="clock" /> {t("since", { time: clockTime(visit.since.value) })}
          </p>
          {noteText && <p class="note">{noteText}</p>}
          {!visit.online.value && <p class="look">{t("notice_service")}</p>}
          {media.asked.value && !media.camera.value && (
            <p class="note">{t(media.microphone.value ? "sound_only" : "listen_only")}</p>
          )}
          {long && (
            <div class="note">
              <p>{clinic?.help || t("waiting_long")}</p>
              <Phone number={clinic?.phone} />
            </div>
          )}
          <Press kind="plain" onPress={() => visit.leave()}>
            {t("leave_waiting")}
          </Press>
        </section>
      </div>
    </Frame>
  );
}

function After({ visit }: { visit: Visit }) {
  const [given, setGiven] = useState(0);
  const rate = (stars: number) => {
    setGiven(stars);
    void visit.rate(stars);
  };
  return (
    <Frame name={clinicOf(visit)?.name}>
      <section class="card center">
        <span class="big-tick" aria-hidden="true">
          <Icon name="check" />
        </span>
        <Title>{t("after_title")}</Title>
        <p>{t("after_text")}</p>
        {given ? (
          <p class="calm" role="status">
            {t("rating_thanks")}
          </p>
        ) : (
          <fieldset class="rating">
            <legend>{t("rating_ask")}</legend>
            <div class="stars">
              {([1, 2, 3, 4, 5] as const).map((stars) => (
                <button key={stars} type="button" class="press quiet" onClick={() => rate(stars)}>
                  <b>{stars}</b>
                  <span>{t(`rating_${stars}`)}</span>
                </button>
              ))}
            </div>
          </fieldset>
        )}
        <p class="hint">{t("close_page")}</p>
        {visit.left.value && <Press onPress={() => void visit.retry()}>{t("come_back")}</Press>}
      </section>
    </Frame>
  );
}

const ENDINGS: Record<string, { title: Key; text: Key }> = {
  used: { title: "used_title", text: "used_text" },
  over: { title: "over_title", text: "over_text" },
  unknown: { title: "unknown_title", text: "unknown_text" },
  elsewhere: { title: "elsewhere_title", text: "elsewhere_text" },
  declined: { title: "declined_title", text: "declined_text" },
  offline: { title: "offline_title", text: "offline_text" },
  danger: { title: "danger_title", text: "danger_text" },
};

/** What happened, whose side, what to do next. */
function End({ visit }: { visit: Visit }) {
  const phase = visit.phase.value;
  const ending = ENDINGS[phase] ?? ENDINGS.offline;
  const clinic = clinicOf(visit);
  if (!ending) return null;
  return (
    <Frame name={clinic?.name}>
      <section class={`card center${phase === "danger" ? " danger-card" : ""}`}>
        {phase === "danger" && (
          <span class="big-tick warn" aria-hidden="true">
            <Icon name="shield" />
          </span>
        )}
        <Title>{t(ending.title)}</Title>
        <p>{t(ending.text)}</p>
        {phase === "used" && (
          <p class="hint" role="status">
            {t("used_wait")}
          </p>
        )}
        {["offline", "used", "declined"].includes(phase) && (
          <Press kind="primary" onPress={() => void visit.retry()}>
            {t("try_again")}
          </Press>
        )}
        <Phone number={clinic?.phone} />
      </section>
    </Frame>
  );
}

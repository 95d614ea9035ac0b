// The operator's page: one sentence first, then what needs somebody, then what stands behind it. Nothing of a call or a
// person is on it.
import { useEffect, useMemo } from "preact/hooks";
import { say } from "../model/announce";
import { api } from "../model/api";
import type { Status } from "../model/api";
import { Watch } from "../model/status";
import { Frame, Icon, Press, Title } from "../parts/basics";
import { clockTime, count, moment, t } from "../texts";
import type { Key } from "../texts";

export function page() {
  return <Operator />;
}

const DAY = 86_400;
/** What there is a sentence for; another alarm is shown by its name. */
const ALARMS = ["certificate_ends", "certificate", "audit", "syslog", "journal", "shards", "keys", "store"];

function Operator() {
  const watch = useMemo(() => new Watch(), []);
  const { fault, paused, status } = watch;
  useEffect(() => watch.begin(), [watch]);
  const alarms = status.value?.alarms.length ?? 0;
  useEffect(() => {
    document.title = alarms ? `(${alarms}) ${t("status_title")}` : t("status_title");
  });
  if (fault.value === "signed_out" || fault.value === "forbidden") {
    return (
      <Frame>
        <section class="card center">
          <Title>{t("status_title")}</Title>
          <p>{t("status_forbidden")}</p>
          <a class="press primary" href="/staff">
            <span>{t("sign_in")}</span>
          </a>
        </section>
      </Frame>
    );
  }
  const signOut = () => void api.signOut().finally(() => location.assign("/staff"));
  return (
    <Frame wide name="Hilum">
      <section class="status staffish">
        {fault.value && (
          <p class="look" role="status">
            {t("status_offline", { time: status.value ? clockTime(status.value.now) : "–" })}
          </p>
        )}
        {status.value ? <Board status={status.value} /> : <p class="loading">{t("one_moment")}</p>}
        <div class="choices">
          <Press onPress={() => watch.pause(!paused.value)}>{t(paused.value ? "status_go_on" : "status_pause")}</Press>
          <Press kind="plain" onPress={signOut}>
            {t("sign_out")}
          </Press>
          <p class="hint">
            {status.value && t(paused.value ? "status_paused" : "status_as_of", { time: moment(status.value.now) })}
          </p>
        </div>
      </section>
    </Frame>
  );
}

type Line = [name: string, value: string];

function Card({ title, lines }: { title: Key; lines: Line[] }) {
  return (
    <section class="card">
      <h2>{t(title)}</h2>
      <dl>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <bdi>{value}</bdi>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function bits(value: number): string {
  return value >= 1e6 ? `${count(value / 1e6)} Mbit/s` : `${count(value / 1e3)} kbit/s`;
}

function days(seconds: number): string {
  return t("in_days", { days: count(Math.max(0, Math.floor(seconds / DAY))) });
}

/** Of all certificates, the one that ends first. */
function firstEnd({ certificates, now }: Status): number | undefined {
  return certificates.length ? Math.min(...certificates.map(({ ends }) => ends)) - now : undefined;
}

function sentence(status: Status): string {
  const { alarms, draining, visits } = status;
  if (alarms.length) return t("status_look", { number: count(alarms.length) });
  if (draining) return t("status_draining");
  const end = firstEnd(status);
  const calls = count(visits.calls);
  return end === undefined ? t("status_well", { calls }) : t("status_well_until", { calls, days: days(end) });
}

function Board({ status }: { status: Status }) {
  const { alarms, draining } = status;
  const words = sentence(status);
  const names = alarms.join();
  useEffect(() => say(words), [names, draining]);
  return (
    <>
      <div class={`sentence${alarms.length ? " trouble" : draining ? " aside" : ""}`}>
        <Icon name={alarms.length ? "bell" : "check"} />
        <Title>{words}</Title>
      </div>
      {alarms.length > 0 && (
        <ul class="alarms">
          {alarms.map((alarm) => (
            <li key={alarm}>
              {ALARMS.includes(alarm) ? t(`alarm_${alarm}` as Key) : t("alarm_other", { name: alarm })}
            </li>
          ))}
        </ul>
      )}
      <div class="cards">
        <Traffic status={status} />
        <Safety status={status} />
        <Refused refused={status.refused} />
      </div>
      <p class="hint">
        <bdi dir="ltr">Hilum {status.version}</bdi>, {t("status_since", { time: moment(status.started) })}
      </p>
    </>
  );
}

function Traffic({ status }: { status: Status }) {
  const { allocations, bits: flow, hanging, listeners, paths, shards, visits } = status;
  const upper = (counts: Record<string, number>): Line[] =>
    Object.entries(counts).map(([name, value]) => [name === "door" ? t("status_door") : name.toUpperCase(), count(value)]);
  const pair = (now: string, peak: string): Line[] => [
    [t("now"), now],
    [t("peak"), peak],
  ];
  return (
    <>
      <Card
        title="status_visits"
        lines={[
          [t("status_calls"), count(visits.calls)],
          [t("status_waiting"), count(visits.waiting)],
          [t("status_appointments"), count(visits.appointments)],
          [t("status_sockets"), count(visits.sockets)],
        ]}
      />
      <Card title="status_allocations" lines={pair(count(allocations.now), count(allocations.peak))} />
      <Card title="status_bandwidth" lines={pair(bits(flow.now), bits(flow.peak))} />
      <Card title="status_paths" lines={upper(paths)} />
      <Card
        title="status_relay"
        lines={[
          [t("status_shards"), hanging ? t("status_hanging", { hanging, shards }) : count(shards)],
          ...upper(listeners).map<Line>(([way, number]) => [t("status_listens", { way }), number]),
        ]}
      />
    </>
  );
}

function Safety({ status }: { status: Status }) {
  const { audit, certificates, keys, now } = status;
  const ends = ({ ends: end, alarm }: Status["certificates"][number]) =>
    end <= now ? t("status_ended") : `${days(end - now)}${alarm ? " !" : ""}`;
  const one = certificates.length === 1;
  return (
    <>
      {(certificates.length > 0 || keys) && (
        <Card
          title="status_keys"
          lines={[
            ...certificates.map<Line>((each, at) => [
              one ? t("status_certificate") : t("status_certificate_number", { number: count(at + 1) }),
              ends(each),
            ]),
            ...(keys ? ([[t("status_accepted"), count(keys.accepted)]] as Line[]) : []),
            ...(keys?.oldest === undefined ? [] : ([[t("status_oldest"), days(keys.oldest)]] as Line[])),
          ]}
        />
      )}
      {audit && (
        <Card
          title="status_audit"
          lines={[
            [t("status_writing"), t(audit.writing ? "status_yes" : "status_no")],
            [t("status_records"), count(audit.records)],
            [t("status_lost"), count(audit.lost)],
            ...(audit.syslog === undefined
              ? []
              : ([["Syslog", t(audit.syslog ? "status_connected" : "status_away")]] as Line[])),
          ]}
        />
      )}
    </>
  );
}

/** What was refused, the most first; reasons that never came are folded away. */
function Refused({ refused }: { refused: Record<string, number> }) {
  const all = Object.entries(refused).sort(([one, few], [other, many]) => many - few || one.localeCompare(other));
  const lines = (wanted: [string, number][]) => wanted.map<Line>(([name, value]) => [name, count(value)]);
  const never = all.filter(([, value]) => value === 0);
  const some = all.filter(([, value]) => value > 0);
  return (
    <section class="card all">
      <h2>{t("status_refused")}</h2>
      {some.length === 0 && <p>{t("status_none")}</p>}
      <dl class="columns">
        {lines(some).map(([name, value]) => (
          <Reason key={name} name={name} value={value} />
        ))}
      </dl>
      {never.length > 0 && (
        <details>
          <summary>{t("status_never", { number: count(never.length) })}</summary>
          <p>
            <bdi lang="en" dir="ltr">
              {never.map(([name]) => name.replaceAll("_", " ")).join(", ")}
            </bdi>
          </p>
        </details>
      )}
    </section>
  );
}

function Reason({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>
        <bdi lang="en">{name.replaceAll("_", " ")}</bdi>
      </dt>
      <dd>{value}</dd>
    </div>
  );
}

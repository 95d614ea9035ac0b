// The operator's page: one sentence first, then what stands behind it. Nothing of a call or a person is on it.
import { useEffect, useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import type { Status } from "../model/api";
import { Frame, Title } from "../parts/basics";
import { count, t } from "../texts";
import type { Key } from "../texts";

export function page() {
  return <Operator />;
}

const EVERY = 5_000;
/** Days before a certificate's end at which the sentence stops being calm. */
const SOON = 14;

function Operator() {
  const [status, setStatus] = useState<Status>();
  const [fault, setFault] = useState<"offline" | "forbidden">();
  useEffect(() => {
    document.title = t("status_title");
  });
  useEffect(() => {
    const look = () =>
      api.status().then(
        (seen) => {
          setStatus(seen);
          setFault(undefined);
        },
        (error: unknown) =>
          setFault(error instanceof ApiError && [401, 403].includes(error.status) ? "forbidden" : "offline"),
      );
    void look();
    const timer = setInterval(() => void look(), EVERY);
    return () => clearInterval(timer);
  }, []);
  return (
    <Frame wide>
      {fault === "forbidden" ? (
        <section class="card center">
          <Title>{t("status_title")}</Title>
          <p>{t("status_forbidden")}</p>
          <a class="press primary" href="/staff">
            {t("sign_in")}
          </a>
        </section>
      ) : (
        <section class="status">
          {fault && (
            <p class="look" role="status">
              {t("status_offline")}
            </p>
          )}
          {status ? <Board status={status} /> : <p class="loading">{t("one_moment")}</p>}
        </section>
      )}
    </Frame>
  );
}

function Card({ title, children }: { title: Key; children: [string, string][] }) {
  return (
    <section class="card">
      <h2>{t(title)}</h2>
      <dl>
        {children.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function bits(value: number): string {
  return value >= 1e6 ? `${count(value / 1e6)} Mbit/s` : `${count(value / 1e3)} kbit/s`;
}

function Board({ status }: { status: Status }) {
  const { allocations, bitsPerSecond, refused, paths, rooms, certificateDays, keyDays, audit } = status;
  const trouble = (certificateDays !== undefined && certificateDays < SOON) || audit?.ok === false;
  const entries = (counts: Record<string, number>): [string, string][] =>
    Object.entries(counts).map(([name, value]) => [name.replaceAll("_", " "), count(value)]);
  const pair = (now: string, peak: string): [string, string][] => [
    [t("now"), now],
    [t("peak"), peak],
  ];
  return (
    <>
      <Title>
        {t(trouble ? "status_look" : "status_well", {
          calls: count(rooms?.call ?? 0),
          days: certificateDays === undefined ? "–" : count(certificateDays),
        })}
      </Title>
      <div class="cards">
        {rooms && (
          <Card title="status_rooms">
            {[
              [t("status_calls"), count(rooms.call)],
              [t("status_waiting"), count(rooms.waiting)],
            ]}
          </Card>
        )}
        {allocations && <Card title="status_allocations">{pair(count(allocations.now), count(allocations.peak))}</Card>}
        {bitsPerSecond && (
          <Card title="status_bandwidth">{pair(bits(bitsPerSecond.now), bits(bitsPerSecond.peak))}</Card>
        )}
        {refused && <Card title="status_refused">{entries(refused)}</Card>}
        {paths && <Card title="status_paths">{entries(paths)}</Card>}
        {(certificateDays !== undefined || keyDays !== undefined) && (
          <Card title="status_keys">
            {[
              ...(certificateDays === undefined
                ? []
                : [[t("status_certificate"), t("in_days", { days: count(certificateDays) })] as [string, string]]),
              ...(keyDays === undefined
                ? []
                : [[t("status_rotation"), t("in_days", { days: count(keyDays) })] as [string, string]]),
            ]}
          </Card>
        )}
        {audit && (
          <Card title="status_audit">{[[t("status_chain"), t(audit.ok ? "status_whole" : "status_broken")]]}</Card>
        )}
      </div>
      {status.version && <p class="hint">Hilum {status.version}</p>}
    </>
  );
}

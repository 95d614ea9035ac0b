// The page for the hospital's technicians: every way to the relay, what it took, and what to allow on the firewall.
import { useEffect, useMemo, useState } from "preact/hooks";
import { NetworkCheck } from "../model/network";
import type { Path } from "../model/network";
import { say } from "../model/announce";
import { Frame, Icon, Press, Title } from "../parts/basics";
import { count, t } from "../texts";
import type { Key } from "../texts";

export function page() {
  return <Technical />;
}

const NAMES = { udp: "UDP", tcp: "TCP", tls: "TLS" } as const;

function portOf(url: string): string {
  return /:(\d+)(\?|$)/.exec(url)?.[1] ?? (url.startsWith("turns:") ? "5349" : "3478");
}

function hostOf(url: string): string {
  return url.replace(/^turns?:/, "").replace(/:\d+(\?.*)?$|\?.*$/, "");
}

/** What goes into a ticket. Nothing in it tells who or where the person is. */
function report({ host, paths }: NetworkCheck): string {
  const lines = paths.value.map(({ way, url, result, took, echoed, echoTook }) => {
    const echo = echoed === undefined ? "" : `, 64 kB: ${echoed} bytes in ${echoTook} ms`;
    return `${NAMES[way]} ${hostOf(url)}:${portOf(url)}: ${result}${took === undefined ? "" : ` after ${took} ms`}${echo}`;
  });
  return [`Hilum, ${host.value}, ${new Date().toISOString()}`, ...lines, `Browser: ${navigator.userAgent}`].join("\n");
}

function Line({ path }: { path: Path }) {
  const { way, url, result, took, echoed, echoTook } = path;
  const fine = result === "ok";
  return (
    <tr class={result}>
      <th scope="row">{NAMES[way]}</th>
      <td>
        <span class={`mark ${result}`}>
          {result !== "running" && <Icon name={fine ? "check" : "cross"} />}
          {t(`path_${result}` as Key)}
        </span>
      </td>
      <td>
        <bdi dir="ltr">{took === undefined ? "–" : `${count(took)} ms`}</bdi>
      </td>
      <td>
        {echoed === undefined ? "–" : echoTook && echoed ? t("echo_ok", { ms: count(echoTook) }) : t("echo_none")}
      </td>
      <td>
        <bdi dir="ltr">
          {hostOf(url)}, {way === "udp" ? "UDP" : "TCP"} {portOf(url)}
        </bdi>
      </td>
    </tr>
  );
}

function Technical() {
  const network = useMemo(() => new NetworkCheck(), []);
  const [copied, setCopied] = useState(false);
  const verdict = network.verdict.value;
  useEffect(() => {
    document.title = t("it_title");
  });
  useEffect(() => void network.run(true), [network]);
  const copy = async () => {
    await navigator.clipboard?.writeText(report(network));
    setCopied(true);
    say(t("copied"));
  };
  return (
    <Frame wide>
      <section class="card staffish">
        <Title>{t("it_title")}</Title>
        <p>{t("it_text")}</p>
        <p class={`verdict ${verdict}`} role="status">
          {t(`it_${verdict}` as Key)}
        </p>
        <div class="scroll" tabIndex={0} role="region" aria-label={t("it_title")}>
          <table>
            <thead>
              <tr>
                {(["it_way", "it_result", "it_time", "it_echo", "it_allow"] as const).map((key) => (
                  <th key={key} scope="col">
                    {t(key)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {network.paths.value.map((path) => (
                <Line key={path.url} path={path} />
              ))}
            </tbody>
          </table>
        </div>
        {network.paths.value.some(({ result }) => result === "untrusted") && <p class="look">{t("it_untrusted")}</p>}
        <p class="choices">
          <Press onPress={() => void network.run(true)}>{t("try_again")}</Press>
          <Press kind="primary" onPress={() => void copy()}>
            {t(copied ? "copied" : "copy_report")}
          </Press>
        </p>
        <p class="hint">{t("it_hint")}</p>
      </section>
    </Frame>
  );
}

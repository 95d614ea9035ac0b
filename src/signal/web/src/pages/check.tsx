// "Test my device", for anybody and without an appointment.
import { useEffect, useMemo, useState } from "preact/hooks";
import { LocalMedia } from "../model/media";
import { NetworkCheck } from "../model/network";
import { Frame, Press, Title } from "../parts/basics";
import { DeviceCheck, SelfView } from "../parts/devices";
import { t } from "../texts";

export function page() {
  return <Check />;
}

function Check() {
  const media = useMemo(() => new LocalMedia(), []);
  const network = useMemo(() => new NetworkCheck(), []);
  const [begun, setBegun] = useState(false);
  useEffect(() => {
    document.title = t("test_device");
  });
  const begin = () => {
    setBegun(true);
    void media.start();
    void network.run();
  };
  const done = media.asked.value && network.verdict.value !== "running";
  const fine = media.camera.value && media.microphone.value && network.ready === "ok";
  return (
    <Frame wide={begun}>
      {!begun ? (
        <section class="card center">
          <Title>{t("test_device")}</Title>
          <p>{t("test_text")}</p>
          <Press kind="primary" wide onPress={begin}>
            {t("test_start")}
          </Press>
        </section>
      ) : (
        <div class="two">
          <section class="panel" aria-label={t("device_check")}>
            <SelfView media={media} />
            <DeviceCheck media={media} network={network} />
          </section>
          <section class="card calm-card">
            <Title>{t(!done ? "checking" : fine ? "test_fine" : "test_partly")}</Title>
            <p>{t(!done ? "one_moment" : fine ? "test_fine_text" : "test_partly_text")}</p>
            {network.verdict.value === "none" && <p class="look">{t("network_none_help")}</p>}
            <Press onPress={begin}>{t("try_again")}</Press>
            <p>
              <a href="/it">{t("it_link")}</a>
            </p>
          </section>
        </div>
      )}
    </Frame>
  );
}

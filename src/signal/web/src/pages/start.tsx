// The page at the root: says where one is, and what to do with a link.
import { useEffect } from "preact/hooks";
import { Frame, Title } from "../parts/basics";
import { t } from "../texts";

export function page() {
  return <Start />;
}

function Start() {
  useEffect(() => {
    document.title = t("video_visit");
  });
  return (
    <Frame>
      <section class="card center">
        <Title quiet>{t("start_title")}</Title>
        <p>{t("start_text")}</p>
        <p class="choices">
          <a class="press quiet" href="/test">
            {t("test_device")}
          </a>
          <a class="press quiet" href="/staff">
            {t("for_staff")}
          </a>
        </p>
      </section>
    </Frame>
  );
}

// The own password, changed on the page: the one that holds, a code, and the new one.
import { useState } from "preact/hooks";
import { ApiError, api } from "../model/api";
import { clockTime, t } from "../texts";
import type { Key } from "../texts";
import { Field, Sheet } from "./basics";
import type { FieldProps } from "./basics";

/** What is told in words of its own. */
const FAULTS = ["wrong", "code_needed", "locked"];

/** The password that holds. */
export function OldPassword(props: Pick<FieldProps, "value" | "onText" | "required">) {
  return <Field label={t("sign_in_password")} secret autocomplete="current-password" required {...props} />;
}

/** What the authenticator shows. */
export function Code(props: Pick<FieldProps, "value" | "onText" | "required">) {
  const form = { inputMode: "numeric", pattern: "[0-9]{6,8}" } as const;
  return <Field label={t("sign_in_code")} autocomplete="one-time-code" {...form} {...props} />;
}

export function OwnPassword({ onClose }: { onClose: () => void }) {
  const [old, setOld] = useState("");
  const [code, setCode] = useState("");
  const [fresh, setFresh] = useState("");
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const [fault, setFault] = useState<ApiError>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      await api.changePassword(old, code, fresh);
      setDone(true);
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, "offline"));
    }
    setBusy(false);
  };
  const key = (why: string): Key => {
    if (why === "password") return "password_rule";
    return (FAULTS.includes(why) ? `sign_in_${why}` : "sign_in_offline") as Key;
  };
  return (
    <Sheet title={t("password_change")} onClose={onClose}>
      {done ? (
        <p role="status">{t("password_changed")}</p>
      ) : (
        <form class="fields" onSubmit={(event) => void submit(event)}>
          <OldPassword value={old} onText={setOld} />
          <Code required value={code} onText={setCode} />
          <Field
            label={t("password_new")}
            secret
            autocomplete="new-password"
            required
            minLength={12}
            aria-describedby="password-rule"
            value={fresh}
            onText={setFresh}
          />
          <p id="password-rule" class="hint">
            {t("password_rule")}
          </p>
          {fault && (
            <p class="look" role="alert">
              {t(key(fault.code), { time: clockTime(fault.until ?? 0) })}
            </p>
          )}
          <button type="submit" class="press primary wide" disabled={busy}>
            <span>{t("password_change")}</span>
          </button>
        </form>
      )}
    </Sheet>
  );
}

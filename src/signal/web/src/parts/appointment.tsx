// New appointments and invitations: what is made is a link for each person, shown once.
import { useState } from "preact/hooks";
import { say } from "../model/announce";
import { ApiError, api } from "../model/api";
import type { Link } from "../model/api";
import type { Role } from "../signal";
import { t } from "../texts";
import { Press, Sheet } from "./basics";
import { roleName } from "./tiles";

const ROLES: Role[] = ["patient", "guest", "captioner"];
const LENGTHS = [15, 20, 30, 45, 60];
/** Alphabet of a label: the clinic's own sign for a visit, never a name. */
const LABEL = "[A-Za-z0-9 ._\\-]{0,24}";

function LinkCard({ link }: { link: Link }) {
  const [copied, setCopied] = useState<"url" | "text">();
  const copy = async (what: "url" | "text") => {
    await navigator.clipboard?.writeText(link[what]).catch(() => undefined);
    setCopied(what);
    say(t("copied"));
  };
  return (
    <li class="link-card">
      <h3>{roleName(link.role)}</h3>
      <input
        readOnly
        dir="ltr"
        aria-label={roleName(link.role)}
        value={link.url}
        onFocus={(event) => event.currentTarget.select()}
      />
      <p class="choices">
        <Press kind="primary" onPress={() => void copy("url")}>
          {t(copied === "url" ? "copied" : "copy_link")}
        </Press>
        <Press onPress={() => void copy("text")}>{t(copied === "text" ? "copied" : "copy_text")}</Press>
      </p>
    </li>
  );
}

function Links({ links }: { links: Link[] }) {
  return (
    <>
      <p class="note">{t("links_once")}</p>
      <ul class="links">
        {links.map((link) => (
          <LinkCard key={link.id} link={link} />
        ))}
      </ul>
    </>
  );
}

/** The next full quarter of an hour, as the field wants it. */
function soon(): string {
  const quarter = 15 * 60_000;
  const at = new Date(Math.ceil(Date.now() / quarter) * quarter);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

function faultText(error: unknown): string {
  return error instanceof ApiError && error.status >= 400 ? t("made_refused") : t("sign_in_offline");
}

export function NewAppointment({ clinic, onClose }: { clinic: string; onClose: () => void }) {
  const [label, setLabel] = useState("");
  const [starts, setStarts] = useState(soon);
  const [minutes, setMinutes] = useState(30);
  const [people, setPeople] = useState<Role[]>(["patient"]);
  const [links, setLinks] = useState<Link[]>();
  const [fault, setFault] = useState("");
  const make = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      const wanted = {
        clinic,
        minutes,
        starts: Math.floor(new Date(starts).getTime() / 1000),
        people: people.map((role) => ({ role })),
      };
      const made = await api.make(label ? { ...wanted, label } : wanted);
      setLinks(made.links);
      say(t("links_ready"));
    } catch (error) {
      setFault(faultText(error));
    }
  };
  if (links) {
    return (
      <Sheet title={t("links_ready")} onClose={onClose} wide>
        <Links links={links} />
      </Sheet>
    );
  }
  return (
    <Sheet title={t("new_appointment")} onClose={onClose}>
      <form class="fields" onSubmit={(event) => void make(event)}>
        <label>
          <span>{t("label")}</span>
          <input
            pattern={LABEL}
            maxLength={24}
            value={label}
            autocomplete="off"
            onInput={(event) => setLabel(event.currentTarget.value)}
          />
          <small>{t("label_hint")}</small>
        </label>
        <div class="pair">
          <label>
            <span>{t("starts")}</span>
            <input
              type="datetime-local"
              required
              value={starts}
              onInput={(event) => setStarts(event.currentTarget.value)}
            />
          </label>
          <label>
            <span>{t("length")}</span>
            <select value={minutes} onChange={(event) => setMinutes(Number(event.currentTarget.value))}>
              {LENGTHS.map((length) => (
                <option key={length} value={length}>
                  {t("minutes", { minutes: length })}
                </option>
              ))}
            </select>
          </label>
        </div>
        <fieldset>
          <legend>{t("people")}</legend>
          {people.map((role, index) => (
            <div class="pair" key={index}>
              <select
                aria-label={`${t("people")} ${index + 1}`}
                value={role}
                onChange={(event) =>
                  setPeople(people.map((each, at) => (at === index ? (event.currentTarget.value as Role) : each)))
                }
              >
                {ROLES.map((each) => (
                  <option key={each} value={each}>
                    {roleName(each)}
                  </option>
                ))}
              </select>
              {people.length > 1 && (
                <Press kind="plain" onPress={() => setPeople(people.filter((_, at) => at !== index))}>
                  {t("remove")}
                </Press>
              )}
            </div>
          ))}
          {people.length < 3 && (
            <Press icon="person" onPress={() => setPeople([...people, "guest"])}>
              {t("add_person")}
            </Press>
          )}
        </fieldset>
        {fault && (
          <p class="look" role="alert">
            {fault}
          </p>
        )}
        <button type="submit" class="press primary wide">
          <span>{t("make_links")}</span>
        </button>
      </form>
    </Sheet>
  );
}

/** One more link for a call that is going on. */
export function Invite({ room }: { room: string }) {
  const [link, setLink] = useState<Link>();
  const [fault, setFault] = useState("");
  const invite = async (role: Role) => {
    try {
      const made = await api.invite(room, role);
      // An answer for several people holds them in a list.
      setLink("links" in made ? (made as { links: Link[] }).links[0] : made);
    } catch (error) {
      setFault(faultText(error));
    }
  };
  if (link) return <Links links={[link]} />;
  return (
    <div class="menu">
      {(["guest", "captioner", "patient"] as const).map((role) => (
        <Press key={role} wide onPress={() => void invite(role)}>
          {roleName(role)}
        </Press>
      ))}
      {fault && (
        <p class="look" role="alert">
          {fault}
        </p>
      )}
    </div>
  );
}

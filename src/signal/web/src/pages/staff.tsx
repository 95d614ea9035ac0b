// The clinician's page: the waiting list at the left, the device check or the call at the right.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Staff, seconds, waits } from "../model/staff";
import { NOTES } from "../signal";
import type { Note, Person, Room } from "../signal";
import { Field, Frame, Icon, LanguagePicker, Press, Sheet, Title } from "../parts/basics";
import { CallView } from "../parts/call";
import { DeviceCheck, SelfView } from "../parts/devices";
import { roleName } from "../parts/tiles";
import { clockTime, count, t } from "../texts";
import type { Key } from "../texts";
import { Invite, NewAppointment } from "../parts/appointment";
import { Code, OldPassword, OwnPassword } from "../parts/password";

export function page() {
  return <Clinician />;
}

function Clinician() {
  const staff = useMemo(() => new Staff(), []);
  useEffect(() => void staff.begin(), [staff]);
  const waiting = staff.waiting.value.length;
  useEffect(() => {
    document.title = waiting ? `(${waiting}) ${t("waiting_list")}` : t("waiting_list");
  });
  if (!staff.ready.value) {
    return (
      <Frame>
        <p class="loading" role="status">
          {t("one_moment")}
        </p>
      </Frame>
    );
  }
  const member = staff.member.value;
  if (!member) return <SignIn staff={staff} />;
  // An operator has no part in visits.
  if (member.role === "operator") location.replace("/status");
  if (!staff.clinic.value) return <ChooseClinic staff={staff} />;
  return <Desk staff={staff} />;
}

function SignIn({ staff }: { staff: Staff }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const fault = staff.fault.value;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    await staff.signIn(name, password, code);
    setBusy(false);
  };
  return (
    <Frame>
      <section class="card">
        <Title quiet>{t("sign_in")}</Title>
        {staff.providerFault.value && (
          <p class="look" role="alert">
            {t(`openid_${staff.providerFault.value}` as Key)}
          </p>
        )}
        {staff.provider.value && (
          <>
            <a class="press primary wide provider" href="/v1/staff/openid/begin">
              <span>{t("openid_sign_in")}</span>
            </a>
            <p class="quiet">{t("openid_or")}</p>
          </>
        )}
        <form class="fields" onSubmit={(event) => void submit(event)}>
          <Field label={t("sign_in_name")} autocomplete="username" required value={name} onText={setName} />
          <OldPassword value={password} onText={setPassword} />
          <Code value={code} onText={setCode} />
          {fault && (
            <p class="look" role="alert">
              {t(`sign_in_${fault === "offline" ? "offline" : fault}` as Key, {
                time: clockTime(staff.lockedUntil.value),
              })}
            </p>
          )}
          <button type="submit" class={`press wide ${staff.provider.value ? "quiet" : "primary"}`} disabled={busy}>
            <span>{t("sign_in")}</span>
          </button>
        </form>
      </section>
    </Frame>
  );
}

function ChooseClinic({ staff }: { staff: Staff }) {
  const clinics = staff.member.value?.clinics ?? [];
  return (
    <Frame>
      <section class="card">
        <Title>{t("choose_clinic")}</Title>
        <div class="menu">
          {clinics.map(({ id, name }) => (
            <Press key={id} wide onPress={() => void staff.open(id)}>
              {name}
            </Press>
          ))}
          {clinics.length === 0 && <p>{t("no_clinic")}</p>}
        </div>
      </section>
    </Frame>
  );
}

function Desk({ staff }: { staff: Staff }) {
  const [making, setMaking] = useState(false);
  const [asking, setAsking] = useState<Room>();
  const [own, setOwn] = useState(false);
  const call = staff.call.value;
  const member = staff.member.value;
  const name = member?.clinics.find(({ id }) => id === staff.clinic.value)?.name ?? "";
  const rooms = [...staff.rooms.value].sort((one, other) => arrival(one) - arrival(other));
  const admit = (room: Room) => {
    // Two rooms never mix: the first call ends before the second begins.
    if (staff.room.value && staff.room.value !== room.room) setAsking(room);
    else staff.admit(room.room);
  };
  return (
    <div class={`desk${call ? " in-call" : ""}`}>
      <aside class="list" aria-label={t("waiting_list")}>
        <header>
          <div>
            <h1>{t("waiting_list")}</h1>
            <p class="quiet">{name}</p>
          </div>
          <Press kind="primary" icon="person" onPress={() => setMaking(true)}>
            {t("new_appointment")}
          </Press>
        </header>
        {!staff.online.value && <p class="look">{t("notice_service")}</p>}
        <ul class="rooms">
          {rooms.map((room) => (
            <Row key={room.room} room={room} staff={staff} onAdmit={() => admit(room)} />
          ))}
        </ul>
        {rooms.length === 0 && <p class="empty">{t("nobody_waits")}</p>}
        <footer>
          <LanguagePicker />
          {member?.password && (
            <Press kind="plain" onPress={() => setOwn(true)}>
              {t("password_change")}
            </Press>
          )}
          <Press kind="plain" onPress={() => void staff.signOut()}>
            {t("sign_out")}
          </Press>
        </footer>
      </aside>
      <div class="side">
        {call ? (
          <CallView
            call={call}
            media={staff.media}
            role="clinician"
            onLeave={() => staff.hangUp()}
            onEnd={() => staff.endForAll()}
            invite={<Invite room={staff.room.value} />}
            aside={<Seconds staff={staff} />}
          />
        ) : (
          <main class="ready">
            <section class="panel" aria-label={t("device_check")}>
              <h2>{t("device_check")}</h2>
              <SelfView media={staff.media} />
              <DeviceCheck media={staff.media} network={staff.network} />
            </section>
          </main>
        )}
      </div>
      {making && <NewAppointment clinic={staff.clinic.value} onClose={() => setMaking(false)} />}
      {own && <OwnPassword onClose={() => setOwn(false)} />}
      {asking && (
        <Sheet title={t("end_first_title")} onClose={() => setAsking(undefined)}>
          <p>
            {t("end_first_text", { label: labelOf(staff.rooms.value.find(({ room }) => room === staff.room.value)) })}
          </p>
          <div class="menu">
            <Press
              kind="danger"
              wide
              onPress={() => {
                staff.endForAll();
                staff.admit(asking.room);
                setAsking(undefined);
              }}
            >
              {t("end_first_yes")}
            </Press>
            <Press wide onPress={() => setAsking(undefined)}>
              {t("stay")}
            </Press>
          </div>
        </Sheet>
      )}
      {staff.danger.value && (
        <Sheet title={t("danger_title")} onClose={() => (staff.danger.value = false)}>
          <p>{t("danger_staff")}</p>
        </Sheet>
      )}
    </div>
  );
}

/** Who came first stands first; rooms where nobody is come last. */
function arrival({ people }: Room): number {
  const here = people.filter((person) => person.here).map(({ since }) => since);
  return here.length ? Math.min(...here) : Infinity;
}

function labelOf(room: Room | undefined): string {
  return room?.label || t("no_label");
}

function Marks({ person }: { person: Person }) {
  const { ready } = person;
  const icons = { camera: "camera", microphone: "mic", network: "signal" } as const;
  if (!ready) return null;
  return (
    <ul class="ready-marks" aria-label={t("device_check")}>
      {(["camera", "microphone", "network"] as const).map((kind) => (
        <li key={kind} class={ready[kind]} title={t(`mark_${kind}_${ready[kind]}` as Key)}>
          <Icon name={icons[kind]} />
          <span class="hidden">{t(`mark_${kind}_${ready[kind]}` as Key)}</span>
        </li>
      ))}
    </ul>
  );
}

function Row({ room, staff, onAdmit }: { room: Room; staff: Staff; onAdmit: () => void }) {
  const here = room.people.filter((person) => person.here);
  const first = here.find(({ inside }) => !inside) ?? here[0];
  const [minutes, setMinutes] = useState(0);
  useEffect(() => {
    const look = () => setMinutes(first ? Math.max(0, Math.floor((Date.now() / 1000 - first.since) / 60)) : 0);
    look();
    const timer = setInterval(look, 15_000);
    return () => clearInterval(timer);
  }, [first?.since]);
  const current = staff.room.value === room.room;
  const label = labelOf(room);
  const waiting = waits(room);
  const asking = seconds(room);
  return (
    <li class={`room${staff.fresh.value.has(room.room) ? " fresh" : ""}${current ? " current" : ""}`}>
      <div class="room-head">
        <h2>
          <bdi>{label}</bdi>
        </h2>
        <p class="quiet">
          {current && !waiting
            ? t("in_call_now")
            : waiting
              ? t("waits_minutes", { minutes: count(minutes) })
              : t(room.state === "call" ? "in_call_others" : "not_here")}
        </p>
      </div>
      {here.map((person) => (
        <p key={person.id} class="room-person">
          <span>{roleName(person.role)}</span>
          <Marks person={person} />
        </p>
      ))}
      {asking.map((person) => (
        <Second key={person.id} person={person} room={room} staff={staff} />
      ))}
      {(waiting || (room.state === "call" && !current)) && (
        <div class="room-buttons">
          <Press kind="primary" onPress={onAdmit} label={`${t(waiting ? "admit" : "enter")}: ${label}`}>
            {t(waiting ? "admit" : "enter")}
          </Press>
          {waiting && <NotePicker staff={staff} room={room} />}
          {waiting && first && (
            <Press kind="plain" onPress={() => staff.decline(room.room, first.id)} label={`${t("decline")}: ${label}`}>
              {t("decline")}
            </Press>
          )}
        </div>
      )}
    </li>
  );
}

/** The same over a call, where the list is not in sight on a phone. */
function Seconds({ staff }: { staff: Staff }) {
  const room = staff.rooms.value.find((each) => each.room === staff.room.value);
  if (!room) return null;
  return (
    <>
      {seconds(room).map((person) => (
        <Second key={person.id} person={person} room={room} staff={staff} />
      ))}
    </>
  );
}

/** A second browser stands in front of the door with a link that another one has. */
function Second({ person, room, staff }: { person: Person; room: Room; staff: Staff }) {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const release = async () => {
    setBusy(true);
    setFailed(!(await staff.release(room.room, person.id)));
    setBusy(false);
  };
  const text = t("second_release");
  return (
    <div class="second">
      <p>{t("second_asks", { role: roleName(person.role) })}</p>
      <p class="hint">{t("second_hint")}</p>
      <Press disabled={busy} onPress={() => void release()} label={`${text}: ${labelOf(room)}`}>
        {text}
      </Press>
      {failed && <p class="look">{t("sign_in_offline")}</p>}
    </div>
  );
}

function NotePicker({ staff, room }: { staff: Staff; room: Room }) {
  return (
    <label class="note-picker">
      <span class="hidden">
        {t("message_to")} {labelOf(room)}
      </span>
      <select
        value=""
        onChange={(event) => {
          staff.note(room.room, event.currentTarget.value as Note);
          event.currentTarget.value = "";
        }}
      >
        <option value="" disabled>
          {t("message_to")}
        </option>
        {NOTES.map((code) => (
          <option key={code} value={code}>
            {t(`note_${code}` as Key)}
          </option>
        ))}
      </select>
    </label>
  );
}

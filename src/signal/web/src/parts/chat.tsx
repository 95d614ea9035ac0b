// Chat and files: from browser to browser, gone with the call.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Call, Transfer } from "../model/call";
import { clockTime, count, t } from "../texts";
import type { Key } from "../texts";
import { Icon, Press } from "./basics";
import { nameOf } from "./tiles";

function size(bytes: number): string {
  return bytes < 1_000_000 ? `${count(Math.ceil(bytes / 1000))} kB` : `${count(bytes / 1_000_000)} MB`;
}

function FileCard({ call, transfer }: { call: Call; transfer: Transfer }) {
  const { from, name, state, url, bytes } = transfer;
  const asked = from && state === "offered";
  return (
    <li class="line file">
      <p class="who">{from ? t("file_from", { name: nameOf(from) }) : t("file_yours")}</p>
      <p class="filename">
        <Icon name="file" />
        <bdi>{name}</bdi> <small dir="ltr">{size(transfer.size)}</small>
      </p>
      {state === "going" && <progress value={bytes} max={transfer.size || 1} aria-label={name} />}
      {asked ? (
        <p class="choices">
          <Press kind="primary" onPress={() => call.acceptFile(transfer)}>
            {t("file_accept")}
          </Press>
          <Press onPress={() => call.refuseFile(transfer)}>{t("file_refuse")}</Press>
        </p>
      ) : url ? (
        <a class="press primary" href={url} download={name}>
          {t("file_save")}
        </a>
      ) : (
        <p class="quiet">{t(`file_${state}` as Key)}</p>
      )}
    </li>
  );
}

export function Chat({ call }: { call: Call }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const list = useRef<HTMLUListElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const lines = call.lines.value;
  useEffect(() => field.current?.focus(), []);
  useEffect(
    () => list.current?.scrollTo({ top: list.current.scrollHeight }),
    [lines.length, call.transfers.value.length],
  );
  const send = () => {
    // What the field holds now: the last letters may not have been drawn yet.
    call.write(field.current?.value ?? text);
    setText("");
    field.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    send();
  };
  return (
    <aside class="chat" aria-label={t("chat")} onKeyDown={(event) => event.key === "Escape" && call.openChat(false)}>
      <header>
        <h2>{t("chat")}</h2>
        <button type="button" class="press plain round" aria-label={t("close")} onClick={() => call.openChat(false)}>
          <Icon name="cross" />
        </button>
      </header>
      <p class="hint">{t("chat_private")}</p>
      <ul class="lines" ref={list} tabIndex={0} aria-label={t("chat")}>
        {lines.map(({ id, from, text: said, at }) => (
          <li key={id} class={`line ${from ? "theirs" : "mine"}`}>
            <p class="who">
              {from ? nameOf(from) : t("you")} <time>{clockTime(at)}</time>
            </p>
            <p dir="auto" class="said">
              {said}
            </p>
          </li>
        ))}
        {call.transfers.value.map((transfer) => (
          <FileCard key={transfer.id} call={call} transfer={transfer} />
        ))}
      </ul>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <label>
          <span class="hidden">{t("chat_write")}</span>
          <textarea
            ref={field}
            rows={2}
            dir="auto"
            maxLength={2000}
            placeholder={t("chat_write")}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={keys}
          />
        </label>
        <div class="choices">
          {call.options.policy.files && (
            <>
              <input
                ref={picker}
                type="file"
                class="hidden"
                tabIndex={-1}
                aria-label={t("send_file")}
                onChange={(event) => {
                  const [file] = event.currentTarget.files ?? [];
                  if (file) call.sendFile(file);
                  event.currentTarget.value = "";
                }}
              />
              <Press icon="file" onPress={() => picker.current?.click()}>
                {t("send_file")}
              </Press>
            </>
          )}
          <Press kind="primary" onPress={send}>
            {t("send")}
          </Press>
        </div>
      </form>
    </aside>
  );
}

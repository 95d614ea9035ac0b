// The texts of the page in the person's language. A catalogue is loaded when it is needed; no text stands in the code.
import { signal } from "@preact/signals";
import type { en } from "./en";

export type Key = keyof typeof en;
export type Texts = Record<Key, string>;

const CATALOGUES = {
  en: () => import("./en").then((module) => module.en as Texts),
  es: () => import("./es").then((module) => module.es),
  de: () => import("./de").then((module) => module.de),
  ar: () => import("./ar").then((module) => module.ar),
};

export type Language = keyof typeof CATALOGUES;

/** Every language by its own name, as someone who reads only that one can find it. */
export const LANGUAGES: Record<Language, string> = { en: "English", es: "Español", de: "Deutsch", ar: "العربية" };

const texts = signal<Texts | undefined>(undefined);
export const language = signal<Language>("en");

function known(tag: string | undefined): Language | undefined {
  const short = tag?.slice(0, 2).toLowerCase();
  return short && short in CATALOGUES ? (short as Language) : undefined;
}

/** The first language that the person's browser asks for and that there is, else the clinic's, else English. */
export function preferred(clinic?: string): Language {
  const asked = navigator.languages.map(known).find((each) => each !== undefined);
  return asked ?? known(clinic) ?? "en";
}

export async function speak(wanted: Language): Promise<void> {
  texts.value = await CATALOGUES[wanted]();
  language.value = wanted;
  document.documentElement.lang = wanted;
  document.documentElement.dir = wanted === "ar" ? "rtl" : "ltr";
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text = texts.value?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The chosen language as the person's own country writes it: some write 4 pm, some 16:00. */
function tag(): string {
  return navigator.languages.find((each) => each.startsWith(language.value)) ?? language.value;
}

/** A moment (Unix seconds) as a time of day. */
export function clockTime(seconds: number): string {
  const form = new Intl.DateTimeFormat(tag(), { hour: "2-digit", minute: "2-digit" });
  return form.format(new Date(seconds * 1000));
}

/** A moment with its day. */
export function moment(seconds: number): string {
  const form = new Intl.DateTimeFormat(tag(), { dateStyle: "medium", timeStyle: "medium" });
  return form.format(new Date(seconds * 1000));
}

export function day(seconds: number): string {
  const form = new Intl.DateTimeFormat(tag(), { weekday: "long", day: "numeric", month: "long" });
  return form.format(new Date(seconds * 1000));
}

export function count(value: number): string {
  return new Intl.NumberFormat(tag(), { maximumFractionDigits: 1 }).format(value);
}

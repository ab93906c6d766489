import { parseStopReply } from "@ringside/rsp";
import { RingsideError } from "@ringside/shared";
import { FEATURE_BYTES_MAX, FEATURE_FILES_MAX, FEATURE_PIECE_BYTES, STUB_STRAY_PACKETS_MAX } from "../limits.ts";
import type { Conversation } from "./conversation.ts";

export interface Greeting {
  readonly stopReply: string;
  /** The target description: file name → text. */
  readonly features: ReadonlyMap<string, string>;
}

const unexpected = (what: string) =>
  new RingsideError("machine_unresponsive", { message: `The machine's stub gave an unexpected answer to ${what}` });

/**
 * The first words with a stub. Connecting has stopped the machine, which the stub may say with a stop reply
 * of its own accord. `multiprocess` is not offered: it would stick to the stub. `?` removes breakpoints that
 * an earlier proxy left behind. `p` answers nothing until target.xml was read.
 */
export function* greet(): Conversation<Greeting> {
  let supported = yield "qSupported:xmlRegisters=i386";
  for (let i = 0; i < STUB_STRAY_PACKETS_MAX && parseStopReply(supported) !== null; i += 1) supported = yield null;
  if (!supported.startsWith("PacketSize=")) throw unexpected("qSupported");
  const stopReply = yield "?";
  if (parseStopReply(stopReply)?.kind !== "signal") throw unexpected("?");
  return { stopReply, features: yield* readFeatures() };
}

function* readFeatures(): Conversation<ReadonlyMap<string, string>> {
  const features = new Map<string, string>();
  const wanted = ["target.xml"];
  for (const name of wanted) {
    const text = compact(yield* readFeature(name));
    features.set(name, text);
    for (const [, included] of text.matchAll(INCLUDE)) {
      if (included === undefined || wanted.includes(included)) continue;
      if (wanted.length >= FEATURE_FILES_MAX) throw unexpected("qXfer");
      wanted.push(included);
    }
  }
  const target = features.get("target.xml") ?? "";
  const whole = target.replaceAll(INCLUDE, (_include, name: string) => bodyOf(features.get(name) ?? ""));
  return features.set("target.xml", whole);
}

const INCLUDE = /<xi:include href="([\w.-]{1,100})"\/>/g;

/** A document without its head: as it stands in another. */
const bodyOf = (xml: string): string => xml.replaceAll(/<[?!][^>]*>/g, "");

/** Without what says nothing to gdb, which reads it in pieces of 4 KiB: comments, and space between tags. */
const compact = (xml: string): string => xml.replaceAll(/<!--[\s\S]*?-->/g, "").replaceAll(/>\s+</g, "><");

function* readFeature(name: string): Conversation<string> {
  let text = "";
  while (text.length < FEATURE_BYTES_MAX) {
    const piece = yield `qXfer:features:read:${name}:${text.length.toString(16)},${FEATURE_PIECE_BYTES.toString(16)}`;
    text += piece.slice(1);
    if (piece[0] === "l") return text;
    if (piece[0] !== "m" || piece.length < 2) throw unexpected("qXfer");
  }
  throw unexpected("qXfer");
}

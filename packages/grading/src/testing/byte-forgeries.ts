import assert from "node:assert/strict";
import { gReply } from "../../../trace/src/testing/registers.ts";
import { TEST_KEYS } from "../../../trace/src/testing/trace-builder.ts";
import type { ExpectedTrace } from "../ungradable.ts";
import {
  type BYTE_FAMILIES,
  type Draw,
  type Family,
  FOREIGN_SIGNER,
  type Forgery,
  type Members,
  membersOf,
  pick,
  RECHAINED,
  type Rechained,
  rechain,
} from "./forgery.ts";
import { type Honest, headerOf } from "./honest.ts";
import { FROM_SYSCALL, LISTEN } from "./scenario.ts";

type ByteFamily = (typeof BYTE_FAMILIES)[number];

/** What a forger has at hand. */
interface Hand {
  readonly own: Honest;
  readonly other: Honest;
  readonly draw: Draw;
}
interface Made {
  readonly what: string;
  readonly bytes: Buffer;
  readonly expected?: ExpectedTrace;
}

/** One forgery of a family. */
export function forgeBytes(family: ByteFamily, students: readonly Honest[], draw: Draw): Forgery {
  const own = pick(students, draw);
  const other = pick(
    students.filter((each) => each !== own),
    draw,
  );
  const made = isRechained(family)
    ? anew(rewritten({ own, other, draw }), family)
    : MAKERS[family]({ own, other, draw });
  const forgery: Forgery = { family, expected: own.expected, earned: null, ...made };
  assert(forgery.expected !== own.expected || !forgery.bytes.equals(own.bytes), `nothing is forged: ${made.what}`);
  return forgery;
}

const isRechained = (family: Family): family is Rechained => RECHAINED.some((each) => each === family);

const joined = (lines: readonly string[]): Buffer => Buffer.from(lines.join(""));
const anew = ({ what, events }: Rewritten, way: Rechained): Made => ({ what, bytes: rechain(events, way) });
const anyWay = (rewriting: Rewritten, draw: Draw): Made => anew(rewriting, pick(RECHAINED, draw));
/** A line's number, the opening and the seal aside. */
const inside = (lines: readonly unknown[], draw: Draw): number => 1 + draw(lines.length - 2);

interface Rewritten {
  readonly what: string;
  readonly events: readonly Members[];
}

const MAKERS: Readonly<Record<Exclude<ByteFamily, Rechained>, (hand: Hand) => Made>> = {
  edited: ({ own, other, draw }) => {
    const at = draw(own.lines.length);
    const line = own.lines[at] ?? "";
    const { what, value } = edited(membersOf(line), other, draw);
    const text = JSON.stringify(value).slice(0, -1) + line.slice(line.lastIndexOf(',"hash"'));
    return { what: `event ${at}: ${what}`, bytes: joined(own.lines.with(at, text)) };
  },
  dropped: ({ own, draw }) => {
    const at = draw(own.lines.length - 1);
    const count = 1 + draw(3);
    return { what: `${count} from ${at}`, bytes: joined(own.lines.toSpliced(at, count)) };
  },
  duplicated: ({ own, draw }) => {
    const at = draw(own.lines.length);
    const to = draw(own.lines.length + 1);
    return { what: `${at} again at ${to}`, bytes: joined(own.lines.toSpliced(to, 0, own.lines[at] ?? "")) };
  },
  reordered: ({ own, draw }) => {
    const from = draw(own.lines.length);
    const to = (from + 1 + draw(own.lines.length - 1)) % own.lines.length;
    const without = own.lines.toSpliced(from, 1);
    return { what: `${from} to ${to}`, bytes: joined(without.toSpliced(to, 0, own.lines[from] ?? "")) };
  },
  inserted: ({ own, other, draw }) => {
    const from = inside(other.lines, draw);
    const to = inside(own.lines, draw);
    const lines = other.lines.slice(from, from + 1 + draw(4));
    return { what: `another's ${from} at ${to}`, bytes: joined(own.lines.toSpliced(to, 0, ...lines)) };
  },
  truncated: ({ own, draw }) => {
    switch (draw(3)) {
      case 0: {
        const bytes = draw(own.bytes.length);
        return { what: `after ${bytes} bytes`, bytes: own.bytes.subarray(0, bytes) };
      }
      case 1: {
        const lines = 1 + draw(own.lines.length - 1);
        return { what: `after ${lines} lines`, bytes: joined(own.lines.slice(0, lines)) };
      }
      default: {
        const lines = inside(own.lines, draw);
        const kept = own.lines.slice(0, lines);
        if (draw(2) === 0)
          return { what: `${lines} lines and the seal`, bytes: joined([...kept, ...own.lines.slice(-1)]) };
        const events = [...kept, ...own.lines.slice(-1)].map(membersOf);
        return anyWay({ what: `${lines} lines and the seal, chained`, events }, draw);
      }
    }
  },
  spliced: ({ own, other, draw }) => {
    const from = inside(other.lines, draw);
    const to = inside(own.lines, draw);
    const what = `own to ${to}, another's from ${from}`;
    const lines = [...own.lines.slice(0, to), ...other.lines.slice(from)];
    return draw(2) === 0 ? { what, bytes: joined(lines) } : anyWay({ what, events: lines.map(membersOf) }, draw);
  },
  "another student's": ({ own, other, draw }) => {
    if (draw(3) === 0) return { what: `of ${other.student} as it is`, bytes: other.bytes };
    const [opened, ...rest] = other.lines.map(membersOf);
    const { session, user, parameters } = headerOf(own.student);
    const claims = pick([{ session }, { session, user }, { session, user, parameters }, { parameters }], draw);
    const events = [{ ...opened, ...claims } as Members, ...rest];
    return anyWay({ what: `of ${other.student} under own ${Object.keys(claims)}`, events }, draw);
  },
  "of another image, lab, epoch or cell": ({ own, draw }) => {
    const events = own.lines.map(membersOf);
    const claims = [
      ["the lab is another", own.bytes, { ...own.expected, lab: "boot" }],
      ["the image is another", own.bytes, { ...own.expected, image: "2".repeat(64) }],
      ["the parameters are others", own.bytes, { ...own.expected, parameters: { backlog: 3 + draw(1_000) } }],
      [
        "the key is another cell's",
        own.bytes,
        { ...own.expected, sealKeys: TEST_KEYS.map((k) => ({ ...k, cell: "c-2" })) },
      ],
      ["the key is revoked", own.bytes, { ...own.expected, sealKeys: TEST_KEYS.map((k) => ({ ...k, revoked: true })) }],
      ["no key is known", own.bytes, { ...own.expected, sealKeys: [] }],
    ] as const;
    if (draw(2) === 0) {
      const [what, bytes, expected] = pick(claims, draw);
      return { what, bytes, expected };
    }
    const changes = [{ image: "2".repeat(64) }, { lab: "boot" }, { cell: "cell-2" }, { epoch: 2 + draw(9) }];
    const change = pick(changes, draw);
    const type = "epoch" in change ? "machine.found" : "trace.opened";
    const changed = events.map((each) => (each.type === type ? { ...each, ...change } : each));
    const expected = { ...own.expected, ...("epoch" in change || "cell" in change ? {} : change) };
    return { ...anyWay({ what: `claims ${JSON.stringify(change)}`, events: changed }, draw), expected };
  },
  "sealed twice": ({ own, other, draw }) => {
    const seal = own.lines.at(-1) ?? "";
    const to = inside(own.lines, draw);
    switch (draw(4)) {
      case 0:
        return { what: "its seal again at the end", bytes: joined([...own.lines, seal]) };
      case 1:
        return { what: `its seal at ${to}, too`, bytes: joined(own.lines.toSpliced(to, 0, seal)) };
      case 2:
        return { what: "another's seal behind it", bytes: joined([...own.lines, other.lines.at(-1) ?? ""]) };
      default: {
        const more = own.lines.slice(to, -1);
        return anyWay(
          { what: `more behind it, sealed again`, events: [...own.lines, ...more, seal].map(membersOf) },
          draw,
        );
      }
    }
  },
  "answers changed": ({ own, draw }) => {
    const events = own.lines.map(membersOf);
    const value = String(draw(100_000));
    const changed = events.map((each) => (each.type === "answer.given" ? { ...each, value: `${value} ` } : each));
    if (draw(3) > 0) return anyWay({ what: `to ${value}`, events: changed }, draw);
    const at = events.findIndex(({ type }) => type === "answer.given");
    const line = own.lines[at] ?? "";
    return {
      what: `to ${value}, as text`,
      bytes: joined(own.lines.with(at, line.replace(/"value":"[^"]*"/, `"value":"${value} "`))),
    };
  },
};

/** A trace whose events are not what they were: some value, or a stop that never was. */
function rewritten({ own, other, draw }: Hand): Rewritten {
  const events = own.lines.map(membersOf);
  if (draw(3) === 0) {
    const at = inside(events, draw);
    const registers = gReply({ rip: LISTEN, rdi: 3n, rsi: BigInt(Number(own.expected.parameters.backlog)) });
    const stop: Members = { type: "machine.stopped", t: 0, reply: "T05thread:01;", registers, frames: FROM_SYSCALL };
    return { what: `a stop at ${at}`, events: events.toSpliced(at, 0, stop) };
  }
  const at = draw(events.length);
  // Numbers are given anew to all.
  const { what, value } = edited(membersOf(own.lines[at] ?? ""), other, draw, ["seq"]);
  return { what: `event ${at}: ${what}`, events: events.with(at, value) };
}

/** An event with one member changed, any but these. */
function edited(event: Members, other: Honest, draw: Draw, but: readonly string[] = []) {
  const names = Object.keys(event).filter((name) => !but.includes(name));
  const name = pick(names, draw);
  const old = event[name];
  const twin = other.lines.map(membersOf).find(({ type }) => type === event.type)?.[name];
  const isNew = JSON.stringify(twin) !== JSON.stringify(old) && twin !== undefined;
  const value = isNew && draw(2) === 0 ? twin : changed(old, draw);
  const members: Members = { ...event, [name]: value };
  return { what: `${event.type} ${name}`, value: members };
}

function changed(value: unknown, draw: Draw): unknown {
  if (typeof value === "number") return value + 1 + draw(3);
  if (typeof value === "boolean") return !value;
  if (typeof value === "string") return changedText(value, draw);
  if (Array.isArray(value)) return value.length > 0 && draw(2) === 0 ? value.slice(1) : [...value, "ffffffff81200c40"];
  if (typeof value === "object" && value !== null) return { ...value, backlog: 1 + draw(1_000_000) };
  return 1;
}

function changedText(value: string, draw: Draw): string {
  const at = draw(value.length + 1);
  const digit = "0123456789abcdef"[draw(16)] ?? "0";
  const text = value.slice(0, at) + digit + value.slice(at + draw(2));
  return text === value ? `${value}0` : text;
}

/** What the foreign key signs is nobody's; a test asks for its name. */
export const FOREIGN_KEY = {
  cell: "cell-1",
  key: FOREIGN_SIGNER.key,
  publicKey: FOREIGN_SIGNER.publicKey,
  revoked: false,
} as const;

import type { Bilingual } from "@ringside/shared";
import { type Fact, type FactKind, type FactOf, placeOfStop } from "@ringside/trace";

/** What a fact says, in both languages; texts of the guest and of students are in it as they were recorded. */
export function factWords(fact: Fact): Bilingual {
  return (WORDS[fact.kind] as (fact: Fact) => Bilingual)(fact);
}

type Words = { readonly [K in FactKind]: (fact: FactOf<K>) => Bilingual };

const text = (en: string, zh: string): Bilingual => ({ en, zh });
const hex = (value: bigint) => `0x${value.toString(16)}`;

/** Bytes of a console or of gdb, one character each, as the text that they are. */
const utf8 = (bytes: string) => Buffer.from(bytes, "latin1").toString("utf8");

interface Placed {
  readonly address: bigint;
  readonly symbol: { readonly name: string; readonly offset: number } | null;
}

function placeOf({ address, symbol }: Placed): string {
  if (symbol === null) return hex(address);
  const offset = symbol.offset === 0 ? "" : `+0x${symbol.offset.toString(16)}`;
  return `${symbol.name}${offset}`;
}

const CAUSES = {
  breakpoint: text("by a breakpoint", "断点"),
  watchpoint: text("by a watchpoint", "监视点"),
  step: text("after a step", "单步"),
  interrupt: text("because gdb interrupted it", "gdb 中断"),
  other: text("for another reason", "其他原因"),
} as const;

const BREAKPOINTS = {
  software: text("breakpoint", "断点"),
  hardware: text("hardware breakpoint", "硬件断点"),
  write: text("watchpoint", "写监视点"),
  read: text("read watchpoint", "读监视点"),
  access: text("access watchpoint", "访问监视点"),
} as const;

function breakpointWords(fact: FactOf<"breakpoint_inserted" | "breakpoint_removed">): Bilingual {
  const kind = BREAKPOINTS[fact.breakpoint];
  const isSet = fact.kind === "breakpoint_inserted";
  const place = placeOf(fact);
  return text(
    `${isSet ? "set a" : "removed a"} ${kind.en} at ${place}`,
    `${isSet ? "设置" : "移除"}${kind.zh}:${place}`,
  );
}

function stoppedWords(fact: FactOf<"stopped">): Bilingual {
  const place = placeOfStop(fact);
  const cause = CAUSES[fact.cause];
  const known = fact.arguments.map(({ name, value }) => `${name}=${value ?? "?"}`).join(", ");
  const where = `${place ?? "?"}${known === "" ? "" : ` (${known})`}`;
  const callers = fact.frames
    .flatMap(({ symbol }) => (symbol === null ? [] : [symbol.name]))
    .slice(0, CALLERS_SHOWN_MAX);
  const from =
    callers.length === 0 ? text("", "") : text(`, from ${callers.join(" ← ")}`, `,调用链 ${callers.join(" ← ")}`);
  return text(`stopped at ${where}, ${cause.en}${from.en}`, `停在 ${where},${cause.zh}${from.zh}`);
}

const CALLERS_SHOWN_MAX = 4;
const told = (fact: { readonly told: boolean }) =>
  fact.told ? text(" (as its near agent says)", "(由近端代理报告)") : text("", "");
const unsure = (fact: { readonly sure: boolean }) =>
  fact.sure ? text("", "") : text(" (no answer recorded)", "(没有记录到应答)");
const both = (one: Bilingual, two: Bilingual) => text(one.en + two.en, one.zh + two.zh);
const namesOf = (registers: readonly string[] | null) =>
  registers === null ? text("all registers", "全部寄存器") : text(registers.join(", "), registers.join("、"));
const HOW = {
  instruction: text("by instruction", "按指令"),
  line: text("by line", "按行"),
  out: text("out of the function", "跳出函数"),
} as const;

const WORDS: Words = {
  attached: ({ to, via, who }) =>
    text(`${to} attached as ${who.role} (${via})`, `${to} 已连接,角色 ${who.role}(${via})`),
  left: ({ from, why }) => text(`${from} left: ${why}`, `${from} 已断开:${why}`),
  breakpoint_inserted: breakpointWords,
  breakpoint_removed: breakpointWords,
  resumed: ({ action }) =>
    action === "step" ? text("let it make a step", "单步执行") : text("let it run", "继续运行"),
  stopped: stoppedWords,
  stepped: ({ how, count, from, to }) =>
    text(
      `stepped ${HOW[how].en}, ${count}×: ${from[0] ?? "?"} → ${to[0] ?? "?"}`,
      `${HOW[how].zh}单步 ${count} 次:${from[0] ?? "?"} → ${to[0] ?? "?"}`,
    ),
  registers_read: (fact) => {
    const names = namesOf(fact.registers);
    return both(text(`read ${names.en}`, `读取${names.zh}`), told(fact));
  },
  memory_read: (fact) =>
    both(
      text(`read ${fact.bytes} bytes at ${placeOf(fact)}`, `读取 ${placeOf(fact)} 处 ${fact.bytes} 字节`),
      told(fact),
    ),
  looked_at: (fact) => {
    const value = fact.value === null ? "" : ` = ${hex(fact.value)}`;
    const what = `${fact.structure}.${fact.member}${value} (${hex(fact.base)})`;
    return both(text(`looked at ${what}`, `查看 ${what}`), told(fact));
  },
  registers_written: (fact) => {
    const names = namesOf(fact.registers);
    const jump = fact.jumped ? text(", which is a jump", ",程序计数器被改写") : text("", "");
    return both(both(text(`WROTE ${names.en}`, `改写${names.zh}`), jump), unsure(fact));
  },
  memory_written: (fact) => {
    const code = fact.isCode ? text(" of code", "代码") : text("", "");
    const words = text(
      `WROTE ${fact.bytes} bytes${code.en} at ${placeOf(fact)}`,
      `改写 ${placeOf(fact)} 处 ${fact.bytes} 字节${code.zh}`,
    );
    return both(words, unsure(fact));
  },
  monitor: ({ command, accepted }) => {
    const refused = accepted ? text("", "") : text(" (refused)", "(被拒绝)");
    return both(text(`monitor ${utf8(command)}`, `monitor ${utf8(command)}`), refused);
  },
  detached: () => text("gdb detached", "gdb 已分离"),
  interrupted: () => text("gdb sent Ctrl-C", "gdb 发送 Ctrl-C"),
  answered: ({ question, value }) => text(`answered ${question}: ${value}`, `回答 ${question}:${value}`),
  console_typed: ({ line }) => text(`typed: ${utf8(line)}`, `输入:${utf8(line)}`),
  console_printed: ({ line }) => text(`console: ${utf8(line)}`, `控制台:${utf8(line)}`),
  machine_found: ({ epoch, saved }) =>
    text(
      `machine ${epoch} is there${saved ? ", from a saved state" : ""}`,
      `虚拟机 ${epoch} 就绪${saved ? "(来自存档)" : ""}`,
    ),
  machine_gone: ({ epoch }) => text(`machine ${epoch} is gone`, `虚拟机 ${epoch} 已结束`),
};

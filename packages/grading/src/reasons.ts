import type { Bilingual } from "@ringside/shared";

/** The words of verdicts, in both languages. Numbers of events are for people who open the trace there. */
const text = (en: string, zh: string): Bilingual => ({ en, zh });
const list = (names: readonly string[]): Bilingual => text(names.join(", "), names.join("、"));

export const REASONS = {
  attached: text("gdb was attached to the machine.", "gdb 已连接到虚拟机。"),
  neverAttached: text("No gdb was attached to the machine.", "没有记录到 gdb 连接虚拟机。"),

  breakpointSet: (name: string) => text(`A breakpoint was set on ${name}.`, `已在 ${name} 上设置断点。`),
  noBreakpoint: (name: string, others: readonly string[]) =>
    others.length === 0
      ? text(`No breakpoint on ${name} was recorded.`, `没有记录到 ${name} 上的断点。`)
      : text(
          `No breakpoint on ${name} was recorded; breakpoints were set on: ${list(others).en}.`,
          `没有记录到 ${name} 上的断点;已设置断点的位置:${list(others).zh}。`,
        ),

  typed: (line: string) => text(`\`${line}\` was typed at the console.`, `已在控制台输入 \`${line}\`。`),
  notTyped: (line: string) => text(`\`${line}\` was not typed at the console.`, `没有记录到在控制台输入 \`${line}\`。`),

  stopped: (name: string, details: readonly string[]) =>
    details.length === 0
      ? text(`The machine stopped at ${name}.`, `虚拟机停在了 ${name}。`)
      : text(`The machine stopped at ${name} with ${list(details).en}.`, `虚拟机停在了 ${name},${list(details).zh}。`),
  noStop: (name: string) => text(`No stop at ${name} was recorded.`, `没有记录到停在 ${name}。`),
  notVia: (name: string, via: string) =>
    text(
      `The machine stopped at ${name}, but ${via} was not among its callers.`,
      `虚拟机停在了 ${name},但调用链中没有 ${via}。`,
    ),
  wrongArguments: (name: string, expected: readonly string[], seen: readonly string[]) =>
    text(
      `The machine stopped at ${name}: expected ${list(expected).en}, saw ${list(seen).en}.`,
      `虚拟机停在了 ${name}:应为 ${list(expected).zh},实际为 ${list(seen).zh}。`,
    ),
  argumentsUnknown: (name: string, expected: readonly string[]) =>
    text(
      `The machine stopped in ${name} or around it, where ${list(expected).en} cannot be seen: stop where ${name} begins.`,
      `虚拟机停在了 ${name} 内部或外层,此处无法确认 ${list(expected).zh}:请停在 ${name} 的开头。`,
    ),
  afterWrite: (name: string, event: number) =>
    text(
      `The machine stopped at ${name}, but a debugger had written to its registers or memory before (event ${event}), so the stop proves nothing. Reset the machine and get there without writing.`,
      `虚拟机停在了 ${name},但此前调试器改写过寄存器或内存(事件 ${event}),因此这次停止不能作为证明。请重置虚拟机,不改写任何内容再做一次。`,
    ),
  wrongCause: (name: string, cause: string, seen: readonly string[]) =>
    text(
      `The machine stopped at ${name}, but not by a ${cause}: saw ${list(seen).en}.`,
      `虚拟机停在了 ${name},但原因不是 ${cause},而是 ${list(seen).zh}。`,
    ),

  wentOn: text("The machine was set running again afterwards.", "之后虚拟机继续运行。"),
  didNotGoOn: text("The machine was not set running again afterwards.", "之后没有让虚拟机继续运行。"),

  wroteNothing: text("Nothing was written to the machine.", "没有改写虚拟机。"),
  wrote: (what: readonly ("registers" | "memory")[], event: number) => {
    const zh = what.map((each) => (each === "registers" ? "寄存器" : "内存"));
    return text(
      `A debugger wrote to the machine's ${what.join(" and ")} (event ${event}).`,
      `调试器改写了虚拟机的${zh.join("和")}(事件 ${event})。`,
    );
  },

  needsFirst: (titles: readonly Bilingual[]) =>
    text(
      `Not reached: first comes ${titles.map(({ en }) => `"${en}"`).join(", ")}.`,
      `尚未到达:须先完成${titles.map(({ zh }) => `“${zh}”`).join("、")}。`,
    ),
  both: (reasons: readonly Bilingual[]) =>
    text(reasons.map(({ en }) => en).join(" "), reasons.map(({ zh }) => zh).join("")),
} as const;

/** `reason`, then advice. */
export function withHint(reason: Bilingual, hint: Bilingual | null): Bilingual {
  return hint === null ? reason : REASONS.both([reason, hint]);
}

import type { Bilingual } from "@ringside/shared";

/** The words of verdicts, in both languages. Numbers of events are for people who open the trace there. */
const text = (en: string, zh: string): Bilingual => ({ en, zh });
const list = (names: readonly string[]): Bilingual => text(names.join(", "), names.join("、"));

const STEPS = {
  instruction: text("by instruction", "按指令单步"),
  line: text("by line", "按行单步"),
  out: text("out of a function", "执行到函数返回"),
} as const;

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

  silent: (name: string, event: number) =>
    text(
      `The breakpoint on ${name} stood and was not hit when the machine stopped elsewhere (event ${event}).`,
      `${name} 上的断点已设好,而虚拟机停在了别处(事件 ${event}),该断点没有触发。`,
    ),
  notStanding: (name: string, event: number) =>
    text(
      `No breakpoint stood on ${name} when the machine stopped (event ${event}).`,
      `虚拟机停下时(事件 ${event}),${name} 上没有断点。`,
    ),
  notSilent: (name: string, event: number) =>
    text(`The breakpoint on ${name} was hit (event ${event}).`, `${name} 上的断点触发了(事件 ${event})。`),

  printed: (line: string) => text(`The console printed \`${line}\`.`, `控制台输出了 \`${line}\`。`),
  notPrinted: (line: string) => text(`The console did not print \`${line}\`.`, `没有记录到控制台输出 \`${line}\`。`),
  typedItself: (line: string, event: number) =>
    text(
      `The console printed \`${line}\`, but the same had been typed there before (event ${event}).`,
      `控制台输出了 \`${line}\`,但此前有人在控制台输入过同样的内容(事件 ${event})。`,
    ),
  printedAfterWrite: (line: string, event: number) =>
    text(
      `The console printed \`${line}\`, but a debugger had written to the machine before (event ${event}).`,
      `控制台输出了 \`${line}\`,但此前调试器改写过虚拟机(事件 ${event})。`,
    ),

  stepped: (how: "instruction" | "line" | "out", count: number, place: string | null) =>
    text(
      `Stepped ${STEPS[how].en}${place === null ? "" : ` in ${place}`}${count > 1 ? `, ${count} times` : ""}.`,
      `已${place === null ? "" : `在 ${place} 中`}${STEPS[how].zh}${count > 1 ? ` ${count} 次` : ""}。`,
    ),
  notStepped: (how: "instruction" | "line" | "out", place: string | null, wanted: number, seen: number) =>
    text(
      `Steps ${STEPS[how].en}${place === null ? "" : ` in ${place}`}: expected ${wanted} or more, saw ${seen}.`,
      `${place === null ? "" : `在 ${place} 中`}${STEPS[how].zh}:应至少 ${wanted} 次,实际 ${seen} 次。`,
    ),

  lookedAt: (what: string) => text(`\`${what}\` was looked at.`, `已查看 \`${what}\`。`),
  notLookedAt: (what: string) =>
    text(`\`${what}\` was not looked at, as far as the trace shows.`, `记录中没有查看 \`${what}\`。`),
  otherValue: (what: string, expected: string, seen: readonly string[]) =>
    text(
      `\`${what}\` was looked at: expected ${expected}, saw ${list(seen).en}.`,
      `查看了 \`${what}\`:应为 ${expected},实际为 ${list(seen).zh}。`,
    ),
  readMemory: (what: string | null) =>
    what === null ? text("The stack was read.", "已读取栈。") : text(`\`${what}\` was read.`, `已读取 \`${what}\`。`),
  notReadMemory: (what: string | null) =>
    what === null
      ? text("The stack was not read.", "没有记录到读取栈。")
      : text(`\`${what}\` was not read.`, `没有记录到读取 \`${what}\`。`),
  notReadIn: (what: string | null, place: string) =>
    what === null
      ? text(`The stack was read, but not in ${place}.`, `已读取栈,但不是停在 ${place} 时。`)
      : text(`\`${what}\` was read, but not in ${place}.`, `已读取 \`${what}\`,但不是停在 ${place} 时。`),
  readRegisters: text("Registers were read.", "已读取寄存器。"),
  notReadRegisters: text("No registers were read.", "没有记录到读取寄存器。"),
  onlyTold: text(
    "It was read near gdb only, which counts as the student's word, and this check does not take that.",
    "只在学生一侧的代理中读取过,这只算学生自己的陈述,本检查项不接受。",
  ),

  answered: (question: string, value: string) =>
    text(
      `Question ${question} was answered with \`${value}\`, which is right.`,
      `问题 ${question} 的回答 \`${value}\` 正确。`,
    ),
  notAnswered: (question: string) =>
    text(
      `Question ${question} was not answered. Type \`monitor answer ${question} VALUE\` in gdb, or \`ringside answer ${question} VALUE\`.`,
      `问题 ${question} 尚未回答。请在 gdb 中输入 \`monitor answer ${question} 值\`,或运行 \`ringside answer ${question} 值\`。`,
    ),
  /** Not the right value: it would be told to whoever asks. */
  wrongAnswer: (question: string, value: string) =>
    text(
      `Question ${question} was answered with \`${value}\`, which is not what the trace shows.`,
      `问题 ${question} 的回答 \`${value}\` 与记录不符。`,
    ),
  answerUnknown: (question: string, check: string) =>
    text(
      `The trace does not show the value that question ${question} asks for, at the moment of the check ${check}.`,
      `在检查项 ${check} 的时刻,记录中看不到问题 ${question} 所问的值。`,
    ),

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
  unknownPast: (name: string, event: number) =>
    text(
      `The machine stopped at ${name}, but it had begun from a saved state whose past this trace does not show (event ${event}). Reset the machine and do it again.`,
      `虚拟机停在了 ${name},但它是从一个保存的状态开始的(事件 ${event}),这份记录看不到此前发生过什么。请重置虚拟机再做一次。`,
    ),
  wrongRegisters: (name: string, expected: readonly string[], seen: readonly string[]) =>
    text(
      `The machine stopped at ${name}, where registers should be ${list(expected).en}; saw ${list(seen).en}.`,
      `虚拟机停在了 ${name},寄存器应为 ${list(expected).zh};实际为 ${list(seen).zh}。`,
    ),
  notRecorded: (name: string, what: "user" | "mode") =>
    what === "user"
      ? text(
          `The machine stopped at ${name}, where the trace does not show what the program had in its registers.`,
          `虚拟机停在了 ${name},但记录中没有程序进入内核时的寄存器。`,
        )
      : text(
          `The machine stopped at ${name}, where it cannot be told whether kernel or program ran.`,
          `虚拟机停在了 ${name},但无法确定当时运行的是内核还是程序。`,
        ),
  wrongMode: (name: string, mode: "kernel" | "user") =>
    mode === "kernel"
      ? text(`The machine stopped at ${name}, but not in the kernel.`, `虚拟机停在了 ${name},但当时不在内核态。`)
      : text(`The machine stopped at ${name}, but not in a program.`, `虚拟机停在了 ${name},但当时不在用户态。`),
  wrongPosition: (name: string, position: string) =>
    text(
      `The machine stopped in ${name}, but not at its ${position}.`,
      `虚拟机停在了 ${name} 中,但位置不是 ${position}。`,
    ),
  notByStep: (name: string, how: "instruction" | "line" | "out") =>
    text(
      `The machine stopped at ${name}, but it was not brought there by stepping ${STEPS[how].en}.`,
      `虚拟机停在了 ${name},但不是通过${STEPS[how].zh}到达的。`,
    ),
  tooEarly: (name: string, check: string) =>
    text(
      `The machine stopped at ${name}, but not after the check ${check} was met.`,
      `虚拟机停在了 ${name},但不是在检查项 ${check} 完成之后。`,
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

  neverStopped: (name: string) => text(`The machine did not stop at ${name}.`, `虚拟机没有停在 ${name}。`),
  didStop: (name: string, event: number) =>
    text(`The machine stopped at ${name} (event ${event}).`, `虚拟机停在了 ${name}(事件 ${event})。`),
  jumped: (event: number) =>
    text(`The program counter was set by a debugger (event ${event}).`, `调试器改写了程序计数器(事件 ${event})。`),
  noneOf: text("None of what must not be was found.", "没有发现不应出现的情况。"),

  partly: (title: Bilingual | null, reason: Bilingual) =>
    title === null
      ? text(`In part: ${reason.en}`, `部分完成:${reason.zh}`)
      : text(`In part, "${title.en}": ${reason.en}`, `部分完成(${title.zh}):${reason.zh}`),

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

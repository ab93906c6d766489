/** What people read who debug a machine: answers to `monitor` and announcements, in English and Chinese. */
export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

export const WORDS = {
  // What each command does
  "help.help": { en: "this list", zh: "显示本列表" },
  "help.status": { en: "the machine and this session", zh: "虚拟机与本次会话的状态" },
  "help.who": { en: "who debugs this machine, and who drives it", zh: "谁在调试这台虚拟机,由谁控制" },
  "help.reset": { en: "a fresh machine in place of this one", zh: "换一台全新的虚拟机" },
  "help.restart-program": { en: "leaves the program at the console", zh: "退出控制台上正在运行的程序" },
  "help.type": { en: "types text and Enter at the console", zh: "在控制台输入一行文字并回车" },
  "help.hint": { en: "the lab's next hint", zh: "实验的下一条提示" },
  "help.answer": { en: "gives an answer to one of the lab's questions", zh: "回答实验中的一个问题" },
  "help.lang": { en: "answers in English or Chinese", zh: "选择英文或中文" },
  "help.take": { en: "takes the driver's seat (instructors)", zh: "接管控制权(教师)" },
  "help.give": { en: "gives the driver's seat back (instructors)", zh: "交还控制权(教师)" },
  "help.info status": { en: "whether the machine stands", zh: "虚拟机是否已暂停" },
  "help.info version": { en: "the emulator's version", zh: "模拟器版本" },
  "help.info registers": { en: "the registers of this stop", zh: "本次停下时的寄存器" },
  // Answers
  friendly: {
    en:
      "This monitor command is not available here: QEMU's monitor can reach the server's files.\n" +
      "`monitor help` lists what is. For registers use `info registers`, for memory `x`.",
    zh:
      "此处不提供这条 monitor 命令:QEMU 的 monitor 能访问服务器上的文件。\n" +
      "可用的命令请看 `monitor help`。查看寄存器用 `info registers`,查看内存用 `x`。",
  },
  "drivers only": {
    en: "Only who drives the machine may do that: `monitor who` says who does.",
    zh: "只有控制虚拟机的人才能这样做:用 `monitor who` 查看由谁控制。",
  },
  "instructors only": { en: "Only an instructor may do that.", zh: "只有教师才能这样做。" },
  "observers not": { en: "Observers give no answers.", zh: "观察者不能回答问题。" },
  usage: { en: "Use it as: monitor {usage}", zh: "用法:monitor {usage}" },
  "no registers": {
    en: "Registers were changed since the stop: use gdb's `info registers`.",
    zh: "寄存器在停下后已被修改:请用 gdb 的 `info registers` 查看。",
  },
  "machine runs": { en: "The machine runs.", zh: "虚拟机正在运行。" },
  "machine stands": { en: "The machine stands.", zh: "虚拟机已停下。" },
  "machine paused": { en: "The machine is paused by its operator.", zh: "虚拟机已被管理员暂停。" },
  session: { en: "Session {session}, served for {minutes} min.", zh: "会话 {session},已服务 {minutes} 分钟。" },
  debuggers: { en: "Debuggers: {count}.", zh: "调试器:{count} 个。" },
  "you drive": { en: "You drive.", zh: "由您控制。" },
  "you observe": { en: "You observe.", zh: "您在观察。" },
  person: { en: "{user} ({role})", zh: "{user}({role})" },
  drives: { en: "drives", zh: "控制中" },
  you: { en: "you", zh: "您" },
  driver: { en: "driver", zh: "学生" },
  observer: { en: "observer", zh: "观察者" },
  instructor: { en: "instructor", zh: "教师" },
  reset: {
    en: "A fresh machine is being started: connect again in a moment.",
    zh: "正在启动一台全新的虚拟机:请稍后重新连接。",
  },
  restarted: {
    en:
      "Typed Ctrl-C and `exit` at the console: what ran there ends, and its menu is back when the machine runs.\n" +
      "The menu itself is process 1 and stays; `monitor reset` starts everything anew.",
    zh: "已在控制台输入 Ctrl-C 和 `exit`:虚拟机继续运行后,控制台上的程序会退出并回到菜单。\n菜单本身是 1 号进程,不会退出;`monitor reset` 会全部重新开始。",
  },
  typed: { en: "Typed; the guest reads it when it runs.", zh: "已输入;虚拟机运行后即可读到。" },
  "no hint": { en: "This lab has no hint.", zh: "本实验没有提示。" },
  "no more hints": { en: "These were all: from the first again.", zh: "提示已全部给出,从第一条重新开始。" },
  hint: { en: "Hint {number} of {count}: {text}", zh: "提示 {number}/{count}:{text}" },
  answered: { en: "Noted: {question} = {value}", zh: "已记录:{question} = {value}" },
  "language chosen": { en: "Answers are in English now.", zh: "以后用中文回答。" },
  "took seat": {
    en: "You drive now. `maintenance flush register-cache` shows where the machine stands.",
    zh: "现在由您控制。用 `maintenance flush register-cache` 查看虚拟机停在何处。",
  },
  "have seat": { en: "You drive already.", zh: "已经由您控制。" },
  "gave seat": { en: "You observe now.", zh: "现在您在观察。" },
  "no seat": { en: "You do not drive.", zh: "目前不是由您控制。" },
  // Announcements
  "seat was taken": { en: "{user} (instructor) drives this machine now.", zh: "{user}(教师)现在控制这台虚拟机。" },
  "seat was given": { en: "{user} drives this machine again.", zh: "现在重新由 {user} 控制这台虚拟机。" },
  "seat is free": { en: "Nobody drives this machine now.", zh: "现在没有人控制这台虚拟机。" },
  "waits at power-on": {
    en: "The machine waits at power-on, before its first instruction: it runs when gdb lets it.",
    zh: "虚拟机刚刚上电,还没有执行任何指令:等待 gdb 让它运行。",
  },
  "reset was asked": {
    en: "{user} asked for a fresh machine: this one ends soon.",
    zh: "{user} 要求换一台全新的虚拟机:这一台即将结束。",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<Language, string>>>>;

export type WordKey = keyof typeof WORDS;
export type WordValues = Readonly<Record<string, string | number>>;

/** A text in one's language, with what stands in braces filled in. */
export function inWords(language: Language, key: WordKey, values: WordValues = {}): string {
  const text: string = WORDS[key][language];
  return text.replaceAll(/\{([a-z]+)\}/g, (braces, name: string) => String(values[name] ?? braces));
}

/** A line for all who are here, in both languages. */
export function announcement(key: WordKey, values: WordValues = {}): string {
  return LANGUAGES.map((language) => inWords(language, key, values)).join(" ");
}

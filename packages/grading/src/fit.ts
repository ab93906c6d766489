import type { Arch, Bilingual, FunctionRow, Parameters, StructureRow } from "@ringside/shared";
import { registerNames, type SymbolTable } from "@ringside/trace";
import { isUnbound } from "./bind-functions.ts";
import type { FunctionNames, KernelFunction } from "./function-names.ts";
import { nearestNames } from "./nearest-names.ts";
import {
  type AnswerSource,
  type Condition,
  conditionsOf,
  type Expected,
  type Rubric,
  type StoppedAt,
} from "./rubric.ts";

/** What a rubric is graded against. */
export interface Ground {
  readonly arch: Arch;
  readonly symbols: SymbolTable;
  readonly names: FunctionNames;
  readonly functions: readonly FunctionRow[];
  readonly structures: readonly StructureRow[];
  /** Symbols of the lab's own program; null where there is none. */
  readonly program: SymbolTable | null;
  readonly parameters: Parameters;
}

/** Where the rubric asks for what this image or session cannot show: every student would fail. Null where it fits. */
export function rubricProblem(rubric: Rubric, ground: Ground): Bilingual | null {
  for (const check of rubric.checks) {
    for (const condition of conditionsOf(check)) {
      const problem = problemOf(condition, ground);
      if (problem !== null) return inCheck(problem, check.id);
    }
  }
  return null;
}

type Misfit = Bilingual & { readonly with: "image" | "lab" };

const image = (en: string, zh: string): Misfit => ({ en, zh, with: "image" });
const lab = (en: string, zh: string): Misfit => ({ en, zh, with: "lab" });

function inCheck(misfit: Misfit, check: string): Bilingual {
  const zh = misfit.with === "image" ? "镜像" : "实验";
  return {
    en: `The rubric does not fit the ${misfit.with}: ${misfit.en} (check ${check}).`,
    zh: `评分标准与${zh}不符:${misfit.zh}(检查项 ${check})。`,
  };
}

function problemOf(condition: Condition, ground: Ground): Misfit | null {
  switch (condition.kind) {
    case "breakpoint_on":
    case "breakpoint_silent":
      return functionProblem(condition.function, ground);
    case "stopped_at":
      return stoppedAtProblem(condition, ground);
    case "stepped":
      return condition.in === null ? null : functionProblem(condition.in, ground);
    case "never":
      return condition.stoppedAt === null ? null : functionProblem(condition.stoppedAt, ground);
    case "looked_at":
      return (
        structureProblem(condition.structure, condition.member, ground) ??
        (condition.value === null ? null : parameterProblem(condition.value, ground))
      );
    case "read_memory":
      return (
        (condition.symbol === null ? null : symbolProblem(condition.symbol, ground)) ??
        (condition.in === null ? null : functionProblem(condition.in, ground))
      );
    case "answered":
      return first(condition.right, (right) => {
        if (right.kind === "function") return functionProblem(right.function, ground);
        if (right.kind === "from") return sourceProblem(right.source, ground);
        if (right.kind !== "parameter" || ground.parameters[right.name] !== undefined) return null;
        return lab(`there is no $${right.name}`, `没有参数 $${right.name}`);
      });
    case "attached":
    case "console_typed":
    case "printed":
    case "read_registers":
    case "resumed_after":
    case "all_of":
    case "any_of":
    case "none_of":
      return null;
    default:
      return condition satisfies never;
  }
}

function stoppedAtProblem(condition: StoppedAt, ground: Ground): Misfit | null {
  const { function: target, via, program, args, registers, userRegisters, syscall } = condition;
  const values = [...args, ...registers, ...userRegisters].map(({ expected }) => expected);
  return (
    first([target, via], (each) => (each === null ? null : functionProblem(each, ground))) ??
    (program === null ? null : programProblem(program, ground)) ??
    (target === null ? null : argumentProblem(target, args, ground)) ??
    first([...registers, ...userRegisters], ({ name }) => registerProblem(name, ground)) ??
    first(syscall === null ? values : [...values, syscall], (value) => parameterProblem(value, ground))
  );
}

function functionProblem(target: KernelFunction, { names }: Ground): Misfit | null {
  if (isUnbound(target)) return lab(`there is no function name ${target.name}`, `没有函数名参数 ${target.name}`);
  const resolved = names.resolve(target);
  return resolved.kind === "found" ? null : missing(target.name, resolved.nearest);
}

function symbolProblem(name: string, { symbols }: Ground): Misfit | null {
  return symbols.addressesOf(name).length > 0 ? null : missing(name, nearestNames(name, symbols.names()));
}

function missing(name: string, nearest: readonly string[]): Misfit {
  const { en, zh } = asking(nearest);
  return image(`the kernel has no ${name}${en}`, `内核中没有 ${name}${zh}`);
}

function programProblem(name: string, { program }: Ground): Misfit | null {
  if (program === null) return lab("it has no program of its own", "该实验没有自己的程序");
  if (program.addressesOf(name).length > 0) return null;
  return lab(`its program has no function ${name}`, `程序中没有函数 ${name}`);
}

function argumentProblem(target: KernelFunction, args: StoppedAt["args"], ground: Ground): Misfit | null {
  const resolved = ground.names.resolve(target);
  const entries = new Set(resolved.kind === "found" ? resolved.entries : []);
  const rows = ground.functions.filter((row) => entries.has(BigInt(row.entry)));
  const unknown = args.find(({ name }) => !rows.some((row) => row.params.some((param) => param.name === name)));
  if (unknown === undefined) return null;
  const { name } = unknown;
  return image(`${target.name} has no known argument ${name}`, `${target.name} 没有已知的参数 ${name}`);
}

/** The number that a program called with; it stands beside its registers in pt_regs. */
const NUMBER_REGISTERS = ["orig_rax", "orig_eax"];

function registerProblem(name: string, { arch }: Ground): Misfit | null {
  if (registerNames(arch).includes(name) || NUMBER_REGISTERS.includes(name)) return null;
  return image(`${arch} has no register ${name}`, `${arch} 没有寄存器 ${name}`);
}

function structureProblem(name: string, member: string | null, { structures }: Ground): Misfit | null {
  const row = structures.find((each) => each.name === name);
  if (structures.length === 0) return image("it was built without a table of structures", "镜像没有结构体表");
  if (row === undefined) {
    const ask = didYouMean(name, structures);
    return image(`its table of structures has no ${name}${ask.en}`, `结构体表中没有 ${name}${ask.zh}`);
  }
  if (member === null || row.members.some((each) => each.name === member)) return null;
  const ask = didYouMean(member, row.members);
  return image(`struct ${name} has no member ${member}${ask.en}`, `struct ${name} 没有成员 ${member}${ask.zh}`);
}

function didYouMean(name: string, known: readonly { readonly name: string }[]): Bilingual {
  return asking(
    nearestNames(
      name,
      known.map((each) => each.name),
    ),
  );
}

/** The end of a sentence about a name that is not there. */
function asking(nearest: readonly string[]): Bilingual {
  if (nearest.length === 0) return { en: "", zh: "" };
  return { en: `; did you mean ${nearest.join(" or ")}?`, zh: `;是否指 ${nearest.join(" 或 ")}?` };
}

function sourceProblem(source: AnswerSource, ground: Ground): Misfit | null {
  switch (source.of) {
    case "register":
    case "user_register":
      return registerProblem(source.name, ground);
    case "member":
      return structureProblem(source.structure, source.member, ground);
    case "argument":
    case "syscall":
      return null;
    default:
      return source satisfies never;
  }
}

function parameterProblem(expected: Expected, { parameters }: Ground): Misfit | null {
  if (expected.kind !== "parameter" || typeof parameters[expected.name] === "number") return null;
  return lab(`there is no number $${expected.name}`, `没有数值参数 $${expected.name}`);
}

function first<T>(items: readonly T[], problem: (item: T) => Misfit | null): Misfit | null {
  for (const item of items) {
    const found = problem(item);
    if (found !== null) return found;
  }
  return null;
}

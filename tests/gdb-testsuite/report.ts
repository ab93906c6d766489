import { table } from "../../apps/cli/src/output/table.ts";
import { difference, type FileResult, type FileRun, failed, passed } from "./comparison.ts";
import { addFrames, type FrameCounts, NO_FRAMES } from "./recoder.ts";
import type { TestStatus } from "./sum.ts";

/** The whole run as it is printed with --json. */
export interface Report {
  readonly gdb: string;
  readonly gdbserver: string;
  readonly files: readonly FileReport[];
  /** Sums over the first run of each file. */
  readonly total: {
    readonly files: number;
    readonly passedDirect: number;
    readonly passedCodec: number;
    readonly failedDirect: number;
    readonly failedCodec: number;
    readonly secondsDirect: number;
    readonly secondsCodec: number;
    readonly lost: number;
    readonly unsteady: number;
    readonly frames: FrameCounts;
  };
}

export interface FileReport {
  readonly file: string;
  readonly direct: readonly RunReport[];
  readonly codec: readonly RunReport[];
  readonly frames: FrameCounts;
  readonly lost: readonly string[];
  readonly unsteady: readonly string[];
}

interface RunReport {
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  readonly broken: string | null;
  /** Everything that did not pass. */
  readonly others: readonly { readonly status: TestStatus; readonly name: string }[];
}

export function reportOf(gdb: string, gdbserver: string, results: readonly FileResult[]): Report {
  const files = results.map((result) => ({
    file: result.file,
    direct: result.direct.map(runReport),
    codec: result.codec.map(runReport),
    frames: result.frames,
    ...difference(result),
  }));
  const sum = (value: (file: FileReport) => number) => files.reduce((total, file) => total + value(file), 0);
  return {
    gdb,
    gdbserver,
    files,
    total: {
      files: files.length,
      passedDirect: sum((file) => file.direct[0]?.passed ?? 0),
      passedCodec: sum((file) => file.codec[0]?.passed ?? 0),
      failedDirect: sum((file) => file.direct[0]?.failed ?? 0),
      failedCodec: sum((file) => file.codec[0]?.failed ?? 0),
      secondsDirect: Math.round(sum((file) => file.direct[0]?.seconds ?? 0)),
      secondsCodec: Math.round(sum((file) => file.codec[0]?.seconds ?? 0)),
      lost: sum((file) => file.lost.length),
      unsteady: sum((file) => file.unsteady.length),
      frames: results.map((result) => result.frames).reduce(addFrames, NO_FRAMES),
    },
  };
}

function runReport(run: FileRun): RunReport {
  const others = run.lines.filter(({ status }) => status !== "PASS");
  const seconds = Math.round(run.seconds * 10) / 10;
  return { passed: passed(run), failed: failed(run), seconds, broken: run.broken, others };
}

/** The same for people. */
export function reportText(report: Report): string {
  const rows = report.files.map((file) => [
    file.file,
    file.direct.map((run) => run.passed).join(" "),
    file.codec.map((run) => run.passed).join(" "),
    file.direct.map((run) => run.failed).join(" "),
    file.codec.map((run) => run.failed).join(" "),
    String(file.frames.packets),
    noteOf(file),
  ]);
  const { total } = report;
  const sums = [total.passedDirect, total.passedCodec, total.failedDirect, total.failedCodec, total.frames.packets];
  const head = ["file", "direct", "codec", "failed", "failed", "packets", "differences"];
  const named = report.files.flatMap((file) => [
    ...file.lost.map((name) => `lost: ${name}`),
    ...file.unsteady.map((name) => `unsteady: ${name}`),
    ...[...file.direct, ...file.codec].flatMap((run) => (run.broken === null ? [] : [`${file.file}: ${run.broken}`])),
  ]);
  const { frames } = total;
  return [
    table(head, [...rows, [`${total.files} files`, ...sums.map(String), ""]]),
    ...(named.length > 0 ? ["", ...named] : []),
    "",
    `Through the codec: ${frames.packets} packets, ${frames.notifications} notifications, ${frames.interrupts} interrupts, ${frames.damaged} damaged, ${frames.strayBytes} bytes outside packets`,
    `${report.gdb}; ${report.gdbserver}; ${total.secondsDirect} s direct, ${total.secondsCodec} s through the codec`,
    `passed direct ${total.passedDirect}, through the codec ${total.passedCodec}, lost ${total.lost}`,
  ].join("\n");
}

function noteOf(file: FileReport): string {
  const notes = [
    ...(file.lost.length > 0 ? [`${file.lost.length} lost`] : []),
    ...(file.unsteady.length > 0 ? [`${file.unsteady.length} unsteady`] : []),
    ...(file.frames.damaged > 0 ? [`${file.frames.damaged} damaged`] : []),
    ...([...file.direct, ...file.codec].some((run) => run.broken !== null) ? ["broken"] : []),
  ];
  return notes.join(", ");
}

import { Command } from "commander";
import { addAnswer } from "./commands/answer.ts";
import { addBench } from "./commands/bench.ts";
import { addCell } from "./commands/cell.ts";
import { addCheckpoint } from "./commands/checkpoint.ts";
import { addConnect } from "./commands/connect.ts";
import { addConsole } from "./commands/console.ts";
import { addCourse } from "./commands/course.ts";
import { addDemo } from "./commands/demo.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addFork } from "./commands/fork.ts";
import { addGdb } from "./commands/gdb.ts";
import { addGrade } from "./commands/grade.ts";
import { addGrades } from "./commands/grades.ts";
import { addImage } from "./commands/image.ts";
import { addInit } from "./commands/init.ts";
import { addKeys } from "./commands/keys.ts";
import { addLab } from "./commands/lab.ts";
import { addLabs } from "./commands/labs.ts";
import { addLogin } from "./commands/login.ts";
import { addMachine } from "./commands/machine.ts";
import { addOverride } from "./commands/override.ts";
import { addPipe } from "./commands/pipe.ts";
import { addRegrade } from "./commands/regrade.ts";
import { addReplay } from "./commands/replay.ts";
import { addSessions } from "./commands/sessions.ts";
import { addStart } from "./commands/start.ts";
import { addTest } from "./commands/test.ts";
import { addTop } from "./commands/top.ts";
import { addTrace } from "./commands/trace.ts";
import { addUp } from "./commands/up.ts";
import { addVerify } from "./commands/verify.ts";
import { addWatch } from "./commands/watch.ts";
import type { Context } from "./context.ts";
import { exitCodesHelp } from "./exit-codes.ts";

const EXAMPLES = `
Examples:
  ringside demo                        everything at once, on this machine: see it work
  ringside up                          run the server on this machine
  ringside login --url URL             then, as a student:
  ringside start net-listen            get a machine
  ringside gdb                         debug its kernel
  ringside console                     type at its console`;

/** The whole command line; every command is a file in commands/. */
export function createProgram(context: Omit<Context, "json">): Command {
  const program = new Command("ringside");
  const full: Context = { ...context, json: () => program.opts<{ json?: boolean }>().json === true };
  program
    .description("A front-row seat at ring 0: every student their own Linux VM, their own gdb, one server.")
    .option("--json", "print the result as JSON on stdout, and errors as JSON on stderr")
    .showHelpAfterError("(`ringside COMMAND --help` explains it)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .addHelpText("after", () => `${EXAMPLES}\n\nExit codes:\n${exitCodesHelp()}`);
  const groups: readonly [string, readonly ((program: Command, context: Context) => void)[]][] = [
    [
      "Students:",
      [addLogin, addLabs, addStart, addSessions, addConnect, addGdb, addInit, addPipe, addConsole, addAnswer, addGrade],
    ],
    ["Machines:", [addMachine, addCheckpoint, addFork]],
    [
      "Instructors:",
      [addCourse, addLab, addGrades, addOverride, addRegrade, addWatch, addTrace, addVerify, addReplay, addTop],
    ],
    ["Operators:", [addUp, addCell, addKeys, addDemo, addDoctor, addImage, addTest, addBench]],
  ];
  for (const [heading, adds] of groups) {
    program.commandsGroup(heading);
    for (const add of adds) add(program, full);
  }
  return program;
}

import type { Command } from "commander";
import type { Context } from "../context.ts";
import { runDemo } from "../demo/demo.ts";

/** `ringside demo`: see it work. */
export function addDemo(program: Command, context: Context): void {
  program
    .command("demo")
    .summary("see it all work, on this machine")
    .description(
      "Makes everything ready, starts a box of its own, boots a machine for each of four students at the same time, " +
        "attaches real debuggers, stops three of them in the kernel's listen, hands in and grades. Leaves nothing behind.",
    )
    .option("--keep", "leave it running afterwards, until Ctrl-C")
    .option("--kernel-src <path>", "kernel tree or tarball to build the image from")
    .addHelpText("after", "\nExamples:\n  ringside demo\n  ringside demo --keep")
    .action((options: { keep?: boolean; kernelSrc?: string }) =>
      runDemo(context, options.keep === true, options.kernelSrc),
    );
}

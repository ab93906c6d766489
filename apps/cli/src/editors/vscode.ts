import type { DebugFiles } from "../processes/gdb.ts";
import { REMOTE_TIMEOUT_SECONDS } from "./gdbinit.ts";

interface SetupCommand {
  readonly description: string;
  readonly text: string;
  readonly ignoreFailures: boolean;
}

const setup = (text: string, description: string): SetupCommand => ({ description, text, ignoreFailures: true });

/** The configuration that attaches VS Code's C/C++ extension (cppdbg) to the machine. */
export function launchConfiguration(files: DebugFiles, address: string): Record<string, unknown> {
  const debuginfod =
    files.debuginfod === undefined
      ? []
      : [
          setup(`set debuginfod urls ${files.debuginfod}`, "Sources from the server"),
          setup("set debuginfod enabled on", "Sources from the server"),
        ];
  const sources = files.sources === undefined ? [] : [setup(`directory ${files.sources}`, "The kernel's sources")];
  return {
    name: "Ringside: your machine's kernel",
    type: "cppdbg",
    request: "launch",
    program: files.debug,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: VS Code's own variable
    cwd: "${workspaceFolder}",
    MIMode: "gdb",
    miDebuggerPath: "gdb",
    miDebuggerServerAddress: address,
    stopAtConnect: true,
    externalConsole: false,
    setupCommands: [
      setup(`set remotetimeout ${REMOTE_TIMEOUT_SECONDS}`, "Patience while a sleeping machine wakes"),
      setup("-enable-pretty-printing", "Pretty printing"),
      ...debuginfod,
      ...sources,
    ],
  };
}

/** `.vscode/launch.json`. */
export function launchFile(files: DebugFiles, address: string): string {
  const launch = { version: "0.2.0", configurations: [launchConfiguration(files, address)] };
  return `${JSON.stringify(launch, null, 2)}\n`;
}

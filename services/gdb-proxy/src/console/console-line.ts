import { closeSync, constants, openSync } from "node:fs";
import { createConnection, Socket } from "node:net";

/** Where a machine's ttyS0 is: a socket, or the two named pipes of a machine that QEMU records. */
export type ConsolePlace =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "pipes"; readonly input: string; readonly output: string };

/** The two directions of a console; of a socket they are one. The end of `output` is the end of both. */
export interface ConsoleLine {
  readonly input: Socket;
  readonly output: Socket;
}

/** Connects to a console. It may turn out, by an error and the close of `output`, that nobody is there. */
export function openConsole(place: ConsolePlace): ConsoleLine {
  if (place.kind === "socket") {
    const socket = createConnection(place.path);
    return { input: socket, output: socket };
  }
  let input: number | null = null;
  try {
    input = openPipe(place.input, constants.O_WRONLY);
    const output = openPipe(place.output, constants.O_RDONLY);
    return {
      input: new Socket({ fd: input, readable: false, writable: true }),
      output: new Socket({ fd: output, readable: true, writable: false }),
    };
  } catch (error) {
    if (input !== null) closeSync(input);
    const nobody = new Socket();
    setImmediate(() => nobody.destroy(error as Error));
    return { input: nobody, output: nobody };
  }
}

/** QEMU holds both ends of its pipes, so that opening does not wait. */
const openPipe = (path: string, flag: number): number =>
  openSync(path, flag | constants.O_NONBLOCK | constants.O_NOFOLLOW);

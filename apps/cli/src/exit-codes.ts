import { ERRORS, type ErrorCode } from "@ringside/shared";

/** What the command's exit code says: the one table, printed by `ringside --help`. */
export const EXITS = {
  ok: { code: 0, meaning: "done" },
  failed: { code: 1, meaning: "it failed; the message says why" },
  usage: { code: 2, meaning: "the command was not understood" },
  denied: { code: 3, meaning: "not logged in, or not allowed" },
  not_found: { code: 4, meaning: "no such session, lab, course, file or image" },
  try_later: { code: 5, meaning: "it may work in a while: no free machine, or a server that does not answer" },
  interrupted: { code: 130, meaning: "ended by Ctrl-C" },
} as const;

export type Exit = keyof typeof EXITS;

/**
 * An error whose message is for the user as it stands: what went wrong, then what to do next. An empty one is for
 * a command that has said it all.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: Exit;
  /** The server's error code, where the server said it. */
  readonly code: ErrorCode | undefined;

  constructor(exit: Exit, message: string, options: { readonly code?: ErrorCode; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.exit = exit;
    this.code = options.code;
  }
}

/** The exit for an error that the server answered. */
export function exitForCode(code: ErrorCode): Exit {
  const { status, retryable } = ERRORS[code];
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "not_found";
  return retryable ? "try_later" : "failed";
}

/** The exit codes as lines for --help. */
export function exitCodesHelp(): string {
  return Object.values(EXITS)
    .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`)
    .join("\n");
}

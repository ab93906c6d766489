import type { ConnectionRole } from "@ringside/shared";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliError } from "../exit-codes.ts";
import { Verification } from "../near/verification.ts";

/** Options of every command that carries a gdb. */
export interface NearOptions {
  readonly observe?: boolean;
  readonly raw?: boolean;
  readonly verifyReads?: boolean;
}

export function addNearOptions(command: Command): Command {
  return command
    .option("--observe", "look on beside the one who drives: gdb reads, but cannot run or change the machine")
    .option("--verify-reads", "ask the machine again for everything that is answered here, and count differences")
    .option("--raw", "carry gdb's bytes as they are; each of its packets goes to the machine and back");
}

/** What the options mean to a Way. */
export function nearSettings(
  context: Context,
  options: NearOptions,
  say: (line: string) => void,
): {
  readonly role: ConnectionRole | undefined;
  readonly raw: boolean;
  readonly verification: Verification | null;
} {
  const verify = options.verifyReads === true || context.environment.RINGSIDE_VERIFY_READS !== undefined;
  return {
    role: options.observe === true ? "observer" : undefined,
    raw: options.raw === true,
    verification: verify ? new Verification(say) : null,
  };
}

/** Says what --verify-reads has found. @throws CliError where anything differed */
export function concludeVerification(verification: Verification | null, say: (line: string) => void): void {
  if (verification === null) return;
  say(`Reads asked twice: ${verification.words}`);
  if (verification.mismatches > 0) throw new CliError("failed", "What gdb was told was not what the machine had.");
}

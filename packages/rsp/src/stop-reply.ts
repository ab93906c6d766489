import { addressOfHex, countOfHex } from "./hex.ts";

/**
 * A stop reply (gdb manual, "Stop Reply Packets"): why the machine does not run.
 * QEMU sends `T` with `thread:` and, for watchpoints, `watch:`, `rwatch:` or `awatch:`, and `W` when it exits.
 */
export type StopReply =
  | {
      readonly kind: "signal";
      readonly signal: number;
      readonly thread: string | null;
      readonly watch: { readonly access: "write" | "read" | "access"; readonly address: bigint } | null;
    }
  | { readonly kind: "exited"; readonly status: number }
  | { readonly kind: "terminated"; readonly signal: number };

const WATCHES = { watch: "write", rwatch: "read", awatch: "access" } as const;

const isWatch = (name: string): name is keyof typeof WATCHES => Object.hasOwn(WATCHES, name);

/** Reads a stop reply's payload; null where it is none. */
export function parseStopReply(payload: string): StopReply | null {
  const head = payload[0];
  const code = /^[0-9a-fA-F]{2}$/.test(payload.slice(1, 3)) ? countOfHex(payload.slice(1, 3)) : null;
  if (code === null) return null;
  switch (head) {
    case "W":
      return { kind: "exited", status: code };
    case "X":
      return { kind: "terminated", signal: code };
    case "S":
      return payload.length === 3 ? { kind: "signal", signal: code, thread: null, watch: null } : null;
    case "T":
      return withPairs(code, payload.slice(3));
    default:
      return null;
  }
}

function withPairs(signal: number, pairs: string): StopReply {
  let thread: string | null = null;
  let watch: Extract<StopReply, { kind: "signal" }>["watch"] = null;
  for (const pair of pairs.split(";")) {
    const colon = pair.indexOf(":");
    if (colon < 0) continue;
    const name = pair.slice(0, colon);
    const value = pair.slice(colon + 1);
    if (name === "thread") thread = value;
    const address = isWatch(name) ? addressOfHex(value) : null;
    if (isWatch(name) && address !== null) watch = { access: WATCHES[name], address };
  }
  return { kind: "signal", signal, thread, watch };
}

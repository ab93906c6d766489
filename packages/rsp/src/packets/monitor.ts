import { bytesOfHex } from "../hex.ts";

/** `qRcmd,…`: gdb's `monitor`. `command` is null where its hex is broken. */
export interface MonitorPacket {
  readonly kind: "qRcmd";
  readonly command: string | null;
}

/** Everything that begins with `qRcmd` is one, however it is written: it must never look like another packet. */
export function parseMonitor(payload: string): MonitorPacket | null {
  if (!/^qrcmd/i.test(payload)) return null;
  return { kind: "qRcmd", command: payload.startsWith("qRcmd,") ? bytesOfHex(payload.slice("qRcmd,".length)) : null };
}

import { type BreakpointPacket, parseBreakpoint } from "./packets/breakpoints.ts";
import { type EndingPacket, parseEnding } from "./packets/ending.ts";
import { type HandshakePacket, parseHandshake } from "./packets/handshake.ts";
import { type HostPacket, parseHost } from "./packets/host.ts";
import { type MemoryPacket, parseMemory } from "./packets/memory.ts";
import { type MonitorPacket, parseMonitor } from "./packets/monitor.ts";
import { parseRegisters, type RegistersPacket } from "./packets/registers.ts";
import { parseResume, type ResumePacket } from "./packets/resume.ts";
import { parseThreads, type ThreadsPacket } from "./packets/threads.ts";
import { parseTransfer, type TransferPacket } from "./packets/transfer.ts";

/** What gdb sends to a stub (gdb manual, "Packets"). `unknown` is everything else, broken packets included. */
export type Packet =
  | RegistersPacket
  | MemoryPacket
  | BreakpointPacket
  | ResumePacket
  | ThreadsPacket
  | HandshakePacket
  | TransferPacket
  | MonitorPacket
  | EndingPacket
  | HostPacket
  | { readonly kind: "unknown" };

export type PacketKind = Packet["kind"];
export type PacketOf<K extends PacketKind> = Extract<Packet, { kind: K }>;

/** Reads a packet's payload. Never throws: what does not fit is `unknown`. */
export function parsePacket(payload: string): Packet {
  return (
    parseRegisters(payload) ??
    parseMemory(payload) ??
    parseResume(payload) ??
    parseBreakpoint(payload) ??
    parseThreads(payload) ??
    parseMonitor(payload) ??
    parseHandshake(payload) ??
    parseTransfer(payload) ??
    parseEnding(payload) ??
    parseHost(payload) ?? { kind: "unknown" }
  );
}

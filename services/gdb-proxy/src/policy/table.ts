import { type Packet, type PacketKind, parsePacket } from "@ringside/rsp";
import * as breakpoints from "./breakpoints.ts";
import { type Decision, OBSERVES, type PolicyView, RUNS, type Rule, refuse } from "./decision.ts";
import * as ending from "./ending.ts";
import * as handshake from "./handshake.ts";
import * as host from "./host.ts";
import * as memory from "./memory.ts";
import { monitor } from "./monitor.ts";
import * as registers from "./registers.ts";
import * as resume from "./resume.ts";
import * as threads from "./threads.ts";
import { transfer } from "./transfer.ts";

/**
 * The packet policy: what becomes of each packet of gdb's. Whatever is not named by the protocol's parser is
 * `unknown` and gets the empty answer. No rule forwards gdb's own bytes: what reaches the stub is written anew.
 */
export const POLICY: { readonly [K in PacketKind]: Rule<K> } = {
  g: registers.readAll,
  G: registers.writeAll,
  p: registers.readOne,
  P: registers.writeOne,
  m: memory.readMemory,
  M: memory.writeMemory,
  x: memory.readBinary,
  X: memory.writeBinary,
  Z: breakpoints.insert,
  z: breakpoints.remove,
  resume: resume.resume,
  "vCont?": resume.listActions,
  vCont: resume.resumeThreads,
  reverse: resume.reverse,
  H: threads.choose,
  T: threads.isAlive,
  qC: threads.current,
  qfThreadInfo: threads.listFirst,
  qsThreadInfo: threads.listNext,
  qThreadExtraInfo: threads.describe,
  qSupported: handshake.offer,
  QStartNoAckMode: handshake.stopAcks,
  "?": handshake.whyStopped,
  "!": handshake.extended,
  qAttached: handshake.wasThere,
  vAttach: handshake.attach,
  vMustReplyEmpty: handshake.mustBeEmpty,
  qXfer: transfer,
  qRcmd: monitor,
  D: ending.detach,
  k: ending.kill,
  vKill: ending.killProcess,
  R: ending.restart,
  vRun: ending.run,
  F: host.fileReply,
  vFile: host.hostFile,
  qemu: host.qemuMode,
  unknown: host.unknown,
};

/** What has no meaning for a gdb that has let go of the machine. */
const NEEDS_MACHINE: ReadonlySet<PacketKind> = new Set([
  ...(["g", "G", "p", "P", "m", "M", "Z", "z", "resume", "vCont", "?"] as const),
  ...(["H", "T", "qC", "qfThreadInfo", "qsThreadInfo", "qThreadExtraInfo"] as const),
]);
/** What changes the machine or what stops it, resumes aside. Removing one's own breakpoints is not among it. */
const CHANGES: ReadonlySet<PacketKind> = new Set(["G", "P", "M", "X", "Z"] as const);

/** Decides about a packet's payload. */
export function decide(payload: string, view: PolicyView): Decision {
  const packet = parsePacket(payload);
  const { asker } = view;
  if (asker.detached && NEEDS_MACHINE.has(packet.kind)) return refuse("detached: attach first", "E01");
  if (!asker.drives && CHANGES.has(packet.kind)) return refuse("observers change nothing", OBSERVES);
  const rule = POLICY[packet.kind] as (packet: Packet, view: PolicyView) => Decision;
  const decision = rule(packet, view);
  // What can be answered without the stub is, also while the machine runs.
  return view.runs && decision.kind === "ask" ? refuse("the machine runs", RUNS) : decision;
}

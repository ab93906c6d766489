import { GDB_PACKET_BYTES } from "../limits.ts";
import { answer, type Rule, refuse, tell, UNSUPPORTED } from "./decision.ts";

/** What gdb is offered; the stub's own offer went to the hub, without `multiprocess`. */
export const OFFER = [
  `PacketSize=${GDB_PACKET_BYTES.toString(16)}`,
  "QStartNoAckMode+",
  "qXfer:features:read+",
  "qXfer:threads:read+",
  "vContSupported+",
  "ConditionalBreakpoints+",
].join(";");

/** The same for a near agent, which tells gdb its own packet size and names threads by itself. */
export const LINK_OFFER = OFFER.split(";")
  .filter((feature) => !/^(?:PacketSize=|qXfer:threads:)/.test(feature))
  .join(";");

export const offer: Rule<"qSupported"> = () => answer(OFFER);
/** The connection stops acknowledging after this answer. */
export const stopAcks: Rule<"QStartNoAckMode"> = () => answer("OK");
/** Never asked of the stub: there `?` deletes all breakpoints. */
export const whyStopped: Rule<"?"> = (_packet, view) => tell(view);
export const extended: Rule<"!"> = () => answer("OK");
/** 1: the machine was there before gdb, so that gdb detaches rather than kills when it quits. */
export const wasThere: Rule<"qAttached"> = () => answer("1");
export const attach: Rule<"vAttach"> = ({ process }) =>
  /^0*1$/.test(process) ? { kind: "attach" } : refuse("there is one process: 1", "E22");
export const mustBeEmpty: Rule<"vMustReplyEmpty"> = () => answer(UNSUPPORTED);

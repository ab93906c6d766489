import { type Rule, refuse } from "./decision.ts";

/** `F` resumes the machine behind the hub's back. */
export const fileReply: Rule<"F"> = () => refuse("file input and output of the target is not supported");
export const hostFile: Rule<"vFile"> = () => refuse("there is no access to files");
/** Modes that would outlive this client in the stub. */
export const qemuMode: Rule<"qemu"> = () => refuse("QEMU's own modes are not changed");
export const unknown: Rule<"unknown"> = () => refuse("unknown packet");

/**
 * The life of a Session and of a Machine, as data. The Prisma enums are checked against these by a test.
 *
 *   session   requested → queued → starting → ready ⇄ attached → ended
 *                                             ⇅ ⇅ hibernated        failed(reason) from anywhere before the end
 *   machine   created → restoring | booting → running ⇄ paused → stopped | failed
 */

export const SESSION_STATES = [
  "requested",
  "queued",
  "starting",
  "ready",
  "attached",
  "hibernated",
  "ended",
  "failed",
] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** A reset sends a live session back to `queued` with the next epoch. */
export const SESSION_TRANSITIONS = {
  requested: ["queued", "ended", "failed"],
  queued: ["starting", "ready", "ended", "failed"],
  starting: ["ready", "queued", "ended", "failed"],
  ready: ["attached", "hibernated", "queued", "ended", "failed"],
  attached: ["ready", "hibernated", "queued", "ended", "failed"],
  hibernated: ["ready", "queued", "ended", "failed"],
  ended: [],
  failed: [],
} as const satisfies Record<SessionState, readonly SessionState[]>;

export const SESSION_STATES_FINAL = ["ended", "failed"] as const satisfies readonly SessionState[];
export const SESSION_STATES_LIVE = ["ready", "attached"] as const satisfies readonly SessionState[];

/** Why a session failed: a closed list, each with the words a student sees. */
export const FAIL_REASONS = {
  runner_lost: "The host that ran your machine went away. Your recording up to then is kept: start again.",
  machine_crashed: "The emulator ended unexpectedly. Your recording up to then is kept: start again.",
  guest_exited: "The guest rebooted or powered itself off. Your recording up to then is kept: start again.",
  machine_unresponsive: "The machine stopped answering and was ended. Start again.",
  start_timeout: "The machine did not start in time. Try again.",
  no_capacity: "No host took your session in time: all machines are taken. Try again in some minutes.",
  image_unavailable: "The lab's image is not there on the host. Tell your instructor.",
  jail_unavailable: "The host cannot confine machines and therefore starts none. Tell your instructor.",
  storage_full: "The host's disk is full. Tell your instructor.",
  trace_full: "The session's recording reached its size limit.",
  internal: "Something went wrong on the server. Tell your instructor.",
} as const;
export type FailReason = keyof typeof FAIL_REASONS;
export const FAIL_REASON_NAMES = Object.keys(FAIL_REASONS) as [FailReason, ...FailReason[]];

/** Why a session ended in good order. */
export const END_REASONS = ["stopped", "submitted", "time_limit", "operator"] as const;
export type EndReason = (typeof END_REASONS)[number];

export const MACHINE_STATES = ["created", "restoring", "booting", "running", "paused", "stopped", "failed"] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

export const MACHINE_TRANSITIONS = {
  created: ["restoring", "booting", "stopped", "failed"],
  restoring: ["paused", "stopped", "failed"],
  booting: ["running", "paused", "stopped", "failed"],
  running: ["paused", "stopped", "failed"],
  paused: ["running", "stopped", "failed"],
  stopped: [],
  failed: [],
} as const satisfies Record<MachineState, readonly MachineState[]>;

/** True where `to` may follow `from`. Staying in a state is no transition. */
export function sessionMayGo(from: SessionState, to: SessionState): boolean {
  return (SESSION_TRANSITIONS[from] as readonly SessionState[]).includes(to);
}

/** True where `to` may follow `from`. */
export function machineMayGo(from: MachineState, to: MachineState): boolean {
  return (MACHINE_TRANSITIONS[from] as readonly MachineState[]).includes(to);
}

/** True for `ended` and `failed`. */
export function sessionIsFinal(state: SessionState): boolean {
  return SESSION_TRANSITIONS[state].length === 0;
}

/** A Redis that is there answers within milliseconds. */
export const COMMAND_TIMEOUT_MS = 2_000;
export const CONNECT_TIMEOUT_MS = 2_000;
/** Between attempts to connect: so much more after each, up to the limit. */
export const RECONNECT_STEP_MS = 50;
export const RECONNECT_MS_MAX = 1_000;

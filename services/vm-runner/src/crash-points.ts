/** Steps at which a test has the runner die, to see that nothing is lost or left. */
export const CRASH_POINTS = [
  "before-spawn",
  "after-spawn",
  "after-load",
  "before-ready",
  "mid-hibernate",
  "mid-wake",
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Passes a named step: nothing, unless this is the one to die at. */
export type Pass = (point: CrashPoint) => void;

/** @param at the step at which this process kills itself; null: at none */
export function crashAt(at: CrashPoint | null): Pass {
  return (point) => {
    if (point === at) process.kill(process.pid, "SIGKILL");
  };
}

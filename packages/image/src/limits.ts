/** Bounds of the image package, each with its unit. */

/** Lines of a failed recipe's log that its error shows. */
export const LOG_TAIL_LINES = 20;
/** Of a log, at most this much is read for its tail. */
export const LOG_TAIL_BYTES = 16 * 1024;
/** A recipe that was told to stop gets this long before it is killed. */
export const RECIPE_STOP_GRACE_MS = 3_000;
/** Longest wait for the answer of `tool --version`. */
export const TOOL_VERSION_TIMEOUT_MS = 10_000;
/** How often a waiting builder looks whether the other one is done. */
export const LOCK_POLL_MS = 250;
/** A manifest is a few kilobytes; a larger file is something else. */
export const MANIFEST_BYTES_MAX = 1024 * 1024;
/** Kernel trees have some 80,000 files; more than this is not a kernel tree. */
export const SOURCE_FILES_MAX = 500_000;
/** Sections of an ELF file that are looked at, and bytes of their names. A kernel has some 40. */
export const ELF_SECTIONS_MAX = 1_000;
export const ELF_NAMES_BYTES_MAX = 64 * 1024;
/** Of a note section, at most this much is read. */
export const ELF_NOTES_BYTES_MAX = 64 * 1024;
/** Symbols of a program, and bytes of their table and of their names. A static program has some 2,000. */
export const ELF_SYMBOLS_MAX = 200_000;
export const ELF_SYMBOLS_BYTES_MAX = 8 * 1024 * 1024;
/** Images that may be marked as wanted at once. */
export const WANTED_IMAGES_MAX = 32;
/** A recipe of low priority leaves the processor to everybody else: as setpriority(2) counts. */
export const NICENESS_MAX = 19;
/** Builds that a cache's list of images may have. */
export const IMAGES_LISTED_MAX = 1_000;

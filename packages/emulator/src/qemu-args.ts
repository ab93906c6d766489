import { existsSync } from "node:fs";
import type { Arch, MachineStart } from "@ringside/shared";
import { CONSOLE_PIPES, CONSOLE_SOCKET, STUB_SOCKET } from "@ringside/shared";
import { TCG_CACHE_MIB } from "./limits.ts";
import { REPLAY_OVERLAY_FILE } from "./replay-overlay.ts";

/**
 * QEMU's command line as a pure function of what the machine is.
 *
 * A template and its clones must have the same devices in the same order, or the saved state does not load:
 * everything that makes devices is in `deviceArguments`, and its digest is part of a template's key. The flags
 * were chosen by measurement: `pc` without the parts a lab does not need; `vapic=off` for reverse debugging.
 *
 *   ttyS0  console.sock, one client at a time;    gdb stub  gdb.sock
 *          two named pipes while it is recorded
 *   QMP    inherited socket                       state     inherited socket that a clone's state comes over
 */
export interface BootFiles {
  /** Paths as QEMU sees them. */
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
}

/**
 * Whether QEMU counts instructions: to write everything that reaches the guest from outside into a log
 * (RECORDING_FILE in the machine's folder), or to run from such a log.
 */
export type Icount = "off" | "record" | "replay";
/** A recorded machine's log, in its folder. */
export const RECORDING_FILE = "replay.log";
/** An instruction takes 2^3 ns of the guest's time: measured as the quickest that records well. */
const ICOUNT_SHIFT = 3;

/** Where the guest's memory is and how the machine begins. */
export type MachineMode =
  | { readonly kind: "cold"; readonly boot: BootFiles; readonly start: MachineStart }
  | { readonly kind: "template"; readonly boot: BootFiles; readonly memoryFile: string }
  | { readonly kind: "clone"; readonly memoryFd: number; readonly icount: Icount }
  /** Devices without a guest: the jail's self-test looks at such a process. */
  | { readonly kind: "probe" };

export interface MachineSpec {
  /** Seen in the process list; by this name the reaper knows whose process it is. */
  readonly name: string;
  readonly arch: Arch;
  readonly memoryMib: number;
  /** The machine's private folder, as QEMU sees it. */
  readonly folder: string;
  readonly qmpFd: number;
  readonly mode: MachineMode;
}

/** Debian 12's updates have a shell script in the usual place, which a jail without a shell cannot run. */
const QEMU_BINARIES = {
  x86_64: { usual: "/usr/bin/qemu-system-x86_64", instead: null },
  i386: { usual: "/usr/bin/qemu-system-i386", instead: "/usr/libexec/qemu-system-i386" },
} as const satisfies Record<Arch, unknown>;

/**
 * The QEMU program for an architecture, where it is on this system. An i386 kernel needs its own: gdb refuses x86_64
 * registers for it.
 */
export function qemuBinary(arch: Arch): string {
  const { usual, instead } = QEMU_BINARIES[arch];
  return instead !== null && existsSync(instead) ? instead : usual;
}

/** The flags that make the machine's devices, in order. Template and clone share them to the byte. */
export function deviceArguments(memoryMib: number): readonly string[] {
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot"],
    ...["-accel", `tcg,tb-size=${TCG_CACHE_MIB}`, "-m", String(memoryMib)],
    ...["-global", "apic-common.vapic=off"],
    ...["-machine", "pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off,memory-backend=ram"],
  ];
}

const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

function memoryObject(spec: MachineSpec): string {
  const size = `id=ram,size=${spec.memoryMib}M`;
  switch (spec.mode.kind) {
    case "cold":
    case "probe":
      return `memory-backend-ram,${size}`;
    case "template":
      return `memory-backend-file,${size},mem-path=${spec.mode.memoryFile},share=on`;
    case "clone":
      return `memory-backend-file,${size},mem-path=/proc/self/fd/${spec.mode.memoryFd},share=off`;
    default:
      return spec.mode satisfies never;
  }
}

function counting({ mode, folder }: MachineSpec): readonly string[] {
  if (mode.kind !== "clone" || mode.icount === "off") return [];
  const icount = ["-icount", `shift=${ICOUNT_SHIFT},rr=${mode.icount},rrfile=${folder}/${RECORDING_FILE}`];
  if (mode.icount === "record") return icount;
  // Reverse debugging goes back to snapshots, which QEMU keeps in a disk image that no device has.
  return [...icount, "-drive", `if=none,id=rr,format=qcow2,file=${folder}/${REPLAY_OVERLAY_FILE}`, "-no-shutdown"];
}

function consoleOf({ mode, folder }: MachineSpec): string {
  const recorded = mode.kind === "clone" && mode.icount === "record";
  if (recorded) return `pipe,id=console,path=${folder}/${CONSOLE_PIPES.base}`;
  return `socket,id=console,path=${folder}/${CONSOLE_SOCKET},server=on,wait=off`;
}

function beginning(mode: MachineMode): readonly string[] {
  if (mode.kind === "probe") return ["-S"];
  if (mode.kind === "clone") return ["-S", "-incoming", "defer"];
  const waits = mode.kind === "cold" && mode.start === "power_on" ? ["-S"] : [];
  return [...waits, "-kernel", mode.boot.kernel, "-initrd", mode.boot.initrd, "-append", mode.boot.commandLine];
}

/** QEMU's arguments, without the program's own name. */
export function qemuArguments(spec: MachineSpec): readonly string[] {
  return [
    ...["-name", spec.name],
    ...deviceArguments(spec.memoryMib),
    ...["-object", memoryObject(spec)],
    ...beginning(spec.mode),
    ...counting(spec),
    ...["-chardev", `socket,id=qmp,fd=${spec.qmpFd}`, "-mon", "chardev=qmp,mode=control"],
    ...["-chardev", consoleOf(spec)],
    ...["-serial", "chardev:console"],
    ...["-chardev", `socket,id=stub,path=${spec.folder}/${STUB_SOCKET},server=on,wait=off`, "-gdb", "chardev:stub"],
    ...["-sandbox", SANDBOX],
  ];
}

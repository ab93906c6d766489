import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deviceArguments, type MachineMode, qemuArguments, qemuBinary } from "./qemu-args.ts";

const boot = { kernel: "/machine/kernel", initrd: "/machine/initrd", commandLine: "console=ttyS0 quiet" };
const argumentsOf = (mode: MachineMode) =>
  qemuArguments({
    ...{ name: "ses_x.1", arch: "x86_64", memoryMib: 64, folder: "/machine", qmpFd: 3, mode },
  });

test("a clone maps the template's memory privately and waits for its state", () => {
  expect(argumentsOf({ kind: "clone", memoryFd: 6, icount: "off" }).join(" ")).toMatchInlineSnapshot(
    `"-name ses_x.1 -nodefaults -no-user-config -display none -vga none -no-reboot -accel tcg,tb-size=16 -m 64 -global apic-common.vapic=off -machine pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off,memory-backend=ram -object memory-backend-file,id=ram,size=64M,mem-path=/proc/self/fd/6,share=off -S -incoming defer -chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control -chardev socket,id=console,path=/machine/console.sock,server=on,wait=off -serial chardev:console -chardev socket,id=stub,path=/machine/gdb.sock,server=on,wait=off -gdb chardev:stub -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"`,
  );
});

test("a template's memory is a shared file, and it boots", () => {
  expect(argumentsOf({ kind: "template", boot, memoryFile: "/machine/memory" }).join(" ")).toMatchInlineSnapshot(
    `"-name ses_x.1 -nodefaults -no-user-config -display none -vga none -no-reboot -accel tcg,tb-size=16 -m 64 -global apic-common.vapic=off -machine pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off,memory-backend=ram -object memory-backend-file,id=ram,size=64M,mem-path=/machine/memory,share=on -kernel /machine/kernel -initrd /machine/initrd -append console=ttyS0 quiet -chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control -chardev socket,id=console,path=/machine/console.sock,server=on,wait=off -serial chardev:console -chardev socket,id=stub,path=/machine/gdb.sock,server=on,wait=off -gdb chardev:stub -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"`,
  );
});

test("a cold boot has memory of its own", () => {
  expect(argumentsOf({ kind: "cold", boot, start: "prompt" }).join(" ")).toMatchInlineSnapshot(
    `"-name ses_x.1 -nodefaults -no-user-config -display none -vga none -no-reboot -accel tcg,tb-size=16 -m 64 -global apic-common.vapic=off -machine pc,hpet=off,usb=off,smbus=off,vmport=off,graphics=off,memory-backend=ram -object memory-backend-ram,id=ram,size=64M -kernel /machine/kernel -initrd /machine/initrd -append console=ttyS0 quiet -chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control -chardev socket,id=console,path=/machine/console.sock,server=on,wait=off -serial chardev:console -chardev socket,id=stub,path=/machine/gdb.sock,server=on,wait=off -gdb chardev:stub -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"`,
  );
});

test("a machine that starts at power-on waits, and is otherwise what boots cold", () => {
  const args = argumentsOf({ kind: "cold", boot, start: "power_on" });
  expect(args).toContain("-S");
  expect(args.filter((arg) => arg !== "-S")).toEqual(argumentsOf({ kind: "cold", boot, start: "prompt" }));
});

test("template and clone have the same devices in the same order, to the byte", () => {
  const devices = deviceArguments(64).join("\n");
  for (const mode of [
    { kind: "clone", memoryFd: 6, icount: "off" },
    { kind: "template", boot, memoryFile: "/machine/memory" },
  ] as const) {
    const args = argumentsOf(mode);
    expect(args.join("\n")).toContain(devices);
    expect(args.filter((arg) => arg === "-serial")).toHaveLength(1);
    expect(args).toContain("apic-common.vapic=off");
  }
});

test("a recorded machine counts instructions into its log, and a replay reads it and keeps snapshots", () => {
  const recorded = argumentsOf({ kind: "clone", memoryFd: 6, icount: "record" }).join(" ");
  expect(recorded).toContain("-icount shift=3,rr=record,rrfile=/machine/replay.log");
  expect(recorded).not.toContain("-drive");
  const replayed = argumentsOf({ kind: "clone", memoryFd: 6, icount: "replay" }).join(" ");
  expect(replayed).toContain("-icount shift=3,rr=replay,rrfile=/machine/replay.log");
  expect(replayed).toContain("-drive if=none,id=rr,format=qcow2,file=/machine/overlay.qcow2 -no-shutdown");
});

test("an i386 kernel gets the i386 QEMU: a program, and no script that looks for one", () => {
  const path = qemuBinary("i386");
  expect(path).toMatch(/\/qemu-system-i386$/);
  expect(readFileSync(path).toString("latin1", 0, 4)).toBe("\x7fELF");
});

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { JAIL_FOLDER, jailArguments, limitArguments } from "./jail.ts";
import { JAIL_USER_ID_MIN } from "./limits.ts";

test("the jail gives QEMU its program and its folder, and nothing else", () => {
  const args = jailArguments({ arch: "x86_64", folder: "/run/ringside/m/ses_x.1", infoFd: 5 });
  expect(args.join(" ")).toMatchInlineSnapshot(
    `"bwrap --unshare-all --die-with-parent --new-session --clearenv --as-pid-1 --info-fd 5 --hostname machine --ro-bind-try /usr/lib /usr/lib --ro-bind-try /usr/lib64 /usr/lib64 --ro-bind-try /usr/share/qemu /usr/share/qemu --ro-bind-try /usr/share/seabios /usr/share/seabios --ro-bind-try /usr/share/ipxe /usr/share/ipxe --symlink usr/lib /lib --symlink usr/lib64 /lib64 --ro-bind /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64 --proc /proc --dev /dev --bind /run/ringside/m/ses_x.1 /machine --chdir /machine --remount-ro /dev --remount-ro / --"`,
  );
});

test("a machine may write no file but its memory's or its recording's", () => {
  const mib = 1024 * 1024;
  expect(limitArguments({ memoryMib: 64, writesBytes: 0 })).toEqual(["128", String(832 * mib), String(mib)]);
  expect(limitArguments({ memoryMib: 64, writesBytes: 64 * mib })[2]).toBe(String(65 * mib));
});

const asRoot = process.getuid?.() === 0;
const userId = asRoot ? JAIL_USER_ID_MIN + 999 : undefined;
let folder = "";
const listener = createServer((socket) => socket.end("secret"));
let port = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rs-jail-"));
  chmodSync(folder, 0o711);
  for (const name of ["mine", "other"]) {
    mkdirSync(join(folder, name), { mode: 0o700 });
    if (userId !== undefined) chownSync(join(folder, name), userId, userId);
    writeFileSync(join(folder, name, "canary"), `canary of ${name}\n`, { mode: 0o644 });
  }
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(() => {
  listener.close();
  execFileSync("rm", ["-rf", folder]);
});

/** Runs a shell in QEMU's place: what a QEMU that was taken over could do. Gives its stdout and exit code. */
function malicious(script: string): Promise<{ readonly stdout: string; readonly code: number | null }> {
  const jail = jailArguments({ arch: "x86_64", folder: join(folder, "mine"), infoFd: 3 });
  const bash = ["--ro-bind", "/usr/bin/bash", "/usr/bin/bash"];
  const args = [...bash, ...jail.slice(1), "/usr/bin/bash", "-c", script];
  const user = userId === undefined ? {} : { uid: userId, gid: userId };
  const child = spawn("bwrap", args, { stdio: ["ignore", "pipe", "ignore", "pipe"], ...user });
  let stdout = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  return new Promise((resolve) => child.once("close", (code) => resolve({ stdout, code })));
}

test("inside, the machine's own folder is there and writable", async () => {
  const { stdout, code } = await malicious(
    `echo x > ${JAIL_FOLDER}/new && read line < ${JAIL_FOLDER}/canary && echo $line`,
  );
  expect({ stdout, code }).toEqual({ stdout: "canary of mine\n", code: 0 });
});

test.each([
  ["the password file", "read line < /etc/passwd"],
  ["another machine's folder", () => `read line < ${folder}/other/canary`],
  ["the host's processes", "[ -d /proc/$PPID/root ] && [ $PPID -gt 1 ]"],
  ["a listener of the host", () => `exec 3<>/dev/tcp/127.0.0.1/${port}`],
  [
    "any place for files but its own",
    "for f in /x /dev/x /dev/shm/x /usr/lib/x /proc/x; do echo x > $f && exit 0; done; false",
  ],
  ["the home of root", "cd /root"],
])("inside, %s cannot be reached", async (_, script) => {
  const text = typeof script === "string" ? script : script();
  const { stdout, code } = await malicious(`echo began; ${text}`);
  expect({ stdout, code }).toEqual({ stdout: "began\n", code: 1 });
});

test("inside, there is no capability and no way to gain one", async () => {
  const { stdout } = await malicious("while read -r name value; do echo $name$value; done < /proc/self/status");
  expect(stdout).toContain("CapEff:0000000000000000\n");
  expect(stdout).toContain("CapBnd:0000000000000000\n");
  expect(stdout).toContain("NoNewPrivs:1\n");
});

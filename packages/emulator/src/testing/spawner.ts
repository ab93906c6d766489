import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { machineGuard } from "../machine-guard.ts";
import { preparePlace } from "../machine-place.ts";
import { QemuProcess } from "../qemu-process.ts";

// Starts machines and is killed while it does: see orphans.test.ts.
const { folder, names, killAfterMs, confinement, userId } = JSON.parse(process.argv[2] ?? "");
const guard = await machineGuard();
const places = names.map((name: string) => ({
  name,
  folder: join(folder, name),
  confinement: confinement === "jail" ? { kind: "jail", userId } : { kind: "none" },
  group: null,
}));
mkdirSync(folder, { recursive: true });
for (const place of places) await preparePlace(place);
for (const place of places) {
  const started = new QemuProcess(
    { ...place, arch: "x86_64", memoryMib: 64, mode: { kind: "probe" }, files: [] },
    guard,
  );
  started.qmp.on("error", () => undefined);
}
setTimeout(() => process.kill(process.pid, "SIGKILL"), killAfterMs);

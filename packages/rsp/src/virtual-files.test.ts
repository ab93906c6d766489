import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hexOfBytes } from "./hex.ts";
import { OPEN_FILES_MAX, PACKET_BYTES_MAX, VIRTUAL_READ_BYTES_MAX } from "./limits.ts";
import { parsePacket } from "./packet.ts";
import { type FileOutcome, readReply, transferReply, VirtualFiles } from "./virtual-files.ts";

const FILES = [
  { path: "/image/vmlinux", bytes: 100_000 },
  { path: "/image/programs/menuos", bytes: 10 },
];

/** What becomes of a packet's payload. */
function taken(files: VirtualFiles, payload: string): FileOutcome {
  const packet = parsePacket(payload);
  if (packet.kind !== "vFile") throw new Error(`${payload} is no vFile packet`);
  return files.take(packet.request);
}
const replied = (files: VirtualFiles, payload: string) => {
  const outcome = taken(files, payload);
  return outcome.kind === "reply" ? outcome.payload : outcome;
};
const open = (path: string, flags = "0") => `vFile:open:${hexOfBytes(path)},${flags},1c0`;

describe("virtual files", () => {
  it("are opened, measured, read and closed", () => {
    const files = new VirtualFiles(FILES);
    expect(replied(files, "vFile:setfs:0")).toBe("F0");
    expect(replied(files, open("/image/vmlinux"))).toBe("F0");
    expect(replied(files, open("/image/vmlinux"))).toBe("F1");
    expect(replied(files, "vFile:pread:0,200,40")).toEqual({
      kind: "read",
      path: "/image/vmlinux",
      offset: 64,
      bytes: 512,
    });
    expect(replied(files, "vFile:close:0")).toBe("F0");
    expect(replied(files, open("/image/programs/menuos"))).toBe("F0");
    expect(replied(files, "vFile:pread:0,200,8")).toMatchObject({ bytes: 2 });
    expect(replied(files, "vFile:pread:0,200,a")).toBe("F0;");
    expect(replied(files, "vFile:pread:0,200,ffffffffffffffff")).toBe("F0;");
    expect(replied(files, "vFile:pread:0,0,0")).toBe("F0;");
  });

  it("have a stat of 64 bytes with mode and size", () => {
    const files = new VirtualFiles(FILES);
    taken(files, open("/image/vmlinux"));
    const stat = String(replied(files, "vFile:fstat:0"));
    expect(stat).toHaveLength("F40;".length + 64);
    const bytes = Buffer.from(stat.slice("F40;".length), "latin1");
    expect(bytes.readUInt32BE(8)).toBe(0o100_444);
    expect(bytes.readBigUInt64BE(28)).toBe(100_000n);
    expect(bytes.readBigUInt64BE(44)).toBe(196n);
    expect(replied(files, `vFile:stat:${hexOfBytes("/image/vmlinux")}`)).toBe(stat);
  });

  it("are exactly those, and cannot be changed", () => {
    const files = new VirtualFiles(FILES);
    for (const path of ["/etc/passwd", "/image", "/image/../image/vmlinux", "image/vmlinux", "", "/image/vmlinux\0"]) {
      expect(replied(files, open(path))).toBe("F-1,2");
      expect(replied(files, `vFile:stat:${hexOfBytes(path)}`)).toBe("F-1,2");
    }
    for (const flags of ["1", "2", "200", "601"]) expect(replied(files, open("/image/vmlinux", flags))).toBe("F-1,1e");
    expect(replied(files, `vFile:unlink:${hexOfBytes("/image/vmlinux")}`)).toBe("F-1,1e");
    expect(replied(files, "vFile:pwrite:0,0,x")).toBe("F-1,1e");
    expect(replied(files, `vFile:readlink:${hexOfBytes("/image/vmlinux")}`)).toBe("F-1,16");
  });

  it("refuse handles that are not open, and more than may be", () => {
    const files = new VirtualFiles(FILES);
    for (const payload of ["vFile:pread:0,1,0", "vFile:close:0", "vFile:fstat:ffffffff"]) {
      expect(replied(files, payload)).toBe("F-1,9");
    }
    for (let at = 0; at < OPEN_FILES_MAX; at += 1) taken(files, open("/image/vmlinux"));
    expect(replied(files, open("/image/vmlinux"))).toBe("F-1,18");
    expect(files.openCount).toBe(OPEN_FILES_MAX);
  });

  it("answer what they do not know as not supported", () => {
    expect(replied(new VirtualFiles(FILES), "vFile:chmod:00")).toBe("");
  });

  it("never throw, nor read outside of a file or more than a packet holds", () => {
    const number = fc.oneof(fc.nat(20), fc.nat(0xffff_ffff)).map((value) => value.toString(16));
    const payloads = fc.oneof(
      fc.constantFrom(...FILES.map(({ path }) => open(path))),
      fc.tuple(number, number, number).map((words) => `vFile:pread:${words.join(",")}`),
      fc
        .tuple(fc.constantFrom("close", "fstat", "setfs", "stat", "x"), number)
        .map((words) => `vFile:${words.join(":")}`),
      fc.string({ unit: "binary" }).map((text) => `vFile:${text}`),
    );
    fc.assert(
      fc.property(fc.array(payloads, { maxLength: 60 }), (sent) => {
        const files = new VirtualFiles(FILES);
        for (const payload of sent) {
          const outcome = taken(files, payload);
          expect(files.openCount).toBeLessThanOrEqual(OPEN_FILES_MAX);
          if (outcome.kind === "reply") continue;
          expect(outcome.bytes).toBeGreaterThan(0);
          const size = FILES.find(({ path }) => path === outcome.path)?.bytes ?? 0;
          expect(outcome.offset + outcome.bytes).toBeLessThanOrEqual(size);
        }
      }),
    );
    expect(readReply(new Uint8Array(VIRTUAL_READ_BYTES_MAX)).length).toBeLessThanOrEqual(PACKET_BYTES_MAX);
  });
});

describe("transferReply", () => {
  it("gives a document in pieces", () => {
    expect(transferReply("abcdef", 0, 4)).toBe("mabcd");
    expect(transferReply("abcdef", 4, 4)).toBe("lef");
    expect(transferReply("abcdef", 0, 6)).toBe("labcdef");
    expect(transferReply("abcdef", 9, 4)).toBe("l");
  });
});

describe("readReply", () => {
  it("counts the bytes before any escaping", () => {
    expect(readReply(Uint8Array.from([0x23, 0x24, 0x7d, 0x2a, 0xff]))).toBe("F5;#$}*\xff");
  });
});

import { readFile } from "node:fs/promises";
import { functionTableSchema, structureTableSchema } from "@ringside/shared";
import { describe, expect, it } from "vitest";
import { cacheDirectory } from "./cache-directory.ts";
import { findImage, type Image, imagePath, loadImage, programPath, structuresPath } from "./load-image.ts";
import { readProgramSymbols } from "./program-symbols.ts";

/** What the course's images know of themselves. */
async function imageOf(name: string): Promise<Image> {
  const folder = await findImage(cacheDirectory(process.env), name);
  if (folder === null) throw new Error(`The image ${name} is not built: run \`ringside image build --name ${name}\``);
  return loadImage(folder);
}

const MACHINES = [
  ["linux-x86_64", { pointer: 8, first: "rdi" }],
  ["linux-i386", { pointer: 4, first: "eax" }],
] as const;

describe.each(MACHINES)("the image %s", (name, { pointer, first }) => {
  it("knows where structures have their members, and which structures their pointers lead to", async () => {
    const table = structuresPath(await imageOf(name));
    const rows = structureTableSchema.parse(JSON.parse(await readFile(table ?? "", "utf8")));
    const row = (of: string) => rows.find((each) => each.name === of);
    const member = (of: string, what: string) => row(of)?.members.find((each) => each.name === what);
    expect(member("socket", "ops")).toMatchObject({ bytes: pointer, pointsTo: "proto_ops" });
    expect(member("socket", "sk")).toMatchObject({ bytes: pointer, pointsTo: "sock" });
    expect(member("sock", "sk_prot")).toEqual({ ...member("sock", "__sk_common.skc_prot"), name: "sk_prot" });
    expect(member("sock", "sk_prot")).toMatchObject({ pointsTo: "proto" });
    expect(member("proto_ops", "listen")).toMatchObject({ bytes: pointer });
    expect(member("inet_connection_sock", "icsk_accept_queue.rskq_accept_head")).toMatchObject({
      pointsTo: "request_sock",
    });
    expect(member("task_struct", "stack")).toMatchObject({ bytes: pointer });
    expect(row("proto_ops")?.instances).toEqual(expect.arrayContaining(["inet_stream_ops", "unix_stream_ops"]));
    expect(row("proto")?.instances).toEqual(expect.arrayContaining(["tcp_prot", "unix_stream_proto"]));
    const within = ["tcp_sock", "inet_connection_sock", "inet_sock", "sock", "sock_common"];
    expect(within.map((each) => row(each)?.beginsWith)).toEqual([...within.slice(1), undefined]);
    const known = new Set(rows.map((each) => each.name));
    for (const each of rows) {
      for (const { offset, bytes, pointsTo } of each.members) {
        expect(offset + bytes).toBeLessThanOrEqual(each.bytes);
        if (pointsTo !== undefined) expect(known).toContain(pointsTo);
      }
    }
  });

  it("knows where its functions have their arguments", async () => {
    const text = await readFile(imagePath(await imageOf(name), "functions"), "utf8");
    const rows = new Map(functionTableSchema.parse(JSON.parse(text)).map((row) => [row.name, row]));
    expect(rows.get("__sys_listen")?.params.map((each) => each.name)).toEqual(["fd", "backlog"]);
    expect(rows.get("inet_listen")?.params[0]).toMatchObject({ type: "struct socket *", register: first });
    expect(rows.get("inet_csk_listen_start")?.params[0]).toMatchObject({ pointsTo: "inet_connection_sock" });
    expect(rows.get("tcp_v4_connect")?.params[0]).toMatchObject({ pointsTo: "tcp_sock" });
    for (const function_ of ["start_kernel", "rest_init", "__ia32_sys_socket", "__sys_socketpair", "sock_init_data"]) {
      expect(rows.has(function_), function_).toBe(true);
    }
  });

  it("knows the functions of its programs, the weak names of the C library too", async () => {
    const symbols = (await readProgramSymbols(programPath(await imageOf(name), "menuos") ?? "")) ?? "";
    for (const function_ of ["main", "listen", "__listen"])
      expect(symbols).toMatch(new RegExp(` [TtW] ${function_}$`, "m"));
  });
});

it("the 64-bit image has all system calls' handlers by each of their names", async () => {
  const image = await imageOf("linux-x86_64");
  const text = await readFile(imagePath(image, "functions"), "utf8");
  const rows = functionTableSchema.parse(JSON.parse(text));
  const symbols = (await readFile(imagePath(image, "symbols"), "utf8")).split("\n");
  const handlers = symbols.flatMap((line) => /^([0-9a-f]+) T (__x64_sys_\w+)$/.exec(line)?.[2] ?? []);
  const entries = new Set(rows.map((row) => row.entry));
  const without = handlers.filter((handler) => {
    const [address = ""] = symbols.find((line) => line.endsWith(` ${handler}`))?.split(" ") ?? [];
    return !entries.has(`0x${address}`);
  });
  expect(handlers.length).toBeGreaterThan(300);
  // Of these two the compiler's debug information describes no function.
  expect(without.filter((each) => !["__x64_sys_iopl", "__x64_sys_fadvise64"].includes(each))).toEqual([]);
});

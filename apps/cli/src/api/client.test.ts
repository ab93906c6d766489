import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { ERROR_CODES, ERRORS } from "@ringside/shared";
import { afterEach, expect, test } from "vitest";
import { z } from "zod";
import { callApi } from "./client.ts";

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function served(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const call = (url: string, signal = new AbortController().signal) =>
  callApi({ url, token: "rs_secret", signal }, { method: "GET", path: "/v1/me" }, z.strictObject({ ok: z.boolean() }));

test("an answer is checked and given, and the token goes along", async () => {
  const url = await served((request, response) => {
    response.end(JSON.stringify({ ok: request.headers.authorization === "Bearer rs_secret" }));
  });
  expect(await call(url)).toEqual({ ok: true });
});

test.each(ERROR_CODES)("the error %s becomes the server's words and an exit", async (code) => {
  const url = await served((_request, response) => {
    response.statusCode = ERRORS[code].status;
    response.setHeader("retry-after", "7");
    response.end(JSON.stringify({ code, message: `about ${code}`, requestId: "r1" }));
  });
  const error = await call(url).catch((thrown) => thrown);
  expect(error).toMatchObject({ name: "CliError", code });
  expect(error.message).toContain(`about ${code}`);
  expect(error.message).toContain("Try again in 7 s");
  expect(error.message).not.toContain("rs_secret");
});

test("an answer of another shape names the field", async () => {
  const url = await served((_request, response) => response.end('{"ok":"yes"}'));
  await expect(call(url)).rejects.toThrow(/\(ok: .*same version/s);
});

test("a server that is no Ringside is recognised", async () => {
  const url = await served((_request, response) => {
    response.statusCode = 404;
    response.end("<html>nothing here</html>");
  });
  await expect(call(url)).rejects.toThrow(/is it a Ringside server/);
});

test("a server that is not there says how to start one", async () => {
  await expect(call("http://127.0.0.1:1")).rejects.toMatchObject({
    exit: "try_later",
    message: expect.stringContaining("ringside up"),
  });
});

test("Ctrl-C ends a request that hangs", async () => {
  const url = await served(() => undefined);
  const abort = new AbortController();
  const hanging = call(url, abort.signal);
  abort.abort();
  await expect(hanging).rejects.toMatchObject({ exit: "interrupted" });
});

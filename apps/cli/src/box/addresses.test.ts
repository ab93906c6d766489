import { expect, test } from "vitest";
import { boxAddresses } from "./addresses.ts";

const ports = { api: 8080, proxy: 8081 };

test("a box on loopback is reached there", () => {
  expect(boxAddresses("127.0.0.1", ports)).toEqual({
    localUrl: "http://127.0.0.1:8080",
    publicUrl: "http://127.0.0.1:8080",
    proxyPublicUrl: "ws://127.0.0.1:8081",
    origins: ["http://127.0.0.1:8080", "http://localhost:8080"],
  });
});

test("a box on all addresses is known by the name it is given, and reached by us on loopback", () => {
  const addresses = boxAddresses("0.0.0.0", ports, "lab.example.edu");
  expect(addresses.localUrl).toBe("http://127.0.0.1:8080");
  expect(addresses.publicUrl).toBe("http://lab.example.edu:8080");
  expect(addresses.proxyPublicUrl).toBe("ws://lab.example.edu:8081");
  expect(addresses.origins).toContain("http://lab.example.edu:8080");
});

test("an IPv6 address stands in brackets, and nobody is ever told a wildcard", () => {
  expect(boxAddresses("::1", ports).proxyPublicUrl).toBe("ws://[::1]:8081");
  expect(boxAddresses("::", ports).publicUrl).not.toContain("[::]");
});

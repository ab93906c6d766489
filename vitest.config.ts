import { defineConfig } from "vitest/config";

// One after the other. unit: beside the code, real Redis and PostgreSQL where a service needs them; labs: the model
// solutions on real machines; e2e: real QEMU and gdb, one file at a time, since some measure.
export default defineConfig({
  test: {
    globalSetup: ["./tests/support/global-setup.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "packages/**/*.test.ts",
            "services/**/*.test.ts",
            "apps/**/*.test.ts",
            "tests/tidy/**/*.test.ts",
            "tests/gdb-testsuite/**/*.test.ts",
          ],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "labs",
          include: ["tests/labs/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts", "tests/faults/**/*.test.ts"],
          sequence: { groupOrder: 2 },
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
    maxWorkers: 2,
    coverage: { provider: "v8", include: ["packages/**/src/**", "services/**/src/**", "apps/**/src/**"] },
  },
});

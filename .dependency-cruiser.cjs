// Which way imports may run: DESIGN §4. A rule that is broken names itself in CI.
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: from, pathNot: "(\\.test\\.ts$|/testing/)" },
  to: { path: "^(packages|services|apps|tests)/", pathNot: [from, ...allowed] },
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: ["\\.d\\.ts$", "\\.test\\.ts$", "index\\.ts$", "main\\.ts$", "prisma/.*"] },
      to: {},
    },
    {
      name: "declared-dependencies-only",
      severity: "error",
      comment: "workspaces are links, which look undeclared here: knip checks those",
      from: { path: "^(packages|services|apps)/", pathNot: "(\\.test\\.ts$|/testing/)" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown", "unknown", "undetermined"], pathNot: "^packages/" },
    },
    {
      name: "no-tests-from-source",
      severity: "error",
      from: { pathNot: "(\\.test\\.ts$|^tests/)" },
      to: { path: "(\\.test\\.ts$|^tests/)" },
    },
    only("shared-imports-nothing-of-ours", "^packages/shared/", [], "contracts only"),
    only("rsp-imports-nothing-of-ours", "^packages/rsp/", [], "a pure codec"),
    only("trace-imports", "^packages/trace/", ["^packages/(shared|rsp)/"], "trace → shared, rsp"),
    only("grading-imports", "^packages/grading/", ["^packages/(shared|trace)/"], "grading → trace's facts, shared"),
    only("redis-imports-nothing-of-ours", "^packages/redis/", [], "one connection"),
    only("emulator-imports", "^packages/emulator/", ["^packages/shared/"], "emulator → shared"),
    only("image-imports", "^packages/image/", ["^packages/shared/"], "image → shared"),
    only("api-imports", "^services/api/", ["^packages/"], "services import packages"),
    only("vm-runner-imports", "^services/vm-runner/", ["^packages/"], "services import packages"),
    only("gdb-proxy-imports", "^services/gdb-proxy/", ["^packages/"], "services import packages"),
    only("cli-imports", "^apps/cli/", ["^packages/"], "apps import packages; services are started as processes"),
    {
      name: "packages-are-entered-by-their-index",
      severity: "error",
      from: { path: "^(services|apps)/", pathNot: "\\.test\\.ts$" },
      to: { path: "^packages/[^/]+/src/(?!index\\.ts$)" },
    },
    {
      name: "only-api-knows-prisma",
      severity: "error",
      from: { pathNot: "^(services/api|prisma)/" },
      to: { path: "(@prisma/|^prisma/|/generated/)" },
    },
    {
      name: "only-jail-and-processes-spawn",
      comment: "the jail and QEMU process, image recipes, and the CLI's box and gdb",
      severity: "error",
      from: {
        path: "^(packages|services|apps)/",
        pathNot: [
          "\\.test\\.ts$",
          "^packages/emulator/src/(jail|qemu-process)\\.ts$",
          "^packages/image/src/recipe-process\\.ts$",
          "^apps/cli/src/processes/",
        ],
      },
      to: { path: "^(node:)?child_process$" },
    },
    {
      name: "pure-packages-do-no-io",
      severity: "error",
      from: { path: "^packages/(rsp|grading|shared)/", pathNot: "\\.test\\.ts$" },
      to: { dependencyTypes: ["core"], pathNot: "^(node:)?(assert(/strict)?|crypto)$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/generated/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      mainFields: ["main"],
    },
  },
};

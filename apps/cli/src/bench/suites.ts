import { engineSuite } from "./engine-suite.ts";
import { gradingSuite } from "./grading-suite.ts";
import { linkSuite } from "./link-suite.ts";
import { mainSuite } from "./main-suite.ts";
import type { Suite } from "./suite.ts";

/** Every suite that `ringside bench` knows: add yours here. */
export const SUITES: readonly Suite[] = [mainSuite, engineSuite, linkSuite, gradingSuite];

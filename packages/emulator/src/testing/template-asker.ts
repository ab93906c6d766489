import { TemplateStore } from "../template-store.ts";

// Asks for a template as a runner of its own would, says its contents, and ends: see template-store.test.ts.
const { cacheFolder, workFolder, confinement, image, memoryMib } = JSON.parse(process.argv[2] ?? "");
await using store = new TemplateStore({ cacheFolder, workFolder, confinement });
console.log((await store.get(image, memoryMib)).contents);

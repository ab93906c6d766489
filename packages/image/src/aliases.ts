import type { FunctionAlias, ImageManifest } from "@ringside/shared";

/** The functions of an image that have further names: the names that describing the kernel gave them. */
export function functionAliases({ aliases }: Pick<ImageManifest, "aliases">): readonly FunctionAlias[] {
  const names = new Map<string, string[]>();
  for (const { alias, target } of aliases) names.set(target, [...(names.get(target) ?? []), alias]);
  return [...names].map(([name, others]) => ({ name, names: others }));
}

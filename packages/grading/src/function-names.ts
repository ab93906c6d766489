import type { FunctionAlias } from "@ringside/shared";
import type { SymbolTable } from "@ringside/trace";
import { NAMES_MAX } from "./limits.ts";
import { nearestNames } from "./nearest-names.ts";

/** A function as a rubric names it, with the further names that the rubric itself gives. */
export interface KernelFunction {
  readonly name: string;
  readonly names: readonly string[];
}

/** What a name comes to in one image: every name of the function there, or the names that are near. */
export type ResolvedFunction =
  | { readonly kind: "found"; readonly names: ReadonlySet<string>; readonly entries: readonly bigint[] }
  | { readonly kind: "unknown"; readonly nearest: readonly string[] };

/**
 * Under which names Linux keeps the handler of a system call X: the course's `sys_X` means all of them. A name in
 * one of the other forms means that function alone.
 */
const FORMS: readonly ((call: string) => string)[] = [
  (call) => `sys_${call}`,
  (call) => `__sys_${call}`,
  (call) => `ksys_${call}`,
  (call) => `__se_sys_${call}`,
  (call) => `__do_sys_${call}`,
  (call) => `__x64_sys_${call}`,
  (call) => `__ia32_sys_${call}`,
  (call) => `compat_sys_${call}`,
  (call) => `__se_compat_sys_${call}`,
  (call) => `__do_compat_sys_${call}`,
  (call) => `__x64_compat_sys_${call}`,
  (call) => `__ia32_compat_sys_${call}`,
];
const SYSTEM_CALL = /^sys_([a-z0-9_]+)$/;
/** gcc's clones of a function stand under its name and a suffix only. */
const COMPILER_SUFFIX = /(?:\.(?:isra|constprop|part|cold)(?:\.\d+)*)+$/;

/**
 * Resolves the names that rubrics use, for one image: by the rubric's own aliases, the image's table of aliases, the
 * forms of a system call's handler, and symbols at the same address.
 */
export class FunctionNames {
  readonly #symbols: SymbolTable;
  readonly #aliases = new Map<string, Set<string>>();
  readonly #resolved = new Map<KernelFunction, ResolvedFunction>();
  #clones: ReadonlyMap<string, readonly bigint[]> | null = null;

  /** @param aliases functions of this image that a reference run found under several names */
  constructor(symbols: SymbolTable, aliases: readonly FunctionAlias[] = []) {
    this.#symbols = symbols;
    for (const { name, names } of aliases) {
      for (const each of [name, ...names]) {
        const known = this.#aliases.get(each) ?? new Set();
        for (const other of [name, ...names]) known.add(other);
        this.#aliases.set(each, known);
      }
    }
  }

  resolve(target: KernelFunction): ResolvedFunction {
    const known = this.#resolved.get(target);
    if (known !== undefined) return known;
    const resolved = this.#look(target);
    this.#resolved.set(target, resolved);
    return resolved;
  }

  #look({ name, names }: KernelFunction): ResolvedFunction {
    const asked = new Set<string>();
    for (const each of [name, ...names]) {
      for (const alias of this.#aliases.get(each) ?? [each]) asked.add(alias);
      const call = SYSTEM_CALL.exec(each)?.[1];
      if (call !== undefined) for (const form of FORMS) asked.add(form(call));
    }
    const found = new Set<string>([name]);
    const entries = new Set<bigint>();
    for (const each of asked) {
      if (found.size > NAMES_MAX) break;
      const addresses = this.#addressesOf(each);
      if (addresses.length === 0) continue;
      found.add(each);
      for (const address of addresses) {
        entries.add(address);
        for (const other of this.#at(address)) found.add(other);
      }
    }
    if (entries.size > 0) return { kind: "found", names: found, entries: [...entries] };
    return { kind: "unknown", nearest: nearestNames(name, this.#symbols.names()) };
  }

  #addressesOf(name: string): readonly bigint[] {
    const addresses = this.#symbols.addressesOf(name);
    return addresses.length > 0 ? addresses : (this.#clonesByName().get(name) ?? []);
  }

  /** Other names at the address. A static function shares its name, but not its address, with those of other files. */
  #at(address: bigint): readonly string[] {
    return this.#symbols.lookup(address)?.aliases.map((alias) => alias.replace(COMPILER_SUFFIX, "")) ?? [];
  }

  #clonesByName(): ReadonlyMap<string, readonly bigint[]> {
    if (this.#clones !== null) return this.#clones;
    const clones = new Map<string, bigint[]>();
    for (const name of this.#symbols.names()) {
      if (!name.includes(".")) continue;
      const plain = name.replace(COMPILER_SUFFIX, "");
      if (plain !== name) clones.set(plain, [...(clones.get(plain) ?? []), ...this.#symbols.addressesOf(name)]);
    }
    this.#clones = clones;
    return clones;
  }
}

import { RingsideError } from "@ringside/shared";
import { SYMBOLS_BYTES_MAX, SYMBOLS_MAX } from "./limits.ts";

/**
 * The symbols of a kernel, from the text of its System.map (nm(1)): lines `<hex address> <type> <name>`.
 * Several names may stand at one address. Pure: look-ups are by binary search.
 */
export interface SymbolPlace {
  /** The symbol's name; of several at its address, the first global one. */
  readonly name: string;
  /** Every name at that address, in the file's order. */
  readonly aliases: readonly string[];
  readonly address: bigint;
  /** Bytes behind the symbol. */
  readonly offset: number;
}

interface Place {
  readonly address: bigint;
  readonly names: string[];
  name: string;
  isGlobal: boolean;
  isText: boolean;
}

const LINE = /^([0-9a-fA-F]{1,16}) ([A-Za-z?-]) (\S{1,1000})$/;
/** nm's letters for code: text and weak, global in upper case. */
const TEXT_TYPES = "tTwWiu";

export class SymbolTable {
  readonly #places: readonly Place[];
  readonly #byName: ReadonlyMap<string, readonly bigint[]>;

  constructor(places: readonly Place[]) {
    this.#places = places;
    const byName = new Map<string, bigint[]>();
    for (const place of places) {
      for (const name of place.names) {
        const addresses = byName.get(name);
        if (addresses === undefined) byName.set(name, [place.address]);
        else addresses.push(place.address);
      }
    }
    this.#byName = byName;
  }

  /** The function that holds this address, or null where the nearest symbol below it is no code. */
  lookup(address: bigint): SymbolPlace | null {
    const place = this.#below(address);
    return place?.isText ? placeAt(place, address) : null;
  }

  /** As `lookup`, for data as well. */
  lookupAny(address: bigint): SymbolPlace | null {
    const place = this.#below(address);
    return place === undefined ? null : placeAt(place, address);
  }

  /** Where symbols of this name stand; static functions of several files may share one. */
  addressesOf(name: string): readonly bigint[] {
    return this.#byName.get(name) ?? [];
  }

  /** Every name, once each. */
  names(): Iterable<string> {
    return this.#byName.keys();
  }

  #below(address: bigint): Place | undefined {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle]?.address ?? 0n) <= address) low = middle + 1;
      else high = middle;
    }
    return this.#places[low - 1];
  }
}

function placeAt(place: Place, address: bigint): SymbolPlace {
  const offset = Number(address - place.address);
  return { name: place.name, aliases: place.names, address: place.address, offset };
}

/**
 * Reads a System.map.
 * @throws RingsideError image_missing where the text is none: the image is not usable
 */
export function parseSymbols(text: string): SymbolTable {
  if (text.length > SYMBOLS_BYTES_MAX) throw unusable(`they are larger than ${SYMBOLS_BYTES_MAX} bytes`);
  const places = new Map<string, Place>();
  let symbols = 0;
  let lineNumber = 0;
  for (const line of text.split("\n")) {
    lineNumber += 1;
    if (line === "") continue;
    const parts = LINE.exec(line);
    if (parts === null) throw unusable(`line ${lineNumber} is not "<address> <type> <name>"`);
    symbols += 1;
    if (symbols > SYMBOLS_MAX) throw unusable(`they are more than ${SYMBOLS_MAX}`);
    const [, hex = "", type = "", name = ""] = parts;
    add(places, hex.toLowerCase().padStart(16, "0"), type, name);
  }
  if (symbols === 0) throw unusable("there are none");
  return new SymbolTable([...places.values()].sort((a, b) => (a.address < b.address ? -1 : 1)));
}

function add(places: Map<string, Place>, hex: string, type: string, name: string): void {
  const isText = TEXT_TYPES.includes(type);
  const isGlobal = type === "T" || type === "W";
  const place = places.get(hex);
  if (place === undefined) {
    places.set(hex, { address: BigInt(`0x${hex}`), names: [name], name, isGlobal, isText });
    return;
  }
  place.names.push(name);
  if (isGlobal && !place.isGlobal) {
    place.name = name;
    place.isGlobal = true;
  }
  place.isText ||= isText;
}

function unusable(what: string): RingsideError {
  return new RingsideError("image_missing", { message: `The image's symbols cannot be used: ${what}` });
}

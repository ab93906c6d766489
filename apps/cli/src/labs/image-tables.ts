import { readFile } from "node:fs/promises";
import {
  functionAliases,
  type Image,
  imagePath,
  programPath,
  readProgramSymbols,
  structuresPath,
} from "@ringside/image";
import {
  type FunctionAlias,
  type FunctionRow,
  functionTableSchema,
  type StructureRow,
  structureTableSchema,
} from "@ringside/shared";
import { parseSymbols, type SymbolTable } from "@ringside/trace";

/** What an image of this machine knows of its kernel and of one of its programs. */
export interface ImageTables {
  readonly symbols: SymbolTable;
  readonly functions: readonly FunctionRow[];
  readonly structures: readonly StructureRow[];
  readonly aliases: readonly FunctionAlias[];
  readonly program: SymbolTable | undefined;
}

/** @throws RingsideError image_missing, ZodError or Error where a table cannot be read */
export async function readImageTables(image: Image, program: string): Promise<ImageTables> {
  const [structures, path] = [structuresPath(image), programPath(image, program)];
  const programText = path === null ? null : await readProgramSymbols(path);
  return {
    symbols: parseSymbols(await readFile(imagePath(image, "symbols"), "utf8")),
    functions: functionTableSchema.parse(JSON.parse(await readFile(imagePath(image, "functions"), "utf8"))),
    structures: structures === null ? [] : structureTableSchema.parse(JSON.parse(await readFile(structures, "utf8"))),
    aliases: functionAliases(image.manifest),
    program: programText === null ? undefined : parseSymbols(programText),
  };
}

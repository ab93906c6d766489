import { defineConfig } from "prisma/config";

/** For Prisma's command line alone; the services have their own config. */
export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env.DATABASE_URL ?? "postgresql://localhost/ringside" },
});

import swagger from "@fastify/swagger";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "@fastify/type-provider-zod";
import {
  cellListSchema,
  courseSchema,
  errorBodySchema,
  gradeSchema,
  gradeTableSchema,
  imageManifestSchema,
  labSchema,
  memberSchema,
  meSchema,
  readinessSchema,
  sessionSchema,
  submissionSchema,
  tcpEntrySchema,
  ticketAnswerSchema,
  tokenSchema,
  userSchema,
} from "@ringside/shared";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { describeErrors } from "./answers.ts";

/** The OpenAPI 3.1 document, made from the routes' own zod schemas. */

/** Bodies that get a name of their own in the document. */
const NAMED = {
  CellList: cellListSchema,
  Course: courseSchema,
  Error: errorBodySchema,
  Grade: gradeSchema,
  GradeTable: gradeTableSchema,
  ImageManifest: imageManifestSchema,
  Lab: labSchema,
  Me: meSchema,
  Member: memberSchema,
  Readiness: readinessSchema,
  Session: sessionSchema,
  Submission: submissionSchema,
  TcpEntry: tcpEntrySchema,
  Ticket: ticketAnswerSchema,
  Token: tokenSchema,
  User: userSchema,
} as const;

const schemaRegistry = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(NAMED)) {
  schemaRegistry.add(schema, { id });
}

const toJsonSchema = createJsonSchemaTransform({ schemaRegistry });
type Transform = typeof toJsonSchema;

const GOOD: Readonly<Record<string, string>> = { 200: "Done", 201: "Made", 202: "Accepted", 204: "Done" };
interface Described {
  description?: string;
  content?: unknown;
}

/** Adds what zod does not say: which error codes a status stands for, and the media type of files. */
const transform: Transform = (document) => {
  const original = (document.schema?.response ?? {}) as Readonly<Record<string, unknown>>;
  const result = toJsonSchema(document);
  const answers = (result.schema as { response?: Record<string, Described> } | undefined)?.response ?? {};
  const media = document.route.config?.media;
  for (const [status, answer] of Object.entries(answers)) {
    const description = describeErrors(original[status]) ?? GOOD[status] ?? "Not ready";
    const isFile = media !== undefined && status === "200";
    answers[status] = isFile
      ? { description, content: { [media]: { schema: { type: "string" } } } }
      : { ...answer, description };
  }
  return result;
};

declare module "fastify" {
  interface FastifyContextConfig {
    /** Media type of a route whose good answer is no JSON. */
    media?: string;
  }
}

/** Must be registered before the routes. */
export async function registerOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Ringside",
        version,
        description: "Every student their own Linux VM, their own gdb, one server.",
        license: { name: "MIT" },
      },
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "A token `rs_…` of Ringside" } },
      },
      security: [{ bearer: [] }],
    },
    transform,
    transformObject: createJsonSchemaTransformObject({ schemaRegistry }),
  });
}

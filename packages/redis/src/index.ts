export { type ConnectionKind, connectRedis } from "./connect.ts";

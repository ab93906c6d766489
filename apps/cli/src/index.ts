export { type PostgresOptions, type PostgresServer, startPostgres } from "./processes/postgres.ts";
export { type RedisOptions, type RedisServer, startRedis } from "./processes/redis.ts";

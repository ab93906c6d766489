/** What no log line may hold, wherever somebody puts it. */
export const REDACTED = {
  paths: ["authorization", "token", "ticket", "secret", "pem"].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
  censor: "[redacted]",
};

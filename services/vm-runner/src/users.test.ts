import fc from "fast-check";
import { expect, test } from "vitest";
import { USERS_MAX } from "./limits.ts";
import { Users } from "./users.ts";

test("no two processes have the same user, and none has that of templates", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (takes) => {
      const [users, taken] = [new Users(), new Set<number>()];
      for (const take of takes) {
        const [held] = taken;
        if (!take && held !== undefined) {
          users.giveBack(held);
          taken.delete(held);
        } else if (take) {
          const user = users.take();
          expect(taken.has(user) || user < 1 || user > USERS_MAX).toBe(false);
          taken.add(user);
        }
      }
    }),
  );
});

test("there is an end to users, until one comes back", () => {
  const users = new Users();
  for (let count = 0; count < USERS_MAX; count += 1) users.take();
  expect(() => users.take()).toThrow("user ids");
  users.giveBack(7);
  expect(users.take()).toBe(7);
});

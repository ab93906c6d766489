import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { LiveScreen } from "./live-screen.ts";

function screenOf(columns: number, rows: number): { screen: LiveScreen; written: () => string } {
  let text = "";
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  return { screen: new LiveScreen(Object.assign(sink, { columns, rows })), written: () => text };
}

test("each text takes the place of the one before it", () => {
  const { screen, written } = screenOf(80, 24);
  screen.show("a\nb");
  screen.show("c");
  screen.show("d");
  expect(written()).toBe("\r\u001b[Ja\nb\n\u001b[2A\r\u001b[Jc\n\u001b[1A\r\u001b[Jd\n");
});

test("what would wrap or scroll is cut off", () => {
  const { screen, written } = screenOf(5, 3);
  screen.show("123456\n王王王\nthird");
  expect(written()).toBe("\r\u001b[J1234\n王王\n");
});

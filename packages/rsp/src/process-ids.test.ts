import fc from "fast-check";
import { expect, test } from "vitest";
import { ProcessIds } from "./process-ids.ts";

function agreed(): ProcessIds {
  const ids = new ProcessIds();
  expect(ids.fromGdb("qSupported:multiprocess+;swbreak+")).toBe("qSupported:multiprocess+;swbreak+");
  expect(ids.toGdb("PacketSize=3000;qXfer:features:read+")).toBe("PacketSize=3000;qXfer:features:read+;multiprocess+");
  return ids;
}

test.each([
  ["Hgp1.1", "Hg1"],
  ["Hcp1.-1", "Hc-1"],
  ["Hgp0.0", "Hg0"],
  ["Tp1.2", "T2"],
  ["qThreadExtraInfo,p1.1", "qThreadExtraInfo,1"],
  ["vCont;s:p1.1;c:p1.-1", "vCont;s:1;c:-1"],
  ["vCont;rffffffff81200bc0,ffffffff81200bc8:p1.1", "vCont;rffffffff81200bc0,ffffffff81200bc8:1"],
  ["vCont;c:p1", "vCont;c:-1"],
  ["vCont;c", "vCont;c"],
  ["Hg1", "Hg1"],
  ["p10", "p10"],
  ["P10=0000000000000000", "P10=0000000000000000"],
  ["Hgpx.1", "Hgpx.1"],
])("gdb's %s is %s for everybody else", (given, wanted) => {
  expect(agreed().fromGdb(given)).toBe(wanted);
});

test.each([
  ["?", "T05thread:01;", "T05thread:p01.01;"],
  ["vCont;c:p1.-1", "T05watch:ffff8880;thread:02;", "T05watch:ffff8880;thread:p01.02;"],
  ["qC", "QC1", "QCp01.1"],
  ["qfThreadInfo", "m01,02", "mp01.01,p01.02"],
  ["qsThreadInfo", "l", "l"],
  ["vCont;c", "S05", "S05"],
  ["m1000,4", "00112233", "00112233"],
  ["qXfer:features:read:target.xml:0,fff", "m01", "m01"],
  ["qfThreadInfo", "E01", "E01"],
])("the answer to %s, %s, is %s for gdb", (asked, given, wanted) => {
  const ids = agreed();
  ids.fromGdb(asked);
  expect(ids.toGdb(given)).toBe(wanted);
});

test("a gdb that does not know the feature sees and says plain ids", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }))), (turns) => {
      const ids = new ProcessIds();
      ids.fromGdb("qSupported:swbreak+");
      expect(ids.toGdb("PacketSize=3000")).toBe("PacketSize=3000");
      for (const [asked, answer] of turns) {
        if (asked.startsWith("qSupported")) continue;
        expect(ids.fromGdb(asked)).toBe(asked);
        expect(ids.toGdb(answer)).toBe(answer);
      }
    }),
  );
});

test("any packet is taken, and a thread keeps its number there and back", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60 }),
      fc.string({ maxLength: 60 }),
      fc.integer({ min: 1, max: 255 }),
      (asked, answer, n) => {
        const ids = agreed();
        ids.fromGdb(asked.replace(/^qSupported/, ""));
        ids.toGdb(answer);
        ids.fromGdb("qfThreadInfo");
        const shown = ids.toGdb(`m${n.toString(16)}`).slice(1);
        expect(ids.fromGdb(`Hg${shown}`)).toBe(`Hg${n.toString(16)}`);
      },
    ),
  );
});

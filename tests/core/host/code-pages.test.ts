import { expect, test } from "bun:test";
import { codePageReleaser } from "../../../core/host/code-pages.ts";

const EXECUTABLE = "/opt/my app/opsen-server";
const LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6";
const MAPS = `00200000-01200000 r--p 00000000 fe:00 131 ${EXECUTABLE}
01200000-05200000 r-xp 01000000 fe:00 131 ${EXECUTABLE}
05200000-05300000 rw-p 05000000 fe:00 131 ${EXECUTABLE}
05300000-05301000 r-xp 05100000 fe:00 131 ${EXECUTABLE}
7f0000000000-7f0000100000 r-xp 00000000 00:00 0
7f1000000000-7f1000001000 r-xp 00000000 fe:00 9 /tmp/libc.so.6.txt
7f2000000000-7f2000001000 r-xp 00000000 fe:00 7 ${LIBC}
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
`;

test("exactly the code of the executable is advised away, through the C library in use", () => {
  const advised: [bigint, bigint, number][] = [];
  const opened: string[] = [];
  const release = codePageReleaser({
    executable: EXECUTABLE,
    readMaps: () => MAPS,
    openMadvise: (libc) => {
      opened.push(libc);
      return (...call) => {
        advised.push(call);
        return advised.length === 2 ? -1 : 0;
      };
    },
  });
  // The second range was refused and does not count.
  expect(release?.()).toBe(0x4000000);
  expect(release?.()).toBe(0x4001000);
  expect(opened).toEqual([LIBC]);
  expect(advised.slice(0, 2)).toEqual([
    [0x1200000n, 0x4000000n, 4],
    [0x5300000n, 0x1000n, 4],
  ]);
});

test("musl's library is known too, and nothing is done where anything is missing", () => {
  expect(codePageReleaser({ executable: EXECUTABLE, readMaps, openMadvise })?.()).toBeGreaterThan(0);
  expect(codePageReleaser({ executable: "/other", readMaps, openMadvise })).toBeNull();
  const withoutLibc = { executable: EXECUTABLE, readMaps: () => MAPS.replace(LIBC, "/x"), openMadvise };
  expect(codePageReleaser(withoutLibc)).toBeNull();
  expect(codePageReleaser({ executable: EXECUTABLE, readMaps: failing, openMadvise })).toBeNull();
  expect(codePageReleaser({ executable: EXECUTABLE, readMaps, openMadvise: failing })).toBeNull();
});

const openMadvise = () => () => 0;

function readMaps(): string {
  return MAPS.replace(LIBC, "/lib/ld-musl-x86_64.so.1");
}

function failing(): never {
  throw new Error("no such file");
}

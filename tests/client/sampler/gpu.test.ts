import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Complaints } from "../../../client/complaints.ts";
import { AmdSource } from "../../../client/sampler/amd.ts";
import { NvmlSource, nvmlCandidates } from "../../../client/sampler/nvml.ts";
import { recordingLogger } from "../fakes.ts";

const GIB = 2 ** 30;
const folder = mkdtempSync(join(tmpdir(), "opsen-gpu-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * NVML as far as the agent calls it, with three devices: the first knows all, the second cannot be opened, the
 * third supports neither utilisation nor power. Handles are pointers into an array, as opaque as the real ones.
 */
const FAKE_NVML = `
#include <stdio.h>
#include <string.h>
typedef struct { int index; } device;
static device devices[3] = {{0}, {1}, {2}};
int nvmlInit_v2(void) { return INIT_CODE; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **out) {
  if (index == 1) return 15; /* GPU is lost */
  *out = &devices[index];
  return 0;
}
int nvmlDeviceGetName(device *d, char *out, unsigned length) {
  snprintf(out, length, "Fake GPU %d", d->index);
  return 0;
}
int nvmlDeviceGetUUID(device *d, char *out, unsigned length) {
  snprintf(out, length, "GPU-%d-uuid", d->index);
  return 0;
}
int nvmlDeviceGetUtilizationRates(device *d, unsigned out[2]) {
  if (d->index == 2) return 3; /* not supported */
  out[0] = 37;
  out[1] = 99;
  return 0;
}
int nvmlDeviceGetMemoryInfo(device *d, unsigned long long out[3]) {
  out[0] = 80ULL << 30;
  out[1] = (unsigned long long)(70 - d->index) << 30;
  out[2] = (unsigned long long)(10 + d->index) << 30;
  return 0;
}
int nvmlDeviceGetTemperature(device *d, int sensor, unsigned *out) {
  if (sensor != 0) return 2;
  *out = 50 + d->index;
  return 0;
}
int nvmlDeviceGetPowerUsage(device *d, unsigned *out) {
  if (d->index == 2) { *out = 0; return 3; }
  *out = 123456;
  return 0;
}
`;

const hasCompiler = Bun.which("gcc") !== null;

function buildFake(name: string, initCode: number): string {
  const source = join(folder, `${name}.c`);
  const library = join(folder, `${name}.so`);
  writeFileSync(source, FAKE_NVML);
  const built = Bun.spawnSync(["gcc", "-shared", "-fPIC", `-DINIT_CODE=${initCode}`, "-o", library, source]);
  if (built.exitCode !== 0) throw new Error(built.stderr.toString());
  return library;
}

describe.skipIf(!hasCompiler)("NVIDIA", () => {
  let working = "";
  let broken = "";

  beforeAll(() => {
    working = buildFake("working", 0);
    broken = buildFake("broken", 9);
  });

  test("reads every device; what fails is unknown and shifts nothing", () => {
    const { log, lines } = recordingLogger();
    const source = NvmlSource.open(["/nonexistent/libnvidia-ml.so.1", working], log, new Complaints(log));
    if (source === null) throw new Error("the fake library opens");
    source.refresh();
    source.refresh();
    const [first, second, third] = source.devices;
    expect(first).toEqual({
      deviceId: 0,
      name: "Fake GPU 0",
      uuid: "GPU-0-uuid",
      utilizationPct: 37,
      memoryTotalBytes: 80 * GIB,
      memoryUsedBytes: 10 * GIB,
      temperatureC: 50,
      powerW: 123.456,
    });
    expect(second?.deviceId).toBe(1);
    expect(second?.utilizationPct).toBeNaN();
    expect(second?.memoryTotalBytes).toBeNaN();
    expect(third?.deviceId).toBe(2);
    expect(third?.name).toBe("Fake GPU 2");
    expect(third?.utilizationPct).toBeNaN();
    expect(third?.powerW).toBeNaN();
    expect(third?.memoryUsedBytes).toBe(12 * GIB);
    expect(lines.filter((line) => line.message.startsWith("cannot read GPU 1;"))).toHaveLength(1);
    expect(lines.filter((line) => line.message.startsWith("cannot read use of GPU 2"))).toHaveLength(1);
    source.close();
  });

  test("a driver that does not start is one log line and no device", () => {
    const { log, lines } = recordingLogger();
    const source = NvmlSource.open([broken], log, new Complaints(log));
    for (let i = 0; i < 200; i++) source?.refresh();
    expect(source?.devices).toEqual([]);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.data).toEqual({ reason: "NVML code 9" });
  });
});

test("without a library there is none, with one log line", () => {
  const { log, lines } = recordingLogger();
  expect(NvmlSource.open([join(folder, "absent.so")], log, new Complaints(log))).toBeNull();
  expect(lines).toHaveLength(1);
  expect(lines[0]?.message).toContain("NVML");
});

test("a file that is no library is one log line", () => {
  const { log, lines } = recordingLogger();
  const path = join(folder, "garbage.so");
  writeFileSync(path, "not a library");
  expect(NvmlSource.open([path], log, new Complaints(log))).toBeNull();
  expect(lines).toHaveLength(1);
});

test("candidates are absolute on every platform", () => {
  for (const arch of ["x64", "arm64"]) {
    const paths = nvmlCandidates("linux", arch, {});
    expect(paths.length).toBeGreaterThan(5);
    expect(paths.every((path) => path.startsWith("/"))).toBe(true);
  }
  expect(nvmlCandidates("win32", "x64", { SystemRoot: "D:\\Windows" })[0]).toContain("D:\\Windows");
  expect(nvmlCandidates("darwin", "arm64", {})).toEqual([]);
});

function put(path: string, content: string): void {
  mkdirSync(join(folder, "sys", path, ".."), { recursive: true });
  writeFileSync(join(folder, "sys", path), content);
}

describe("AMD", () => {
  test("reads cards of the vendor only, and leaves out what the driver does not tell", () => {
    const drm = "class/drm";
    put(`${drm}/card0/device/vendor`, "0x8086\n");
    put(`${drm}/card2/device/vendor`, "0x1002\n");
    put(`${drm}/card2/device/device`, "0x744c\n");
    put(`${drm}/card2/device/unique_id`, "abcdef0123456789\n");
    put(`${drm}/card2/device/gpu_busy_percent`, "42\n");
    put(`${drm}/card2/device/mem_info_vram_total`, `${24 * GIB}\n`);
    put(`${drm}/card2/device/mem_info_vram_used`, `${3 * GIB}\n`);
    put(`${drm}/card2/device/hwmon/hwmon5/temp1_input`, "61000\n");
    put(`${drm}/card2/device/hwmon/hwmon5/power1_average`, "187000000\n");
    put(`${drm}/card10/device/vendor`, "0x1002\n");
    put(`${drm}/card10/device/product_name`, "Radeon Fake\n");
    put(`${drm}/card2-DP-1/device/vendor`, "0x1002\n");
    const source = AmdSource.find(join(folder, "sys"), 3);
    source?.refresh();
    expect(source?.devices).toHaveLength(2);
    expect(source?.devices[0]).toEqual({
      deviceId: 3,
      name: "AMD GPU 0x744c",
      uuid: "abcdef0123456789",
      utilizationPct: 42,
      memoryTotalBytes: 24 * GIB,
      memoryUsedBytes: 3 * GIB,
      temperatureC: 61,
      powerW: 187,
    });
    const second = source?.devices[1];
    expect(second?.deviceId).toBe(4);
    expect(second?.name).toBe("Radeon Fake");
    expect(second?.utilizationPct).toBeNaN();
    expect(second?.powerW).toBeNaN();
    source?.close();
  });

  test("without cards there is none", () => {
    expect(AmdSource.find(join(folder, "nothing"), 0)).toBeNull();
  });
});

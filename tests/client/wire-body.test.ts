import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { emptySample, unknownGpu } from "../../client/sampler/sample.ts";
import { missingFigures, type Place, registrationBody, reportBody } from "../../client/wire-body.ts";
import { fitsSchema } from "../../core/schema/check.ts";
import { RegistrationSchema } from "../../core/wire/registration.ts";
import { ReportSchema, reportFaults } from "../../core/wire/report.ts";

const GIB = 2 ** 30;
const HOST = { clientId: "b1", hostname: "host" };
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
const UNKNOWN_AVERAGES = { cpuPct: [], memoryUsedBytes: Number.NaN, diskUsedBytes: Number.NaN, gpus: [] };
const PLACE: Place = {
  localAddress: "10.0.0.7",
  publicAddress: "",
  location: null,
  endpointUrl: "http://10.0.0.7:11000",
  endpoints: [],
  terms: {},
};

describe("registration", () => {
  test("of a host of which nothing is known names the backend and says unknown", () => {
    const body = registrationBody(HOST, PLACE, emptySample());
    expect(body).toEqual({
      client_id: "b1",
      hostname: "host",
      public_ip: "unknown",
      local_ip: "10.0.0.7",
      latitude: 0,
      longitude: 0,
      country: "unknown",
      city: "unknown",
      total_gpus: 0,
      endpoint_url: "http://10.0.0.7:11000",
    });
    expect(fitsSchema(RegistrationSchema, body)).toBe(true);
  });

  test("carries the totals, the GPUs, the place and the endpoints", () => {
    const sample = emptySample();
    sample.cores = 8;
    sample.memoryTotalBytes = 32 * GIB;
    sample.diskTotalBytes = 500 * GIB;
    sample.gpus = [{ ...unknownGpu(0), name: "H100" }, unknownGpu(1)];
    const endpoints = [{ url: "http://b:1", paths: ["/v1"] }];
    const location = { latitude: 52.5, longitude: 0, country: "DE", city: "Berlin" };
    const terms = { max_in_flight: 7, tags: ["green"] };
    const place = {
      ...PLACE,
      terms,
      publicAddress: "9.9.9.9",
      location,
      endpoints,
      endpointUrl: "http://b:1",
    };
    const body = registrationBody(HOST, place, sample);
    expect(body).toMatchObject({
      public_ip: "9.9.9.9",
      latitude: 52.5,
      longitude: 0,
      country: "DE",
      city: "Berlin",
      total_cpu: 8,
      total_memory_gb: 32,
      total_storage_gb: 500,
      total_gpus: 2,
      gpu_models: ["H100", "GPU 1"],
      ...terms,
      endpoint_url: "http://b:1",
      endpoints,
    });
    expect(fitsSchema(RegistrationSchema, body)).toBe(true);
  });
});

describe("report", () => {
  test("says what is missing that it must hold", () => {
    expect(missingFigures(UNKNOWN_AVERAGES, emptySample())).toEqual(["CPU", "memory", "disk"]);
    const averages = { cpuPct: [Number.NaN, 1], memoryUsedBytes: 1, diskUsedBytes: 1, gpus: [] };
    const now = { ...emptySample(), cores: 2, memoryTotalBytes: 2, memoryAvailBytes: 1, diskTotalBytes: 2 };
    expect(missingFigures(averages, now)).toEqual(["disk"]);
    expect(missingFigures(averages, { ...now, diskAvailBytes: 1 })).toEqual([]);
  });

  test("keeps amounts within totals that shrank, and names on one line", () => {
    const device = { ...unknownGpu(0), name: "A\nB", memoryTotalBytes: GIB };
    const unknown = { utilizationPct: Number.NaN, temperatureC: Number.NaN, powerW: Number.NaN };
    const gpus = [{ ...unknown, device, memoryUsedBytes: 2 * GIB }];
    const averages = { cpuPct: [1], memoryUsedBytes: 8 * GIB, diskUsedBytes: -GIB, gpus };
    const now = { ...emptySample(), cores: 1, memoryTotalBytes: 4 * GIB, memoryAvailBytes: GIB };
    const disk = { diskTotalBytes: GIB, diskAvailBytes: 2 * GIB };
    const body = reportBody({ ...HOST, hostname: "a\tb" }, NOW, averages, { ...now, ...disk });
    expect(body).toMatchObject({
      hostname: "a b",
      memory_used_gb: 4,
      disk_used_gb: 0,
      disk_avail_gb: 1,
      gpus: [{ name: "A B", memory_used_gb: 1, memory_total_gb: 1 }],
    });
    expect(fitsSchema(ReportSchema, body)).toBe(true);
    expect(reportFaults(body)).toEqual([]);
  });

  test("gives used as means and available as of now, in GB", () => {
    const now = emptySample();
    now.cores = 2;
    now.memoryTotalBytes = 16 * GIB;
    now.memoryAvailBytes = 4 * GIB;
    now.diskTotalBytes = 100 * GIB;
    now.diskAvailBytes = 30 * GIB;
    now.diskUsedBytes = 60 * GIB;
    const device = { ...unknownGpu(3), name: "H100", uuid: "GPU-x", memoryTotalBytes: 80 * GIB };
    const gpu = {
      device,
      utilizationPct: 12.345,
      memoryUsedBytes: 8 * GIB,
      temperatureC: -1,
      powerW: Number.NaN,
    };
    const averages = {
      cpuPct: [10.006, 99.999],
      memoryUsedBytes: 6 * GIB,
      diskUsedBytes: 59 * GIB,
      gpus: [gpu],
    };
    const body = reportBody(HOST, NOW, averages, now);
    expect(body).toEqual({
      client_id: "b1",
      hostname: "host",
      timestamp: "2026-01-02T03:04:05.006Z",
      cpu_cores: 2,
      cpu_usage_avg: [10.01, 100],
      memory_total_gb: 16,
      memory_used_gb: 6,
      memory_avail_gb: 4,
      disk_total_gb: 100,
      disk_used_gb: 59,
      disk_avail_gb: 30,
      gpus: [
        {
          device_id: 3,
          name: "H100",
          uuid: "GPU-x",
          utilization_pct: 12.35,
          memory_used_gb: 8,
          memory_total_gb: 80,
          temperature_c: -1,
        },
      ],
    });
  });

  test("is what the wire takes, whatever was measured", () => {
    const bytes = fc.oneof(fc.constant(Number.NaN), fc.integer({ min: 0, max: 2 ** 50 }));
    const share = fc.oneof(fc.constant(Number.NaN), fc.double({ min: 0, max: 100, noNaN: true }));
    fc.assert(
      fc.property(
        fc.array(share, { maxLength: 300 }),
        bytes,
        bytes,
        share,
        fc.nat(40),
        (cpu, a, b, use, gpus) => {
          const now = { ...emptySample(), cores: cpu.length, memoryTotalBytes: a, memoryAvailBytes: b };
          Object.assign(now, { diskTotalBytes: b, diskAvailBytes: a });
          const known = { utilizationPct: use, memoryUsedBytes: b, temperatureC: use, powerW: use };
          const averages = {
            cpuPct: cpu,
            memoryUsedBytes: a,
            diskUsedBytes: b,
            gpus: Array.from({ length: gpus }, (_, id) => ({ ...known, device: unknownGpu(id) })),
          };
          if (missingFigures(averages, now).length > 0) return;
          const body = reportBody(HOST, NOW, averages, now);
          expect(fitsSchema(ReportSchema, body)).toBe(true);
          expect(reportFaults(body)).toEqual([]);
        },
      ),
    );
  });
});

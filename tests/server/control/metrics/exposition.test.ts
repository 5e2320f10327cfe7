import { expect, test } from "bun:test";
import { Exposition, labelText } from "../../../../server/control/metrics/exposition.ts";
import { readMetrics } from "../../../support/prometheus.ts";

function exposition(openMetrics = false): Exposition {
  return new Exposition({ prefix: "a_", labels: { zone: "z" }, openMetrics });
}

test("families without a series are left out, and the others are told in order", () => {
  const out = exposition();
  out.family({ name: "none", type: "gauge", help: "Nothing." });
  out.family({ name: "some_total", type: "counter", help: "Some." });
  out.sample(2);
  out.sample(3, labelText({ x: 'q"\\\n' }));
  out.family({ name: "process_x", type: "gauge", help: "Common.", isCommon: true });
  out.sample(Infinity);
  expect(out.text()).toBe(
    [
      "# HELP a_some_total Some.",
      "# TYPE a_some_total counter",
      'a_some_total{zone="z"} 2',
      'a_some_total{x="q\\"\\\\\\n",zone="z"} 3',
      "# HELP process_x Common.",
      "# TYPE process_x gauge",
      'process_x{zone="z"} +Inf',
      "",
    ].join("\n"),
  );
});

test("a histogram has its bounds, all of them, its sum and its count", () => {
  const out = exposition();
  out.family({ name: "h", type: "histogram", help: "H." });
  out.histogram([1, 2.5], [3, 4, 9], 12.5, 'b="c"');
  const metrics = readMetrics(out.text());
  expect(metrics.value('a_h_bucket{b="c",le="1",zone="z"}')).toBe(3);
  expect(metrics.value('a_h_bucket{b="c",le="2.5",zone="z"}')).toBe(4);
  expect(metrics.value('a_h_bucket{b="c",le="+Inf",zone="z"}')).toBe(9);
  expect(metrics.value('a_h_sum{b="c",zone="z"}')).toBe(12.5);
  expect(metrics.value('a_h_count{b="c",zone="z"}')).toBe(9);
});

test("OpenMetrics names a counter's family without its suffix, and ends", () => {
  const out = exposition(true);
  out.family({ name: "some_total", type: "counter", help: "Some." });
  out.sample(1);
  expect(out.text()).toBe('# HELP a_some Some.\n# TYPE a_some counter\na_some_total{zone="z"} 1\n# EOF\n');
});

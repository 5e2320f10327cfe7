/** A small chart without axes. */

const WIDTH = 120;
const HEIGHT = 28;

/** Draws values, oldest first, over a fixed number of places; the newest is at the right. */
export function Spark(props: {
  readonly values: readonly number[];
  readonly label: string;
  readonly points?: number;
  readonly tone?: string;
  /** The height stands for at least that much. */
  readonly atLeast?: number;
}) {
  const { values, label, points = 60, tone = "", atLeast = 1 } = props;
  const top = Math.max(atLeast, ...values);
  const step = WIDTH / (points - 1);
  const start = WIDTH - (values.length - 1) * step;
  const at = values.map((value, index) => {
    const x = start + index * step;
    const y = HEIGHT - 2 - (value / top) * (HEIGHT - 4);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  const line = at.length < 2 ? "" : `M${at.join("L")}`;
  return (
    <svg
      class={`spark ${tone}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {line === "" ? null : (
        <path class="spark-fill" d={`${line}L${WIDTH} ${HEIGHT}L${start.toFixed(1)} ${HEIGHT}Z`} />
      )}
      <path class="spark-line" d={line} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

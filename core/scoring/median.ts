/** Gives the median of some numbers: the middle one, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  return medianOf(Float64Array.from(values), values.length);
}

/** Gives the median of the first `count` numbers, which it reorders: quickselect (Hoare), linear on average. */
export function medianOf(values: Float64Array, count: number): number {
  if (count === 0) return 0;
  const upper = count >> 1;
  const high = select(values, count, upper);
  if (count % 2 === 1) return high;
  // After the selection everything before `upper` is at most its value: the lower middle is the largest of that.
  let low = -Infinity;
  for (let i = 0; i < upper; i++) low = Math.max(low, values[i] ?? low);
  return (low + high) / 2;
}

/** Puts the number that would be at `rank` in sorted order there, smaller ones before it. */
function select(values: Float64Array, count: number, rank: number): number {
  let left = 0;
  let right = count - 1;
  while (left < right) {
    const pivot = values[(left + right) >> 1] ?? 0;
    let i = left;
    let j = right;
    while (i <= j) {
      while ((values[i] ?? 0) < pivot) i++;
      while ((values[j] ?? 0) > pivot) j--;
      if (i <= j) {
        const swapped = values[i] ?? 0;
        values[i++] = values[j] ?? 0;
        values[j--] = swapped;
      }
    }
    if (rank <= j) right = j;
    else if (rank >= i) left = i;
    else break;
  }
  return values[rank] ?? 0;
}

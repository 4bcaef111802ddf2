/** Bytes of a volume. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** See `Volume.holeAt`. */
export interface Hole {
  readonly hole: boolean;
  readonly end: number;
}

/** What is known at `offset`, where data on their way to `ranges` count as there; `found` is what the volume itself knows. */
export function holeBeside(ranges: readonly ByteRange[], offset: number, found: Hole): Hole {
  const over = coveredUntil(ranges, offset);
  if (over !== undefined) return { hole: false, end: over };
  if (!found.hole) return found;
  const next = Math.min(...ranges.filter((range) => range.offset > offset).map((range) => range.offset));
  return { hole: true, end: Math.min(found.end, next) };
}

/** The end of a range that `offset` is in. */
export function coveredUntil(ranges: readonly ByteRange[], offset: number): number | undefined {
  const over = ranges.find((range) => range.offset <= offset && offset < range.offset + range.length);
  return over && over.offset + over.length;
}

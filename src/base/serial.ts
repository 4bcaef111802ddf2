/**
 * Serial number arithmetic on 32 bits (RFC 1982), as CmdSN, StatSN and DataSN use it (RFC 7143 section 4.2.2.1): the
 * numbers form a ring, and one comes before another where the shorter way round leads forward. Two numbers exactly
 * 2^31 apart have no order; both comparisons are then false.
 */
export function serialAdd(serial: number, increment: number): number {
  return (serial + increment) >>> 0;
}

/** Steps from `from` to `to`: -2^31 to 2^31 - 1. */
export function serialDistance(from: number, to: number): number {
  return (to - from) | 0;
}

export function serialLess(left: number, right: number): boolean {
  return ((right - left) | 0) > 0;
}

export function serialLessOrEqual(left: number, right: number): boolean {
  return left >>> 0 === right >>> 0 || serialLess(left, right);
}

/** Whether `first` <= `serial` <= `last` on the ring; an empty range (`last` one before `first`) holds nothing. */
export function serialBetween(serial: number, first: number, last: number): boolean {
  return serialLessOrEqual(first, serial) && serialLessOrEqual(serial, last);
}

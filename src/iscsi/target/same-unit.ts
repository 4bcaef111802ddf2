/**
 * Whether two LUN fields name one unit: below 256 peripheral and flat space addressing do (SAM-5 4.7), and another host may use the
 * other one.
 */
export function sameUnit(left: Uint8Array, right: Uint8Array): boolean {
  return left.every((byte, at) => (at === 0 ? withoutMethod(byte) === withoutMethod(right[0]!) : byte === right[at]));
}

/** The two methods are 00b and 01b in the upper bits; of any other the field has to be the same. */
function withoutMethod(first: number): number {
  return first < 0x80 ? first & 0x3f : first;
}

/** What is wrong with bytes or values that came from outside: which field, what stood there, what would be allowed. */
export interface Violation {
  readonly field: string;
  readonly got: string;
  readonly limit: string;
}

/** Decoding is total: a value, or the violation that made it impossible; never a partial object. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly violation: Violation };

export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function violated(field: string, got: string | number | bigint, limit: string): Decoded<never> {
  return { ok: false, violation: { field, got: String(got), limit } };
}

export function describeViolation(violation: Violation): string {
  return `${violation.field}: got ${violation.got}, expected ${violation.limit}`;
}

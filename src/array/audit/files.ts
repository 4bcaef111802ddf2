/** The audit is a row of numbered files; the oldest go when there are too many. */

const NAME = /^audit-(\d{8})$/;

export function auditFileName(number: number): string {
  return `audit-${String(number).padStart(8, '0')}`;
}

/** Numbers of the audit files among `names`, ascending. */
export function auditFileNumbers(names: readonly string[]): number[] {
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((left, right) => left - right);
}

import type { Violation } from '../../base/violation.ts';

/** What a plain value read from outside must look like; answers with the first thing that is wrong. */
export type Shape = (value: unknown, at: string) => Violation | undefined;

function wrong(at: string, value: unknown, limit: string): Violation {
  return { field: at, got: brief(value), limit };
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

export function integer(least = 0, most = Number.MAX_SAFE_INTEGER): Shape {
  return (value, at) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? undefined
      : wrong(at, value, `a whole number from ${least} to ${most}`);
}

export const flag: Shape = (value, at) => (typeof value === 'boolean' ? undefined : wrong(at, value, 'true or false'));

export function text(form: RegExp, expected: string): Shape {
  return (value, at) => (typeof value === 'string' && form.test(value) ? undefined : wrong(at, value, expected));
}

export function oneOf(values: readonly (string | number | boolean)[]): Shape {
  return (value, at) => (values.some((known) => known === value) ? undefined : wrong(at, value, values.join(', ')));
}

export function listOf(item: Shape, limit: number): Shape {
  return (value, at) => {
    if (!Array.isArray(value)) return wrong(at, value, 'a list');
    if (value.length > limit) return wrong(at, value.length, `at most ${limit} entries`);
    for (const [index, entry] of value.entries()) {
      const violation = item(entry, `${at}[${index}]`);
      if (violation) return violation;
    }
    return undefined;
  };
}

/** Fields that are not named here may stand beside: a later version's additions that change nothing for this one. */
export function fields(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(at, value, 'an object');
    const given = new Map(Object.entries(value));
    for (const [name, shape] of Object.entries(required)) {
      if (!given.has(name)) return wrong(`${at}.${name}`, undefined, 'a value');
      const violation = shape(given.get(name), `${at}.${name}`);
      if (violation) return violation;
    }
    for (const [name, shape] of Object.entries(optional)) {
      const violation = given.has(name) ? shape(given.get(name), `${at}.${name}`) : undefined;
      if (violation) return violation;
    }
    return undefined;
  };
}

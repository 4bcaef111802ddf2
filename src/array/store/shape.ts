import type { Violation } from '../../base/violation.ts';

/** What a plain value read from outside must look like; answers with the first thing that is wrong, seen from the value. */
export type Shape = (value: unknown) => Violation | undefined;

/** The same, with where the value itself stands: `record.state.groups[0].name`. */
export function violationIn(shape: Shape, value: unknown, at: string): Violation | undefined {
  return within(at, shape(value));
}

/** A path is put together only where there is something to say: nearly every value is as it should be. */
function within(at: string, violation: Violation | undefined): Violation | undefined {
  return violation && { ...violation, field: `${at}${violation.field}` };
}

function wrong(value: unknown, limit: string): Violation {
  return { field: '', got: brief(value), limit };
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

export function integer(least = 0, most = Number.MAX_SAFE_INTEGER): Shape {
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
      ? undefined
      : wrong(value, `a whole number from ${least} to ${most}`);
}

export const flag: Shape = (value) => (typeof value === 'boolean' ? undefined : wrong(value, 'true or false'));

export function text(form: RegExp, expected: string): Shape {
  return (value) => (typeof value === 'string' && form.test(value) ? undefined : wrong(value, expected));
}

export function oneOf(values: readonly (string | number | boolean)[]): Shape {
  return (value) => (values.some((known) => known === value) ? undefined : wrong(value, values.join(', ')));
}

export function listOf(item: Shape, limit: number): Shape {
  return (value) => {
    if (!Array.isArray(value)) return wrong(value, 'a list');
    if (value.length > limit) return wrong(value.length, `at most ${limit} entries`);
    for (let index = 0; index < value.length; index += 1) {
      const violation = item(value[index]);
      if (violation) return within(`[${index}]`, violation);
    }
    return undefined;
  };
}

/** Fields that are not named here may stand beside: a later version's additions that change nothing for this one. */
export function fields(
  required: Readonly<Record<string, Shape>>,
  optional: Readonly<Record<string, Shape>> = {},
): Shape {
  const shapes = [...Object.entries(required), ...Object.entries(optional)];
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(value, 'an object');
    for (const [name, shape] of shapes) {
      const given = Object.hasOwn(value, name);
      if (!given && Object.hasOwn(required, name)) return within(`.${name}`, wrong(undefined, 'a value'));
      const violation = given ? shape((value as Record<string, unknown>)[name]) : undefined;
      if (violation) return within(`.${name}`, violation);
    }
    return undefined;
  };
}

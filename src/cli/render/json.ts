import type { Failure } from '../failure.ts';

/** The version of what `--json` prints; it changes only where a key changes its meaning or goes away. */
const VERSION = 'v1';

export function schemaName(command: string): string {
  return `cdctl/${command.replaceAll(' ', '.')}/${VERSION}`;
}

/** What every `--json` object begins with. */
export interface JsonResult {
  readonly ok: boolean;
  readonly changed?: boolean | undefined;
  readonly data?: object | undefined;
  readonly failure?: Failure | undefined;
}

/** One object on one line. Binary values become hex, which the annotated dumps use too. */
export function renderJson(command: string, result: JsonResult): string {
  const { ok, changed, data, failure } = result;
  const whole = {
    schema: schemaName(command),
    ok,
    ...(changed === undefined ? {} : { changed }),
    ...data,
    ...(failure === undefined ? {} : { error: failure }),
  };
  return line(whole);
}

/** One line of a stream of events: `hello` first, `end` last. */
export function renderEvent(command: string, event: object): string {
  return line({ schema: schemaName(command), ...event });
}

/** JSON leaves DEL, the C1 controls and the reversing characters as they are; a terminal would obey them. */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

function line(value: object): string {
  const text = JSON.stringify(value, plain);
  return `${text.replaceAll(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}

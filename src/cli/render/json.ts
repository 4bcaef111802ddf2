import { UNPRINTABLE } from '../../base/unprintable.ts';
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

/** JSON leaves all but the C0 controls as they are; a terminal would obey them, and nobody see the others. */
function line(value: object): string {
  const text = JSON.stringify(value, plain);
  return `${text.replaceAll(UNPRINTABLE, inJson)}\n`;
}

function inJson(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value as Map<string, unknown>);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}

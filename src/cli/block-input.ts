import type { FieldShape, Layout } from '../base/layout.ts';
import {
  processByNumber,
  PROCESSES,
  type MessageShape,
  type ProcessName,
  type RequestOf,
} from '../interface-block/process-table.ts';
import { type CliError, usageError } from './cli-error.ts';
import { parseInteger } from './values.ts';

/** Commands as they are typed: a process by name or number, fields as `name=value`. */

export function processNamed(text: string): ProcessName {
  const number = parseInteger(text);
  const found = number === undefined ? undefined : processByNumber(number)?.name;
  if (found) return found;
  if (Object.hasOwn(PROCESSES, text)) return text as ProcessName;
  throw usageError(`no process "${text}"`, `there are ${Object.keys(PROCESSES).join(', ')}`, 'name one of them');
}

/** Fields that are not given are zero, empty or false, which is what an empty layout means. */
export function requestFrom<N extends ProcessName>(
  process: N,
  sets: readonly string[],
  rows: readonly string[],
): RequestOf<N> {
  const shape: MessageShape = PROCESSES[process].request;
  const header = fill(shape.header, sets, `${process} --set`);
  if (rows.length > 0 && !shape.row) throw usageError(`${process} takes no rows`, '--row was given', 'leave --row out');
  const filled = rows.map((row) => fill(shape.row!, row.split(','), `${process} --row`));
  return { header, rows: filled } as unknown as RequestOf<N>;
}

function fill(layout: Layout, sets: readonly string[], where: string): Record<string, unknown> {
  const fields = layout.fields.filter((field) => field.kind !== 'constant' && field.kind !== 'reserved');
  const values = Object.fromEntries(fields.map((field) => [field.name, emptyValue(field)]));
  for (const set of sets) {
    const at = set.indexOf('=');
    const name = at < 0 ? set : set.slice(0, at);
    const field = fields.find((each) => each.name === name);
    if (!field || at < 0) {
      const known = fields.map((each) => each.name).join(', ') || 'none';
      throw usageError(
        `${where} ${set} cannot be read`,
        `it must be FIELD=VALUE; fields are ${known}`,
        'name one of them',
      );
    }
    values[name] = fieldValue(field, set.slice(at + 1), where);
  }
  return values;
}

function emptyValue(field: FieldShape): unknown {
  switch (field.kind) {
    case 'flag':
      return false;
    case 'text':
      return '';
    case 'hex':
      return '00'.repeat(field.size);
    case 'bytes':
      return new Uint8Array(field.size);
    case 'enum':
      return Object.keys(field.values ?? {})[0];
    default:
      return 0;
  }
}

function fieldValue(field: FieldShape, text: string, where: string): unknown {
  const wrong = (form: string): CliError =>
    usageError(`${where} ${field.name}=${text} cannot be read`, `${field.name} must be ${form}`, 'correct the value');
  switch (field.kind) {
    case 'flag':
      if (!/^(?:0|1|true|false)$/.test(text)) throw wrong('0 or 1');
      return text === '1' || text === 'true';
    case 'text':
      if (Buffer.byteLength(text) > field.size) throw wrong(`at most ${field.size} bytes`);
      return text;
    case 'hex':
      if (!new RegExp(`^[0-9a-f]{${field.size * 2}}$`, 'i').test(text)) throw wrong(`${field.size * 2} hex digits`);
      return text.toLowerCase();
    case 'enum':
      if (!Object.hasOwn(field.values ?? {}, text)) throw wrong(`one of ${Object.keys(field.values ?? {}).join(', ')}`);
      return text;
    default: {
      const limit = field.size === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (field.size * 8) - 1;
      const number = parseInteger(text, limit);
      if (number === undefined) throw wrong(`a whole number from 0 to ${limit}`);
      return number;
    }
  }
}

export function checkRequestId(text: string | undefined): string | undefined {
  if (text === undefined || (/^[0-9a-f]{32}$/i.test(text) && !/^0+$/.test(text))) return text?.toLowerCase();
  throw usageError(
    `--request-id ${text} cannot be used`,
    'it must be 32 hex digits, not all zeros',
    'leave it out for a random one',
  );
}

import { decodeMessage } from '../../interface-block/message.ts';
import { processByNumber } from '../../interface-block/process-table.ts';
import { fitRecord } from './record.ts';

/** Bytes of a record that the parameters of a command may take. */
export const ASKED_LIMIT = 1024;

/**
 * The input parameter of a command as the audit tells of it: JSON of its header, with its rows where it has some, cut where it
 * is long. No process takes a secret as a parameter (a test holds every field of the table against the list of those that are
 * known), so that nothing has to be struck out. Undefined where there is none, or it cannot be read: of that the refusal tells.
 */
export function askedOf(process: number, input: Uint8Array): string | undefined {
  const definition = processByNumber(process);
  const message = definition && decodeMessage(definition.request, input);
  if (!message?.ok) return undefined;
  const { header, rows } = message.value;
  const asked = { ...header, ...(rows.length > 0 && { rows }) };
  return Object.keys(asked).length === 0 ? undefined : fitRecord(JSON.stringify(asked, plain), ASKED_LIMIT);
}

function plain(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}

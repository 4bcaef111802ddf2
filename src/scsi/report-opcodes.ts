import { fromHex, writeU16, writeU32 } from '../base/bytes.ts';
import { cdbLength } from './opcode.ts';
import type { Command } from './opcode-table.ts';

/** REPORT SUPPORTED OPERATION CODES parameter data (SPC-4 6.35), read off the opcode table. */

const DESCRIPTOR_LENGTH = 8;
const TIMEOUTS_LENGTH = 12;
const SUPPORT = { no: 0x01, asStandard: 0x03 } as const;

/** REPORTING OPTIONS 0: every command. */
export function encodeAllOpcodes(commands: readonly Command[], withTimeouts: boolean): Uint8Array {
  const each = DESCRIPTOR_LENGTH + (withTimeouts ? TIMEOUTS_LENGTH : 0);
  const bytes = new Uint8Array(4 + commands.length * each);
  writeU32(bytes, 0, bytes.length - 4);
  commands.forEach((command, index) => {
    const at = 4 + index * each;
    bytes[at] = command.opcode;
    writeU16(bytes, at + 2, command.serviceAction ?? 0);
    bytes[at + 5] = (command.serviceAction === undefined ? 0 : 0x01) | (withTimeouts ? 0x02 : 0);
    writeU16(bytes, at + 6, cdbLength(command.opcode)!);
    if (withTimeouts) writeTimeouts(bytes, at + DESCRIPTOR_LENGTH);
  });
  return bytes;
}

/** REPORTING OPTIONS 1 to 3: one command, or that it is not supported. */
export function encodeOneOpcode(command: Command | undefined, withTimeouts: boolean): Uint8Array {
  if (command === undefined) return Uint8Array.of(0, SUPPORT.no, 0, 0);
  const usage = fromHex(command.usage);
  const bytes = new Uint8Array(4 + usage.length + (withTimeouts ? TIMEOUTS_LENGTH : 0));
  bytes[1] = (withTimeouts ? 0x80 : 0) | SUPPORT.asStandard;
  writeU16(bytes, 2, usage.length);
  bytes.set(usage, 4);
  if (withTimeouts) writeTimeouts(bytes, 4 + usage.length);
  return bytes;
}

/** A command timeouts descriptor with no timeouts indicated (SPC-4 6.35.4). */
function writeTimeouts(bytes: Uint8Array, offset: number): void {
  writeU16(bytes, offset, TIMEOUTS_LENGTH - 2);
}

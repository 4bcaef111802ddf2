import { fromHex, readU16, readU32, writeU16, writeU32 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { cdbLength } from './opcode.ts';
import { commandsOf, type Command } from './opcode-table.ts';

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

/** The commands of REPORTING OPTIONS 0 that stand in the opcode table, as far as the bytes reach. */
export function decodeAllOpcodes(bytes: Uint8Array): Decoded<readonly Command[]> {
  if (bytes.length < 4)
    return violated('REPORT SUPPORTED OPERATION CODES', `${bytes.length} bytes`, 'at least 4 bytes');
  const end = Math.min(bytes.length, 4 + readU32(bytes, 0));
  const commands: Command[] = [];
  for (let at = 4; at + DESCRIPTOR_LENGTH <= end;) {
    const flags = bytes[at + 5]!;
    const serviceAction = (flags & 0x01) === 0 ? undefined : readU16(bytes, at + 2);
    // One that has service actions in the table may be listed without them.
    const named = commandsOf(bytes[at]!).filter((command) => {
      return serviceAction === undefined || command.serviceAction === serviceAction;
    });
    commands.push(...named);
    at += DESCRIPTOR_LENGTH + ((flags & 0x02) === 0 ? 0 : TIMEOUTS_LENGTH);
  }
  return decoded(commands);
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

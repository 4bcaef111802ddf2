import { decodeBlockCdb, type BlockFields } from '../../scsi/cdb.ts';
import { commandsOf, lookUpCommand, type Command } from '../../scsi/opcode-table.ts';
import { cdbLength } from '../../scsi/opcode.ts';
import type { ScsiTask } from '../../scsi/task.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { sanitizeFault } from '../sanitize/sanitizer.ts';
import type { Channel } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, invalidOpcode, lbaOutOfRange, mediumNotPresent, notReady } from './faults.ts';
import { blockLimits } from './limits.ts';
import { unitSupports } from './unit-support.ts';
import { requireUnprotected } from './write-access.ts';

/** The checks that the opcode table calls for; `device-server.ts` has their order. */

/** The row of the opcode table, or INVALID COMMAND OPERATION CODE or, for a service action, INVALID FIELD IN CDB. */
export function findCommand(task: ScsiTask, unit: LogicalUnit): Command {
  const found = lookUpCommand(task.cdb);
  if (found === 'unknown-service-action') throw invalidFieldInCdb(1, 4, 'no such service action');
  if (found === 'unknown-opcode') throw invalidOpcode(task.cdb[0] ?? 0);
  if (unitSupports(unit, found)) return found;
  if (commandsOf(found.opcode).some((other) => unitSupports(unit, other))) {
    throw invalidFieldInCdb(1, 4, 'the unit has no such service action');
  }
  throw invalidOpcode(found.opcode);
}

/** While a unit is being sanitized it is there for nothing else. */
export function checkSanitize(unit: LogicalUnit, { duringSanitize }: Command): void {
  if (duringSanitize === true) return;
  const status = unit.sanitize?.status();
  if (status && status.state !== duringSanitize) throw sanitizeFault(status);
}

/** NOT READY comes before everything that looks at LBAs and fields. A virtual unit may have to be reached first. */
export async function checkReady(channel: Channel, unit: LogicalUnit, command: Command): Promise<void> {
  if (!command.needsMedium) return;
  if (channel.media.isEjected(unit.lun)) throw mediumNotPresent();
  const refused = () => (command.onNotReady ? unit.blockCount === 0 : unit.access() === 'none');
  if (!refused()) return;
  await unit.prepare?.();
  if (refused()) throw notReady(`${unit.name} is not ready for host commands`);
}

export function checkWriteProtection(channel: Channel, unit: LogicalUnit, command: Command): void {
  if (command.effect === 'write') requireUnprotected(channel, unit);
}

const NO_FIELDS: BlockFields = { lba: 0, blockCount: 0, protect: 0, options: 0 };
const NACA = 0x04;

/** The CDB's common fields, inside what the unit has; 0 blocks of WRITE SAME become the rest of the unit. */
export function checkedFields(task: ScsiTask, unit: LogicalUnit, command: Command): BlockFields {
  checkLength(task, command);
  if (!command.checksLba) return NO_FIELDS;
  const fields = cdbValue(decodeBlockCdb(task.cdb), 0);
  if (command.hasProtect && fields.protect !== 0) throw invalidFieldInCdb(1, 7, 'no protection information');
  if (fields.lba > unit.blockCount || fields.blockCount > unit.blockCount - fields.lba) {
    throw lbaOutOfRange(fields.lba, fields.blockCount, unit.blockCount);
  }
  return withinLimit(fields, unit, command);
}

/** The CDB is whole, and its CONTROL byte asks for nothing that there is not. */
export function checkLength(task: ScsiTask, command: Command): void {
  const length = cdbLength(command.opcode)!;
  if (task.cdb.length < length)
    throw invalidFieldInCdb(task.cdb.length, undefined, `a CDB of ${length} bytes is needed`);
  if ((task.cdb[length - 1]! & NACA) !== 0) throw invalidFieldInCdb(length - 1, 2, 'NACA is not supported');
}

function withinLimit(fields: BlockFields, unit: LogicalUnit, command: Command): BlockFields {
  const limits = blockLimits(unit);
  const fieldAt = { 6: 4, 10: 7, 12: 6, 16: 10 }[cdbLength(command.opcode)!]!;
  const atMost = (blockCount: number, limit: number): BlockFields => {
    if (blockCount > limit) throw invalidFieldInCdb(fieldAt, undefined, `${blockCount} blocks, the limit is ${limit}`);
    return blockCount === fields.blockCount ? fields : { ...fields, blockCount };
  };
  switch (command.lengthLimit) {
    case 'transfer':
      return atMost(fields.blockCount, limits.maximumTransfer);
    case 'atomic':
      return atMost(fields.blockCount, limits.maximumAtomic);
    case 'compare-and-write':
      return atMost(fields.blockCount, limits.maximumCompareAndWrite);
    case 'write-same':
      return atMost(
        fields.blockCount === 0 ? unit.blockCount - fields.lba : fields.blockCount,
        limits.maximumWriteSame,
      );
    default:
      return fields;
  }
}

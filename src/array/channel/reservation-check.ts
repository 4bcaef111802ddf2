import type { Command } from '../../scsi/opcode-table.ts';
import { OPCODE } from '../../scsi/opcode.ts';
import type { ScsiTask } from '../../scsi/task.ts';
import type { Channel } from './command-context.ts';
import { reservationConflict } from './faults.ts';

/** RESERVATION CONFLICT where a reservation of either method keeps the command out. */
export function checkReservation(channel: Channel, task: ScsiTask, lun: number, command: Command): void {
  const { persistent, reservations } = channel;
  const { nexus } = task;
  const need = accessNeeded(command, task.cdb);
  if (need !== 'free' && !command.ignoresReservation && reservations.conflicts(lun, nexus)) throw reservationConflict();
  // The methods exclude each other, also for the nexus that holds the reservation (SPC-2 5.5.1; CRH is 0).
  if (command.reservedAs === 'persistent' && reservations.isReserved(lun)) throw reservationConflict();
  if (command.reservedAs === 'spc2' && persistent.hasRegistrations(lun)) throw reservationConflict();
  if ((need === 'read' || need === 'write') && !persistent.allows(lun, nexus, need)) throw reservationConflict();
}

/** For a command that touches another unit than the one it was sent to. */
export function mayAccess(channel: Channel, nexus: string, lun: number, access: 'read' | 'write'): boolean {
  return !channel.reservations.conflicts(lun, nexus) && channel.persistent.allows(lun, nexus, access);
}

function accessNeeded(command: Command, cdb: Uint8Array): Command['reservedAs'] | 'always' {
  if (command.reservedAs === 'free') return command.ignoresReservation ? 'free' : 'always';
  return command.reservedAs === 'cdb' ? accessOfCdb(cdb) : command.reservedAs;
}

/** What starts a unit or lets go of a medium harms nobody (SBC-3 table 6, SPC-4 table 63). */
function accessOfCdb(cdb: Uint8Array): 'free' | 'write' {
  const [opcode, , , , flags = 0] = cdb;
  const isFree = opcode === OPCODE.startStopUnit ? (flags & 0x01) !== 0 && (flags & 0xf0) === 0 : (flags & 0x03) === 0;
  return isFree ? 'free' : 'write';
}

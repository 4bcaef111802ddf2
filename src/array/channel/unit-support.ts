import type { Command } from '../../scsi/opcode-table.ts';
import type { LogicalUnit } from '../logical-unit.ts';

/** What a unit of each kind can promise (see `CommandFacts.demands`). */
const PROMISES = {
  volume: ['stored-content', 'exclusive'],
  journal: ['stored-content', 'exclusive'],
  // The far array's own hosts reach the same blocks.
  virtual: ['stored-content'],
  // A READ answers a command. RESERVATION CONFLICT has a meaning of its own there: the slot is occupied.
  'command-device': [],
} as const satisfies Record<LogicalUnit['kind'], readonly NonNullable<Command['demands']>[]>;

/** Whether the unit has this command; one that it has not is answered as if it stood in no table. */
export function unitSupports(unit: LogicalUnit, command: Command): boolean {
  const promises: readonly string[] = PROMISES[unit.kind];
  return command.demands === undefined || promises.includes(command.demands);
}

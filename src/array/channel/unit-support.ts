import type { Command } from '../../scsi/opcode-table.ts';
import type { FarUnit } from '../far/far-unit.ts';
import type { LogicalUnit } from '../logical-unit.ts';

/** What a unit of each kind can promise (see `CommandFacts.demands`). */
const PROMISES = {
  volume: ['stored-content', 'exclusive'],
  journal: ['stored-content', 'exclusive'],
  // Everything else is the far array's to promise, whose own hosts reach the same blocks.
  virtual: ['stored-content'],
  // A READ answers a command. RESERVATION CONFLICT has a meaning of its own there: the slot is occupied.
  'command-device': [],
} as const satisfies Record<LogicalUnit['kind'], readonly NonNullable<Command['demands']>[]>;

type Supported = Pick<Command, 'demands'> & Partial<Pick<Command, 'name'>>;

/** Whether the unit has this command; one that it has not is answered as if it stood in no table. */
export function unitSupports(unit: LogicalUnit, command: Supported): boolean {
  const { demands } = command;
  if (unit.far && !carriedOutHere(command)) return farHas(unit.far, command);
  switch (demands) {
    case undefined:
      return true;
    case 'deallocation':
      return isThin(unit);
    case 'atomic-write':
      return (unit.atomicWriteBlocks ?? 0) > 0 && promises(unit, 'exclusive');
    case 'erasable':
      return unit.sanitize !== undefined && promises(unit, 'exclusive');
    case 'encrypted':
      return unit.encrypted === true && unit.sanitize !== undefined && promises(unit, 'exclusive');
    case 'removable-medium':
      return unit.removable === true;
    default:
      return promises(unit, demands);
  }
}

/** What needs nothing but READ and WRITE this array can do for a far LUN that has no such command. */
export function carriedOutHere({ demands }: Pick<Command, 'demands'>): boolean {
  return demands === undefined || demands === 'stored-content';
}

function farHas(far: FarUnit, { name }: Supported): boolean {
  return name !== undefined && far.facts()?.commands?.has(name) === true;
}

function promises(unit: LogicalUnit, promise: string): boolean {
  const made: readonly string[] = PROMISES[unit.kind];
  return made.includes(promise);
}

/** Thinly provisioned (LBPME): blocks can be given back, and it can be told which ones are. */
export function isThin(unit: LogicalUnit): boolean {
  if (unit.far) return unit.far.facts()?.long?.thin === true;
  return unit.deallocate !== undefined && unit.allocation !== undefined && unit.givesBack?.() !== false;
}

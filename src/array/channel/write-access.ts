import type { LogicalUnit } from '../logical-unit.ts';
import { sanitizeFault } from '../sanitize/sanitizer.ts';
import type { Channel } from './command-context.ts';
import { mediumNotPresent, notReady, softwareWriteProtected, writeProtected } from './faults.ts';

/** DATA PROTECT where hosts may not write now: the unit's own state, or SWP of its control mode page. */
export function requireUnprotected(channel: Channel, unit: LogicalUnit): void {
  if (unit.access() === 'read-only') throw writeProtected(unit.name);
  if (channel.softwareProtected.has(unit.lun)) throw softwareWriteProtected(unit.name);
}

/** NOT READY where hosts may not even read. */
export function requireReadable(channel: Channel, unit: LogicalUnit): void {
  const sanitizing = unit.sanitize?.status();
  if (sanitizing?.state === 'running') throw sanitizeFault(sanitizing);
  if (channel.media.isEjected(unit.lun)) throw mediumNotPresent();
  if (unit.access() === 'none') throw notReady(`${unit.name} is not ready for host commands`);
}

export function requireWritable(channel: Channel, unit: LogicalUnit): void {
  requireReadable(channel, unit);
  requireUnprotected(channel, unit);
}

import { decodeStartStopCdb } from '../../scsi/cdb.ts';
import type { CommandContext, CommandResult } from './command-context.ts';
import { cdbValue, invalidFieldInCdb, mediumRemovalPrevented } from './faults.ts';

/** START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL. */

const STANDBY = 3;

/** Nothing spins: every request that does not move a medium is already so, and IMMED makes no difference. */
export async function startStopUnit(context: CommandContext): Promise<CommandResult> {
  const { channel, lun, task, unit } = context;
  const fields = cdbValue(decodeStartStopCdb(task.cdb), 4);
  const { loadEject, noFlush, powerCondition, start } = fields;
  const flush = async (): Promise<void> => {
    if (!noFlush && !channel.media.isEjected(lun) && unit.access() !== 'none') await unit.flush();
  };
  // With a POWER CONDITION, START and LOEJ are ignored (SBC-3 5.25).
  if (!loadEject || powerCondition !== 0) {
    // Whoever stops a unit takes its cache for written, and may switch the power off.
    if (powerCondition === STANDBY || (powerCondition === 0 && !start)) await flush();
    return {};
  }
  if (unit.removable !== true) throw invalidFieldInCdb(4, 1, 'the medium cannot be removed');
  if (channel.media.isPrevented(lun)) throw mediumRemovalPrevented();
  if (start) {
    if (channel.media.load(lun)) channel.attentions.establish('mediumMayHaveChanged', { lun, except: task.nexus });
    return {};
  }
  await flush();
  // Another nexus may have asked for the medium to stay while the cache was written.
  if (channel.media.isPrevented(lun)) throw mediumRemovalPrevented();
  channel.media.eject(lun);
  return {};
}

const PREVENT = { allow: 0, prevent: 1 } as const;

export function preventAllowMediumRemoval(context: CommandContext): CommandResult {
  const { channel, lun, task } = context;
  const prevent = task.cdb[4]! & 0x03;
  if (prevent > PREVENT.prevent) throw invalidFieldInCdb(4, 1, `PREVENT ${prevent} is obsolete`);
  if (prevent === PREVENT.prevent) channel.media.prevent(lun, task.nexus);
  else channel.media.allow(lun, task.nexus);
  return {};
}

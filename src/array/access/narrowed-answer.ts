import { decodeMessage, encodeMessage } from '../../interface-block/message.ts';
import { PROCESSES } from '../../interface-block/process-table.ts';
import { STATUS } from '../../interface-block/status.ts';
import type { CommandOutcome } from '../command-device/types.ts';

const LIST = PROCESSES['volume.list'];

/**
 * The list of volumes for one who reaches only `groups` (undefined: all): that a volume is in use, and how, is told, but
 * not the names of the group and the pair. Every other query names its group, and is refused where that is not reached.
 */
export function narrowedAnswer(
  process: number,
  outcome: CommandOutcome,
  groups: readonly string[] | undefined,
): CommandOutcome {
  if (process !== LIST.number || outcome.status !== STATUS.ok || !groups) return outcome;
  const list = decodeMessage(LIST.reply, outcome.editedData);
  if (!list.ok) return outcome;
  const rows = list.value.rows.map((row) =>
    groups.includes(String(row['group'])) ? row : { ...row, group: '', pair: '' },
  );
  return { ...outcome, editedData: encodeMessage(LIST.reply, { ...list.value, rows }) };
}

import type { CommandDefinition } from '../definition.ts';
import { ARRAY_COMMANDS } from './array.ts';
import { BLOCK_COMMANDS } from './block.ts';
import { CONFIG_COMMANDS } from './config.ts';
import { JOURNAL_COMMANDS } from './journal.ts';
import { LAB_COMMANDS } from './lab.ts';
import { LUN_COMMANDS } from './lun.ts';
import { LUN_RESERVE_COMMANDS } from './lun-reserve.ts';
import { PAIR_COMMANDS } from './pair.ts';
import { REPLICATION_COMMANDS } from './replication.ts';

/** What each word that groups commands is about. */
export const FAMILIES: Readonly<Record<string, string>> = {
  lab: 'two arrays on this machine, for rehearsal',
  array: 'an array kept in a directory of this machine',
  'array volume': 'volumes of a running array',
  'array command-device': 'the command device management table of a running array (Fig. 5)',
  'array remote': 'other arrays that a running array can reach',
  lun: 'LUNs as a host sees them',
  'lun reserve': 'persistent reservations of a LUN',
  block: 'interface blocks (Fig. 6)',
  pair: 'pairs of volumes, in groups that share one write order',
  journal: 'the journals of a group (Fig. 12 to 15)',
  config: 'the configuration file',
};

export const CATALOGUE: readonly CommandDefinition[] = [
  ...LAB_COMMANDS,
  ...ARRAY_COMMANDS,
  ...LUN_COMMANDS,
  ...LUN_RESERVE_COMMANDS,
  ...BLOCK_COMMANDS,
  ...PAIR_COMMANDS,
  ...JOURNAL_COMMANDS,
  ...REPLICATION_COMMANDS,
  ...CONFIG_COMMANDS,
];

import type { ArgumentDefinition, CommandDefinition } from '../definition.ts';

const group: ArgumentDefinition = { name: 'group', doc: 'group of the configuration' };
const text: CommandDefinition['text'] = () => import('../render/group-change.ts');

export const PAIR_COMMANDS: readonly CommandDefinition[] = [
  {
    path: 'pair create',
    summary: 'form the pairs of a group and start copying (Fig. 10, 11)',
    changes: true,
    destructive: true,
    graceful: true,
    arguments: [group],
    options: [
      { flags: '--primary <array>', doc: 'array that is copied from', kind: 'text', required: true },
      { flags: '--no-copy', doc: 'the volumes are known to be equal', kind: 'flag' },
    ],
    examples: ['cdctl pair create oradb --primary tokyo', 'cdctl pair create oradb --primary tokyo --dry-run'],
    load: () => import('../commands/pair-create.ts'),
    text,
  },
  {
    path: 'pair show',
    summary: 'show state, journals, lag and the next step of groups',
    arguments: [{ ...group, optional: true, doc: 'group of the configuration; else all' }],
    load: () => import('../commands/pair-show.ts'),
    text: () => import('../render/pair-show.ts'),
  },
  {
    path: 'pair wait',
    summary: 'wait until a group is in a state; it runs no cycles itself',
    arguments: [group],
    graceful: true,
    options: [
      {
        flags: '--until <state>',
        doc: 'what to wait for',
        kind: 'text',
        choices: ['pair', 'suspended', 'empty', 'restored'],
        initial: 'pair',
      },
      { flags: '--sequence <number>', doc: 'with --until restored: the write that must be there', kind: 'integer' },
    ],
    load: () => import('../commands/pair-wait.ts'),
    text: () => import('../render/pair-wait.ts'),
  },
  {
    path: 'pair check',
    summary: 'ask whether a state holds: exit 0 if so, 1 if not',
    arguments: [group],
    options: [
      {
        flags: '--state <state>',
        doc: 'state that must hold',
        kind: 'text',
        choices: [
          'absent',
          'partly-formed',
          'copying',
          'replicating',
          'suspended',
          'handing-over',
          'taken-over',
          'diverged',
          'unknown',
        ],
        initial: 'replicating',
      },
      { flags: '--primary <array>', doc: 'array that must be primary', kind: 'text' },
      { flags: '--consistent', doc: 'the auxiliary volumes must be usable as of some moment', kind: 'flag' },
      { flags: '--max-lag <duration>', doc: 'the oldest missing write may be so old', kind: 'duration' },
    ],
    load: () => import('../commands/pair-check.ts'),
    text: () => import('../render/pair-check.ts'),
  },
  {
    path: 'pair split',
    summary: 'suspend a group; both sides keep account of what they write',
    changes: true,
    graceful: true,
    arguments: [group],
    load: () => import('../commands/pair-split.ts'),
    text,
  },
  {
    path: 'pair resync',
    summary: 'resume a suspended group by copying the differences',
    changes: true,
    destructive: true,
    graceful: true,
    arguments: [group],
    options: [
      { flags: '--from <array>', doc: 'array whose data is kept; else the one that is primary', kind: 'text' },
      { flags: '--discard <array>', doc: 'array whose own writes are given up', kind: 'text' },
    ],
    examples: [
      'cdctl pair resync oradb --from tokyo',
      'cdctl pair resync oradb --from osaka --discard tokyo --confirm oradb',
    ],
    load: () => import('../commands/pair-resync.ts'),
    text,
  },
  {
    path: 'pair delete',
    summary: 'dissolve the pairs of a group, or GROUP/PAIR',
    changes: true,
    destructive: true,
    graceful: true,
    arguments: [{ name: 'group', doc: 'group, or GROUP/PAIR' }],
    options: [
      { flags: '--reachable-only', doc: 'also where one array does not answer and will not come back', kind: 'flag' },
    ],
    load: () => import('../commands/pair-delete.ts'),
    text,
  },
];
